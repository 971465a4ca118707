"""What is public, that it is documented, and what importing it costs."""

from __future__ import annotations

import ast
import builtins
import doctest
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

    Two kinds of classes have nothing to run, so that their docstrings need no example: a Protocol or TypedDict, and a
    record, which is a dataclass without methods whose docstring says what its attributes are.
    """
    tree = ast.parse(source)
    public = exported(tree) or []
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in public:
            text = ast.get_docstring(node) or ""
            if not text or (">>>" not in text and not is_protocol(node) and not is_record(node)):
                found.append(node.name)
    return found


def is_protocol(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """A class that only names types: a Protocol, or a TypedDict."""
    bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
    return any(base.partition("[")[0] in {"Protocol", "TypedDict"} for base in bases)


def is_record(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """A dataclass that has fields only, each of them in its docstring."""
    if not isinstance(node, ast.ClassDef) or not any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        return False
    text = ast.get_docstring(node) or ""
    fields = [ast.unparse(field.target) for field in node.body if isinstance(field, ast.AnnAssign)]
    methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
    explained = all(re.search(rf"^ +{name}: ", text, re.MULTILINE) for name in fields)
    return not methods and "Attributes:" in text and explained


INSPECTIONS = {"callable", "dir", "hasattr", "issubclass", "vars"}


def shows_nothing(line: str) -> bool:
    """Whether a line of an example tells that something is there, and not what it does.

    Such are ``f.__name__``, ``"a" in C.__dataclass_fields__``, ``callable(f)`` and ``issubclass(C, D)``: they look at
    an object and call nothing of the library. What a call returns may be looked at.
    """
    tree = ast.parse(line)
    if all(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body):
        return True
    if not all(isinstance(node, ast.Expr) for node in tree.body):
        return False
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    called = {name for name in called if not name.endswith(".startswith")}
    dunders = [one for one in ast.walk(tree) if isinstance(one, ast.Attribute) and re.fullmatch("__.+__", one.attr)]
    return bool(dunders or called & INSPECTIONS) and called <= set(dir(builtins))


def vacuous(source: str) -> list[str]:
    """Functions, classes and methods whose example shows nothing."""
    read = doctest.DocTestParser().get_examples
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            examples = read(ast.get_docstring(node) or "")
            if examples and all(shows_nothing(example.source) for example in examples):
                found.append(node.name)
    return found


def bound(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
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


# whose names are attributes made on first use
LAZY = (SOURCE / "headstart" / "__init__.py", SOURCE / "headstart" / "adapt" / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_public_name_exists_and_is_documented_with_an_example(path):
    source = path.read_text()
    tree = ast.parse(source)
    public = exported(tree)
    if path.name not in {"__init__.py", "__main__.py"}:
        assert public is not None, "a module names what is public in __all__"
    if path not in LAZY:
        assert set(public or ()) <= bound(tree)
    assert undocumented(source) == []
    assert vacuous(source) == [], "an example shows a result that a reader wants to know"


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    pass",
        "def f():\n    'Do it.'",
        "class f:\n    pass",
        "@dataclass\nclass f:\n    a: int",
        "@dataclass\nclass f:\n    'Two.\\n\\n    Attributes:\\n        a: one.'\n    a: int\n    b: int",
        "@dataclass\nclass f:\n    'A.\\n\\n    Attributes:\\n        a: one.'\n    a: int\n    def b(self): return 1",
        "class f(Protocol):\n    a: int",
    ],
)
def test_the_check_of_documentation_catches_a_planted_gap(text):
    assert undocumented(f"__all__ = ['f']\n{text}") == ["f"]


@pytest.mark.parametrize(
    "text",
    [
        "class f(Protocol):\n    'What heads share.'",
        "class f(TypedDict):\n    'What calls share.'",
        "@dataclass\nclass f:\n    'One number.\\n\\n    Attributes:\\n        a: it.'\n    a: int",
        "def f():\n    '''Do it.\n\n    >>> f()\n    '''",
    ],
)
def test_a_protocol_and_a_record_need_no_example(text):
    assert undocumented(f"__all__ = ['f']\n{text}") == []


PLANTED = [
    "f.__name__",
    "f.__doc__",
    "f.__name__, f.__doc__",
    '"a" in f.__dataclass_fields__',
    "sorted(f.__dataclass_fields__)",
    "[name for name in f.__dataclass_fields__]",
    '"a" in f.__annotations__',
    'f.__annotations__["return"]',
    "callable(f)",
    'hasattr(f, "a")',
    'isinstance(f, type) and hasattr(f, "a")',
    "issubclass(f, ValueError)",
    '"a" in vars(f)',
    'sorted(name for name in vars(f) if not name.startswith("_"))',
]


@pytest.mark.parametrize("line", PLANTED)
def test_the_check_of_examples_catches_a_planted_one_that_shows_nothing(line):
    assert vacuous(f"def f():\n    '''Do it.\n\n    >>> import math\n    >>> {line}\n    True\n    '''") == ["f"]


@pytest.mark.parametrize("line", ["f(2)", "type(f(2)).__name__", "math.pi", "f(2).size, f.__name__", "a = f(2)"])
def test_an_example_that_shows_a_result_passes(line):
    assert vacuous(f"def f():\n    '''Do it.\n\n    >>> {line}\n    4\n    '''") == []


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
