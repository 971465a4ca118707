"""The catalogue of methods: sections of the page, each with a function that finds its methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from inspect import isclass, isfunction
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from headstart.cli.pages.docstrings import Facts, facts_of, main_name, paper_of, public_of
from headstart.errors import UsageError
from headstart.registry import Registry

__all__ = ["SECTIONS", "Found", "Section"]


@dataclass(frozen=True)
class Found:
    """A method: its place in the code, and the facts of its docstring.

    Attributes:
        module: its module.
        target: its object in the module.
        facts: from the docstring.
        attribute: name of the object in the module.
        names: its names in the registry.
        pattern: of a source: the form of its names, such as ``timm:NAME``.

    Examples:
        >>> next(iter(SECTIONS[1].find())).names
        ('attention',)
    """

    module: ModuleType
    target: Any
    facts: Facts
    attribute: str = ""
    names: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        title: its heading.
        find: finds its methods.
        command: default for methods that state no command: a template where ``{name}`` is the name in the registry and
            ``{pattern}`` that of a source; or a dash and the reason why there is none.
        example: default session for methods without an example of their own; ``{name}`` as above.
        helpers: whether an example of another public name of the module is preferred to this default.

    Examples:
        >>> [section.title for section in SECTIONS][:2]
        ['Sources', 'Heads']
    """

    title: str
    find: Callable[[], Iterable[Found]]
    command: str
    example: str = ""
    helpers: bool = True


def _registered(place: str, transfers: str = "") -> Callable[[], Iterator[Found]]:
    """Find the entries of a registry that this package provides; of strategies, those that transfer ``transfers``."""

    def find() -> Iterator[Found]:
        registry: Registry[Any] = _at(place)
        for name in registry:
            where, _, attribute = registry.import_path(name).partition(":")
            if not where.startswith("headstart."):  # registered by another package
                continue
            module = import_module(where)
            facts = _named(module)
            if facts.transfers == transfers:
                pattern = registry[name].pattern if registry.kind == "source" else ""
                yield Found(module, registry[name], facts, attribute, (name,), pattern)

    return find


def _sources() -> Iterator[Found]:
    """The schemes of sources, and the sources of the install."""
    yield from _registered("headstart.sources:SOURCES")()
    for found in _registered("headstart.sources.embedded:BUILT_IN")():
        yield replace(found, pattern=f"headstart:{found.names[0]}")


def _scores() -> Iterator[Found]:
    """The modules of scores, each with the names under which its scores are registered."""
    registered: Registry[Any] = _at("headstart.scores:SCORES")
    places = {name: registered.import_path(name).partition(":")[0] for name in registered}
    places |= {name: f"headstart.scores.{name}" for name in _at("headstart.scores.registry:SOURCE_SCORES")}
    for found in _modules("headstart.scores")():
        names = [name for name, place in places.items() if place == found.module.__name__]
        own = found.module.__name__.rpartition(".")[2]
        yield Found(found.module, found.target, found.facts, found.attribute, (*sorted(names, key=lambda n: n != own),))


def _modules(*packages: str) -> Callable[[], Iterator[Found]]:
    """Find the modules of packages whose docstring begins with a name; one that cites a paper must have a name."""

    def find() -> Iterator[Found]:
        for module in (one for package in packages for one in _inside(import_module(package))):
            if facts_of(module) is None and "\nReference" not in (module.__doc__ or ""):
                continue  # not a method, but code that serves methods
            attribute = main_name(module)
            yield Found(module, getattr(module, attribute), _named(module), attribute)

    return find


def _functions(*packages: str) -> Callable[[], Iterator[Found]]:
    """Find the public functions and classes of packages or modules whose docstring begins with a name."""

    def find() -> Iterator[Found]:
        for module in (one for package in packages for one in _inside(import_module(package))):
            for attribute in module.__all__:
                target = getattr(module, attribute)
                facts = facts_of(target) if isfunction(target) or isclass(target) else None
                if facts is not None:
                    yield Found(module, target, replace(facts, paper=paper_of(target, module)), attribute)

    return find


def _inside(package: ModuleType) -> Iterator[ModuleType]:
    """The modules of a package, without its sub-packages; a module gives itself."""
    paths = None if package.__spec__ is None else package.__spec__.submodule_search_locations
    if paths is None:
        yield package
        return
    for one in iter_modules(paths, f"{package.__name__}."):
        if not one.ispkg:
            yield import_module(one.name)


def _named(module: ModuleType) -> Facts:
    facts = facts_of(module)
    if facts is None:
        raise UsageError(
            f"The docstring of {module.__name__} must begin with the method's name in the field and a colon; write it "
            f"as in 'Ridge regression: what it does.'."
        )
    return replace(facts, paper=paper_of(module, *public_of(module)))


def _at(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


# Defaults of whole sections. The page's test runs each with every name of its section.
STRATEGIES = "headstart.tune:STRATEGIES"
STRATEGY = "headstart fit DATA --strategy {name}"
MOVE = """\
>>> from dataclasses import replace
>>> from headstart.sources.toy_shift import toy_shift, toy_with_head
>>> from headstart.tune import STRATEGIES, Training
>>> shift = toy_shift()
>>> strategy = replace(STRATEGIES["{name}"], training=Training(epochs=1))
>>> model = strategy.fit(toy_with_head(shift), shift.train.take(range(24)))
>>> model.predict_proba(shift.test.items).shape
(240, 2)"""
FIT_HEAD = """\
>>> from headstart.checks import toy_task
>>> from headstart.heads import HeadSearch, select_head
>>> x, y, task = toy_task("classification")
>>> head = select_head(x, y, task, search=HeadSearch(heads=("{name}",)))
>>> head.head, head.loss < 0.1
('{name}', True)"""

LINEAR = tuple(
    f"headstart.linear.{name}"
    for name in ("ridge", "optimal_scoring", "leave_out", "leave_group_out", "lda_leave_out", "influence", "moments")
)

SECTIONS = (
    Section("Sources", _sources, "headstart fit DATA --source {pattern}"),
    Section("Heads", _registered("headstart.heads:HEADS"), "headstart fit DATA --head {name}", FIT_HEAD),
    Section(
        "Feature choice and fusion",
        _modules("headstart.heads.fusion", "headstart.heads.selection"),
        "headstart fit DATA --layers auto",
    ),
    Section(
        "Architecture search",
        _registered("headstart.search.registry:SEARCH_METHODS"),
        "headstart search DATA --method {name}",
    ),
    Section("Transferability scores", _scores, "headstart rank DATA --scores {name}"),
    Section(
        "Choice of a source",
        _modules("headstart.transfer.ranking.successive_halving"),
        "headstart rank DATA --time-limit 10m",
    ),
    Section("Strategies of feature transfer", _registered(STRATEGIES, "features"), STRATEGY, MOVE, helpers=False),
    Section("Strategies of parameter transfer", _registered(STRATEGIES, "parameters"), STRATEGY, MOVE, helpers=False),
    Section("Strategies of structure transfer", _registered(STRATEGIES, "structure"), STRATEGY, MOVE, helpers=False),
    Section("Explanations", _registered("headstart.explain:METHODS"), "headstart explain RUN ITEM --method {name}"),
    Section("Export formats", _registered("headstart.export:FORMATS"), "headstart export RUN --format {name} -o DIR"),
    Section(
        "Which labels would help",
        _modules("headstart.evaluate.learning_curve", "headstart.linear.optimal_design", "headstart.transfer.suggest"),
        "headstart suggest RUN UNLABELLED",
    ),
    Section(
        "Updates, removals and drift",
        _modules(
            "headstart.transfer.update",
            "headstart.transfer.forget",
            "headstart.linear.factor",
            "headstart.linear.mean_drift",
        ),
        "headstart update RUN NEW",
    ),
    Section("Domain adaptation", _registered("headstart.adapt:ADAPTERS"), "- (Python)"),
    Section("Label shift", _modules("headstart.adapt.label_shift"), "- (Python)"),
    Section("Augmentation", _modules("headstart.tune.augmentation"), "- (a setting of `headstart.tune.Training`)"),
    Section(
        "Losses",
        _functions("headstart.tune.losses"),
        "- (part of a strategy)",
    ),
    Section("Attacks", _modules("headstart.tune.attacks"), "- (Python)"),
    Section("Distillation", _modules("headstart.tune.distillation"), "headstart distill DATA --teacher NAME --out DIR"),
    Section("Tasks", _registered("headstart.tasks:TASKS"), "headstart fit DATA --task {name}"),
    Section("Metrics", _functions("headstart.evaluate.metrics"), "headstart evaluate MODEL DATA"),
    Section(
        "Intervals and tests",
        _functions("headstart.evaluate.intervals", "headstart.evaluate.shift.losses"),
        "headstart evaluate MODEL DATA",
    ),
    Section("Distribution shift", _modules("headstart.evaluate.shift"), "headstart drift RUN NEW"),
    Section(
        "Calibration",
        _functions(
            "headstart.linear.calibration",
            "headstart.linear.vector_scaling",
            "headstart.linear.calibration_choice",
            "headstart.linear.venn_abers",
            "headstart.tasks.prior_correction",
        ),
        "headstart fit DATA",
    ),
    Section(
        "Conformal prediction",
        _functions("headstart.linear.conformal", "headstart.linear.conformity", "headstart.linear.predictions_without"),
        "headstart predict RUN ITEM --coverage 0.9",
    ),
    Section(
        "Data",
        _functions("headstart.data.splits", "headstart.data.auditing"),
        "headstart inspect DATA",
    ),
    Section(
        "Label noise",
        _functions("headstart.heads.label_noise"),
        "headstart inspect DATA --labels",
    ),
    Section("Out-of-distribution detection", _functions("headstart.heads.out_of_distribution"), "- (Python)"),
    Section("Closed-form linear models", _modules(*LINEAR), "headstart fit DATA"),
)
