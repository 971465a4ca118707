"""What is public, that it is documented, and what importing it costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import headstart

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
MODULES = sorted(SOURCE.rglob("*.py"))
HEAVY = {"torch", "torchvision", "timm", "transformers", "sklearn", "pandas", "scipy", "pyarrow", "datasets", "PIL"}


def exported(tree: ast.Module) -> list[str] | None:
    """The literal ``__all__`` of a module, or None where it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def undocumented(source: str) -> list[str]:
    """Public functions and classes without a docstring, or without an example in it.

    A Protocol has nothing to run, so that its docstring needs no example.
    """
    tree = ast.parse(source)
    public = exported(tree) or []
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in public:
            text = ast.get_docstring(node) or ""
            protocol = isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
            if not text or (">>>" not in text and not protocol):
                found.append(node.name)
    return found


def bound(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        else:
            leaves = (leaf for leaf in ast.walk(node) if isinstance(leaf, ast.Name))
            names |= {leaf.id for leaf in leaves if isinstance(leaf.ctx, ast.Store)}
    return names


def modules_loaded_by(code: str) -> set[str]:
    """First parts of the names of all modules that a fresh Python imports to run ``code``."""
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {name.split(".")[0] for name in re.findall(r"^import time:.*\| +(\S+)$", done.stderr, flags=re.MULTILINE)}


def command_line(*arguments: str) -> str:
    argv = ["headstart", *arguments]
    return f"import sys; sys.argv = {argv}; from headstart.cli import main; sys.exit(main())"


def test_all_is_what_is_public():
    tree = ast.parse((SOURCE / "headstart" / "__init__.py").read_text())
    for_type_checkers = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for leaf in node.body
        for alias in leaf.names
    }
    defined = {name for name, value in vars(headstart).items() if getattr(value, "__module__", "") == "headstart"}
    shown = {name for name in dir(headstart) if not isinstance(getattr(headstart, name), ModuleType)}
    assert set(headstart.__all__) - defined == for_type_checkers
    assert {name for name in defined | shown if not name.startswith("_")} == set(headstart.__all__)
    assert len(headstart.__all__) == len(set(headstart.__all__))
    with pytest.raises(AttributeError, match="no_such_name"):
        headstart.no_such_name  # noqa: B018


def test_the_promised_names_are_public():
    promised = {"TransferClassifier", "TransferRegressor", "TransferEncoder", "fit"}
    assert promised <= set(headstart.__all__)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_public_name_exists_and_is_documented_with_an_example(path):
    source = path.read_text()
    tree = ast.parse(source)
    public = exported(tree)
    if path.name not in {"__init__.py", "__main__.py"}:
        assert public is not None, "a module names what is public in __all__"
    if path != SOURCE / "headstart" / "__init__.py":  # whose names are attributes made on first use
        assert set(public or ()) <= bound(tree)
    assert undocumented(source) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    pass",
        "def f():\n    'Do it.'",
        "class f:\n    pass",
        "@dataclass\nclass f:\n    a: int",
        "class f(Protocol):\n    a: int",
    ],
)
def test_the_check_of_documentation_catches_a_planted_gap(text):
    assert undocumented(f"__all__ = ['f']\n{text}") == ["f"]


@pytest.mark.parametrize(
    "code",
    ["import headstart", command_line("--help"), command_line("fit", "--help")],
    ids=["import headstart", "headstart --help", "headstart fit --help"],
)
def test_looking_loads_nothing_heavy(code):
    loaded = modules_loaded_by(code)
    assert "headstart" in loaded
    assert loaded & HEAVY == set()


def test_the_check_of_loaded_modules_sees_a_heavy_one():
    assert "scipy" in modules_loaded_by("def f():\n    import scipy.linalg\nf()")


def test_the_version_is_that_of_the_installed_package():
    assert headstart.__version__ == version("headstart")


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sum(project["optional-dependencies"].values(), start=project["dependencies"])
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in wanted} - {"headstart"}
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[a-zA-Z0-9.]+", line) for line in lines)
    assert names <= {line.split("==")[0] for line in lines}
