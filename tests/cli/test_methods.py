"""The page of methods: it is what registries and docstrings say, and what it shows parses, imports and runs."""

from __future__ import annotations

import builtins
import doctest
import re
import shlex
import symtable
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from headstart.cli.methods import methods_of, render
from headstart.cli.pages.catalogue import SECTIONS, _modules, _named
from headstart.cli.pages.docstrings import citation, example_of, facts_of
from headstart.cli.parser import build_parser
from headstart.errors import UsageError
from headstart.heads import HEADS
from headstart.registry import Registry
from headstart.scores import SCORES
from headstart.scores.registry import SOURCE_SCORES
from headstart.sources import SOURCES
from headstart.tasks import TASKS
from headstart.tune import STRATEGIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "methods.md"
TITLES = [section.title for section in SECTIONS]
TRAINING = [title for title in TITLES if title.startswith("Strategies") or title == "Distillation"]


@cache
def methods(title):
    return methods_of(next(section for section in SECTIONS if section.title == title))


def run(example: str, name: str) -> str:
    """What a session prints that it doesn't promise."""
    said: list[str] = []
    test = doctest.DocTestParser().get_doctest(example, {}, name, None, 0)
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    return "".join(said)


def test_the_page_is_made_from_registries_and_docstrings():
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m headstart.cli.methods > docs/methods.md"


@pytest.mark.parametrize("registry", [HEADS, STRATEGIES, SOURCES, TASKS, SCORES], ids=lambda registry: registry.plural)
def test_everything_that_is_registered_is_on_the_page(registry):
    ours = {name for name in registry if registry.import_path(name).startswith("headstart.")}
    on_the_page = {name for title in TITLES for method in methods(title) for name in method.names}
    assert ours
    assert ours | set(SOURCE_SCORES) <= on_the_page


def test_every_head_strategy_and_score_cites_a_paper():
    titles = ["Heads", "Transferability scores", *(title for title in TITLES if title.startswith("Strategies"))]
    without = [method.name for title in titles for method in methods(title) if not method.paper]
    assert without == ["Trained head"]


@pytest.mark.parametrize("title", TITLES)
def test_the_methods_of_a_section_are_importable_and_their_commands_parse(title):
    assert methods(title)
    for method in methods(title):
        module, _, attribute = method.place.rpartition(".")
        assert attribute in vars(import_module(module))
        assert (PAGE.parents[1] / "src" / "headstart" / method.file).is_file()
        if method.command.startswith("-"):
            assert method.command.startswith("- ("), f"{method.name}: a dash wants a reason"
        else:
            build_parser().parse_args(shlex.split(method.command)[1:])


def statements(examples: list[doctest.Example], *, imports: bool) -> list[tuple[str, str]]:
    """The import statements of a session, or its other statements, each with what it promises."""
    both = [(one.source, one.want.rstrip()) for one in examples]
    return [one for one in both if one[0].startswith(("import ", "from ")) == imports]


def code(examples: list[doctest.Example], *, imports: bool) -> str:
    return "".join(source for source, _ in statements(examples, imports=imports))


def unbound(source: str) -> set[str]:
    """The names that code reads and does not bind itself."""
    top = symtable.symtable(source, "session", "exec")
    bound = {one.get_name() for one in top.get_symbols() if one.is_assigned() or one.is_imported()}
    read = {one.get_name() for table in tables(top) for one in table.get_symbols() if one.is_global()}
    read |= {one.get_name() for one in top.get_symbols() if one.is_referenced()}
    return read - bound - set(dir(builtins))


def tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from tables(child)


def is_run_as_a_doctest(example: str, module: ModuleType) -> bool:
    """Whether a session is the beginning of a doctest of a module, and means the same outside of it.

    The doctest has the names of its module, the session those that it imports: each must be the same object.
    """
    session, names = doctest.DocTestParser().get_examples(example), {}
    exec(code(session, imports=True), names)
    wanted, shown = unbound(code(session, imports=False)), statements(session, imports=False)
    for test in doctest.DocTestFinder().find(module, module.__name__):
        known = dict(vars(module))
        exec(code(test.examples, imports=True), known)
        if shown and statements(test.examples, imports=False)[: len(shown)] == shown:
            return all(name in names and names[name] is known.get(name) for name in wanted)
    return False


def not_run_as_doctests(title):
    """The methods of a section whose lines no doctest runs."""
    modules = {method.name: import_module(method.place.rpartition(".")[0]) for method in methods(title)}
    return [method for method in methods(title) if not is_run_as_a_doctest(method.example, modules[method.name])]


@pytest.mark.parametrize("title", [title for title in TITLES if title not in TRAINING])
def test_the_lines_of_every_method_are_run_as_a_doctest_or_run_here(title):
    assert "".join(run(method.example, method.name) for method in not_run_as_doctests(title)) == ""


@pytest.mark.slow  # each trains a toy body
@pytest.mark.parametrize("title", TRAINING)
def test_the_lines_of_every_method_that_trains_run(title):
    assert "".join(run(method.example, method.name) for method in not_run_as_doctests(title)) == ""


def test_a_session_that_differs_from_the_doctest_is_not_taken_for_it():
    module = import_module("headstart.scores.logme")
    example = next(method.example for method in methods("Transferability scores") if "logme" in method.names)
    assert is_run_as_a_doctest(example, module)
    assert not is_run_as_a_doctest(example.replace("import numpy as np", "import math as np"), module)
    assert not is_run_as_a_doctest(example.replace(">>> import numpy as np\n", ""), module)
    assert not is_run_as_a_doctest(example + "\n0", module)
    assert not is_run_as_a_doctest(example, import_module("headstart.scores.leep"))


def test_a_block_that_does_not_run_is_found():
    assert "Expected" in run(">>> 1 + 1\n3", "planted")
    assert "NameError" in run(">>> np.ones(2)", "planted")


def test_the_examples_are_short_and_the_index_has_every_file():
    page = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"^```pycon\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        lines = [line for line in block.splitlines() if re.match(r"(>>>|\.\.\.) (?!import |from )", line)]
        assert 0 < len(lines) <= 5, block
    index = page.partition("\n## Index\n")[2]
    assert [m.name for t in TITLES for m in methods(t) if f"| {m.name} | `{m.file}` |" not in index] == []
    names = [line.split(" | ")[0].lower() for line in index.splitlines() if line.endswith(".py` |")]
    assert names == sorted(names)


def planted(docstring: str, example: str = "") -> ModuleType:
    module = ModuleType("headstart.planted")
    module.__doc__, module.__all__ = docstring, ["method"]

    def method() -> None:
        return None

    method.__doc__ = f"Do it.\n\nExamples:\n    {example}\n" if example else "Do it."
    module.method = method
    return module


def test_a_method_without_a_name_or_with_an_empty_example_is_refused():
    with pytest.raises(UsageError, match="begin with the method's name"):
        _named(planted("Ridge regression on targets.\n\nReference: Hoerl & Kennard 1970."))
    assert facts_of(planted("Machinery that serves others.")) is None
    module = planted("Ridge: of it.", ">>> method.__name__\n    'method'")
    assert example_of(module, module.method) == ""


def test_machinery_is_left_out_of_a_package_and_papers_end_where_remarks_begin():
    names = [found.module.__name__.rpartition(".")[2] for found in _modules("headstart.tune.augmentation")()]
    assert "cutmix" in names
    assert "mixing" not in names
    assert citation('A 2019, "B: c. d", ICCV: x = 1.') == 'A 2019, "B: c. d", ICCV'
    assert citation('A & B, "C", 2019; D et al. 2020, "E". It holds.') == 'A & B, "C", 2019; D et al. 2020, "E"'


def test_a_registry_tells_where_its_entries_stand():
    letters = Registry[str]("letter")
    letters.register("a", "headstart.heads.ridge:RIDGE")
    letters.register("b", "plain")
    assert [letters.import_path(name) for name in "ab"] == ["headstart.heads.ridge:RIDGE", "builtins"]
