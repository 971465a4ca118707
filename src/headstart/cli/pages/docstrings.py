"""Facts of a method from its docstring: name, summary, paper, and an example that runs on its own."""

from __future__ import annotations

import ast
import builtins
import doctest
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

__all__ = ["Facts", "citation", "example_of", "facts_of", "main_name", "paper_of", "public_of"]

MOST_LINES = 5  # of an example, without imports
CITING = {"Reference", "References"}
VACUOUS = ("__name__", "__dataclass_fields__", "__annotations__")  # an example that reads these shows no use


@dataclass(frozen=True)
class Facts:
    """The facts that a docstring gives of a method.

    Attributes:
        name: the field's name for it.
        line: what it does, in one sentence.
        paper: authors, title, venue and year; empty where none is cited.
        command: the command line that uses it, or a dash and the reason why there is none; empty for the default of
            its section.
        transfers: of a strategy: ``"features"``, ``"parameters"`` or ``"structure"``.

    Examples:
        >>> from headstart.tune import frozen
        >>> facts_of(frozen).transfers
        'features'
    """

    name: str
    line: str
    paper: str = ""
    command: str = ""
    transfers: str = ""


def facts_of(target: Any) -> Facts | None:
    """The facts of a module, class or function; None where its docstring does not begin with a name and a colon.

    Examples:
        >>> from headstart.tune import frozen
        >>> facts_of(frozen).name
        'Feature transfer'
    """
    first, *rest = _paragraphs(inspect.getdoc(target) or "")
    # "NAME: LINE." at the start; "The coefficients: ..." and the like are sentences about something, not names
    summary = re.match(r"(?!(?:The|Which|What|How|Whether) )(?P<name>[^:.`]{2,60}): (?P<line>.*?[.])(?=\s|$)", first)
    if summary is None:
        return None
    line, given = summary["line"], dict(_labelled(rest))
    return Facts(
        name=summary["name"],
        line=line[0].upper() + line[1:],
        paper=paper_of(target),
        command=given.get("Command", ""),
        transfers=given.get("Transfers", "").rstrip("."),
    )


def paper_of(*documented: Any) -> str:
    """The paper cited in the first of several docstrings that cites one; empty where none does.

    Examples:
        >>> from headstart.heads import knn
        >>> paper_of(knn, knn.KNearestNeighbours)[:12]
        'Cover & Hart'
    """
    found = (dict(_labelled(_paragraphs(inspect.getdoc(one) or ""))) for one in documented)
    return next((citation(one.get("Reference") or one["References"]) for one in found if CITING & set(one)), "")


def citation(text: str) -> str:
    """Papers without the remarks that follow: up to the full stop or colon after the year of the last one.

    Examples:
        >>> citation('Hu et al. 2022, "LoRA: Low-Rank Adaptation"; Li 2018, "L2-SP": Ω(w) is a penalty. It holds.')
        'Hu et al. 2022, "LoRA: Low-Rank Adaptation"; Li 2018, "L2-SP"'
    """
    quoted, dated = False, False  # inside a title; after the year of the current paper
    for found in re.finditer(r"\"|;|\b(?:19|20)\d\d\b|[.:]+(?=\s|$)", text):
        if found[0] == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif found[0] == ";":
            dated = False
        elif found[0][0].isdigit():
            dated = True
        elif dated:
            return text[: found.start()]
    return text.rstrip(".")


def _labelled(paragraphs: list[str]) -> Iterator[tuple[str, str]]:
    """Label and text of each paragraph of the form ``Label: text``."""
    for paragraph in paragraphs:
        word, colon, text = paragraph.partition(":")
        if colon and word.isidentifier():
            yield word, text.strip()


def public_of(module: ModuleType) -> Iterator[Any]:
    """The public classes and functions of a module.

    Examples:
        >>> from headstart.scores import leep
        >>> [target.__name__ for target in public_of(inspect.getmodule(leep))]
        ['leep']
    """
    for name in module.__all__:
        target = getattr(module, name)
        if inspect.isclass(target) or inspect.isfunction(target):
            yield target


def _paragraphs(text: str) -> list[str]:
    """Paragraphs with their lines joined; the first is empty where there is no text."""
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text)]


def example_of(module: ModuleType, target: Any, *, helpers: bool = True) -> str:
    """The example of a method as a session, with the imports that it needs; empty where none shows a use.

    Args:
        module: the module of the method.
        target: its object. If its docstring has no example of two statements (an entry of a registry, say), the example
            of another public name of the module is taken.
        helpers: whether to look at other public names.

    Examples:
        >>> from headstart.scores import logme
        >>> example_of(inspect.getmodule(logme), logme).splitlines()[0]
        '>>> import numpy as np'
    """
    # a call shows the use of a function; an instance, such as a registered strategy, needs a line to make it too
    least = 1 if inspect.isfunction(target) or inspect.isclass(target) else 2
    own = target if least == 1 else type(target)
    first = [own] if own.__module__ == module.__name__ else []
    others = [(one, 2) for one in public_of(module)] if helpers else []
    for candidate, statements in [*((one, least) for one in first), *others]:
        examples = _first(candidate)
        if len(examples) >= statements:
            return _session(module, examples)
    return ""


def main_name(module: ModuleType) -> str:
    """The public name of a module that represents its method: the module's own name, or the one with most to show.

    Examples:
        >>> from headstart.scores import logme
        >>> main_name(inspect.getmodule(logme))
        'logme'
    """
    short = module.__name__.rpartition(".")[2]
    public = {target.__name__: len(_first(target)) for target in public_of(module)}
    # among names with an example, the one that shares most words with the module's name and its method's name
    words = set(re.findall(r"[a-z]+", f"{short} {(module.__doc__ or '').partition(':')[0]}".lower()))

    def fit(name: str) -> tuple[int, int]:
        return min(public[name], 2), len(words & set(name.lower().split("_")))

    return short if short in public else max(public, key=fit)


def _first(target: Any) -> list[doctest.Example]:
    """The first lines of an example, at most five without imports, that end in a result; none for a vacuous one."""
    kept: list[doctest.Example] = []
    lines, end = 0, 0
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(target) or ""):
        lines += 0 if _is_import(example.source) else len(example.source.splitlines())
        if lines > MOST_LINES or example.want.startswith("Traceback"):
            break
        kept.append(example)
        end = len(kept) if example.want else end
    shown = kept[:end]
    return [] if any(word in example.source for example in shown for word in VACUOUS) else shown


def _is_import(source: str) -> bool:
    return source.startswith(("import ", "from "))


def _session(module: ModuleType, examples: list[doctest.Example]) -> str:
    """The examples with the imports that the module's own names need, so that they run outside of it."""
    source = "".join(example.source for example in examples)
    own = [example.source.rstrip() for example in examples if _is_import(example.source)]
    # sorted as isort does: lines with `import`, then lines with `from`; without duplicates
    wanted = dict.fromkeys([*_imports(module, _free_names(ast.parse(source))), *own])
    lines = [f">>> {line}" for line in sorted(wanted, key=lambda line: (line.startswith("from "), line))]
    for example in examples:
        if _is_import(example.source):
            continue
        first, *rest = example.source.rstrip().splitlines()
        lines += [f">>> {first}", *(f"... {line}" for line in rest), *example.want.rstrip().splitlines()]
    return "\n".join(lines)


def _free_names(tree: ast.Module) -> set[str]:
    """Names that the code reads and does not define itself."""
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return loaded - set(_defined(tree)) - set(dir(builtins))


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]


def _imports(module: ModuleType, names: set[str]) -> list[str]:
    """The imports of these names, written as in the module; names that it defines are imported from it."""
    known = dict(_imported(ast.parse(inspect.getsource(module))))
    plain = sorted({known[name][0] for name in names if name in known and not known[name][1]})
    parts: dict[str, list[str]] = {}
    for name in sorted(names):
        origin, part = known.get(name, (module.__name__, name))
        if part:
            parts.setdefault(origin, []).append(part)
    return [*plain, *(f"from {origin} import {', '.join(parts[origin])}" for origin in sorted(parts))]


def _imported(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each name that a module imports, with its import line, or with the module it comes from and its name there."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                line = f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                yield (alias.asname or alias.name).split(".")[0], (line, "")
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                part = alias.name + (f" as {alias.asname}" if alias.asname else "")
                yield alias.asname or alias.name, (node.module or "", part)
