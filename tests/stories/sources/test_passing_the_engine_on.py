"""The engine that a fit was given is passed to every call that takes one: the source of the package is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from source_imports import parsed

PACKAGE = Path(__file__).resolve().parents[3] / "src" / "headstart"
PLACES = ("evaluate", "transfer", "tune")
ALWAYS = {"encode", "extract"}  # also as methods: ``source.encode(items)`` chooses an engine of its own

# Calls that need no engine, and why.
EXCEPTIONS = {
    "tune/moving/toy.py: Engine()": "an example setting, which no fit uses",
    "transfer/annotating/run.py: Engine()": "the default, where the caller gave none for a folder",
    "transfer/run.py: Engine()": "the default, where the caller gave none for a folder",
    "tune/registry.py: fit_moved()": "`fit` takes no engine, since a strategy's own `Strategy.fit` need not take one",
    "tune/words/body.py: TransferModel()": "holds a body to train; the head that reads its rows is given the engine",
    "tune/moving/rehearsal.py: TransferModel()": "a head of zeros, which nothing is encoded for",
    "tune/frozen.py: TransferModel()": "of encoded items; the callers that have an engine set it on the result",
}


def taking_an_engine(trees: list[ast.Module]) -> set[str]:
    """Public functions with a keyword ``engine``, and the model, which has a field of this name."""
    found = {
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")  # a private function takes it by position, and mypy sees that it is there
        and any(one.arg == "engine" for one in node.args.kwonlyargs)
    }
    return found | ALWAYS | {"TransferModel"}


def defaults(tree: ast.Module) -> set[ast.AST]:
    """The default values of parameters and of fields."""
    found: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found += [*node.args.defaults, *node.args.kw_defaults]
        if isinstance(node, ast.ClassDef):
            found += [part.value for part in node.body if isinstance(part, ast.AnnAssign)]
    return {node for node in found if node is not None}


def without_engine(tree: ast.Module, names: set[str]) -> Iterator[tuple[str, int]]:
    allowed = defaults(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node in allowed:
            continue
        given = {keyword.arg for keyword in node.keywords}
        if isinstance(node.func, ast.Name):
            name = node.func.id
            made = name == "Engine" and not node.args and not given
            missing = name in names and not given & {"engine", None}
        elif isinstance(node.func, ast.Attribute):
            name, made = node.func.attr, False
            # `str.encode` takes a constant or nothing
            encodes = name == "encode" and bool(node.args) and not isinstance(node.args[0], ast.Constant)
            frozen = name == "fit" and isinstance(node.func.value, ast.Name) and node.func.value.id == "FROZEN"
            moves = name == "move" and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "shutil")
            missing = (encodes or frozen or moves) and not given & {"engine", None}
        else:
            continue
        if made or missing:
            yield f"{name}()", node.lineno


def omitted(package: Path, names: set[str]) -> list[str]:
    found = []
    for place in PLACES:
        for path in sorted((package / place).rglob("*.py")):
            where = path.relative_to(package).as_posix()
            for call, line in without_engine(parsed(path.read_text()), names):
                found.append(f"{where}: {call} in line {line}")
    return found


@pytest.fixture(scope="module")
def names() -> set[str]:
    files = [path for place in ("engine", "evaluate", "tune") for path in sorted((PACKAGE / place).rglob("*.py"))]
    return taking_an_engine([parsed(path.read_text()) for path in files])


def test_each_call_that_takes_an_engine_is_given_it(names):
    assert {"extract", "forgetting", "move", "seconds_per_step", "solved_start", "train_network"} <= names
    found = omitted(PACKAGE, names)
    assert [line for line in found if line.partition(" in line")[0] not in EXCEPTIONS] == []
    assert {line.partition(" in line")[0] for line in found} == set(EXCEPTIONS)


@pytest.mark.parametrize(
    "call",
    ["extract(source, items)", "encode(source, items)", "source.encode(items)", "Engine()", "FROZEN.fit(source, train)",
     "self.move(source, train)", "train_network(strategy, source, train)", "TransferModel(source, task, head)"],
)  # fmt: skip
def test_a_planted_omission_is_found(tmp_path, names, call):
    (tmp_path / "tune").mkdir()
    good = "extract(source, items, engine=engine)\nshutil.move(old, new)\nname.encode('utf-8')\n"
    text = f"def fit(source, engine=Engine()):\n    return {call}\n"
    (tmp_path / "tune" / "module.py").write_text(good + text)
    assert [line.rpartition(" ")[2] for line in omitted(tmp_path, names)] == ["5"]
