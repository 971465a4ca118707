"""The layers, the length of files, what may be imported where and what may never be called; read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from source_imports import LAYERS, PACKAGE, imported_names, imports_of, parse, plant, unit

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 400


HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "sklearn",
    "pandas",
    "pyarrow",
    "datasets",
    "openvino",
    "ray",
    "matplotlib",
    "IPython",
}

# Where a heavy module stands at module level all the same, and why that costs nobody who does not use it.
HEAVY_ALLOWED = {
    ("heads.masks.network", "torch"): "the decoder network of masks; imported when one is built",
    ("sources.keras_bodies.modules", "torch"): "the layers of Keras; imported when a body is built",
    ("sources.keras_bodies.network", "torch"): "the network of them; imported when a body is built",
    ("heads", "sklearn"): "the heads that are its estimators; the registry imports each on first use",
    ("sources.detection_bodies.fastestdet", "torch"): "the layers of FastestDet; imported when a body is built",
    ("heads.boxes.network", "torch"): "the trained head of boxes; imported when it annotates",
    ("tune", "torch"): "what trains; the registry imports each strategy on first use, a frozen fit none of them",
    ("sources.toy_shift", "torch"): "a tiny body for tests and examples; nothing else imports it",
    ("estimators", "sklearn"): "its classes inherit from scikit-learn's; headstart.__getattr__ imports it on first use",
}

UNPICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def layer_violations(package: Path) -> list[str]:
    modules = parse(package)
    found = [f"{name} stands in no layer; add it to LAYERS" for name in modules if unit(name) not in LAYERS]
    for edge in imports_of(modules, lazy=True):
        above, below = unit(edge.importer), unit(edge.target)
        if above == below or above not in LAYERS or below not in LAYERS:
            continue
        if LAYERS[below] >= LAYERS[above]:
            found.append(
                f"{edge.importer}:{edge.line} (layer {LAYERS[above]}) imports {edge.target} (layer {LAYERS[below]})"
            )
    return found


def cycle(package: Path) -> list[str]:
    """A chain of modules that import each other, in functions too; a registry's lazy strings do not count."""
    modules = parse(package)
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for edge in imports_of(modules, lazy=False):
        graph[edge.importer].add(edge.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_level_imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """First parts of the names that running a module imports: not those in functions or under TYPE_CHECKING."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0], node.lineno
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


def heavy_imports(package: Path) -> list[tuple[str, str]]:
    """Modules, without the name of the package, and what they import, where no entry of HEAVY_ALLOWED covers them."""
    return [
        (inner, heavy)
        for inner, tree in ((name.partition(".")[2], tree) for name, tree in parse(package).items())
        for heavy, _ in module_level_imports(tree)
        if heavy in HEAVY
        and not any(f"{inner}.".startswith(f"{allowed}.") for allowed, of in HEAVY_ALLOWED if of == heavy)
    ]


def unsafe_calls(package: Path) -> list[str]:
    """Everything that may execute what it loads."""
    found = []
    for name, tree in parse(package).items():
        for imported, line in imported_names(tree):
            if imported.split(".")[0] in UNPICKLING:
                found.append(f"{name}:{line} imports {imported}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found += [f"{name}:{node.lineno} {reason}" for reason in unsafe(node)]
    return found


def unsafe(call: ast.Call) -> Iterator[str]:
    called = ast.unparse(call.func)
    given = {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg}
    if called in {"eval", "exec", "compile", "__import__"}:
        yield f"calls {called}"
    if called == "torch.load" and given.get("weights_only") != "True":
        yield "calls torch.load without weights_only=True"
    if called in {"yaml.load", "yaml.unsafe_load"}:
        yield f"calls {called}"
    for word in ("trust_remote_code", "allow_pickle"):
        if given.get(word, "False") != "False":
            yield f"passes {word}={given[word]}"


def test_imports_go_strictly_down_the_layers():
    assert layer_violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("importer", "text"),
    [
        ("types.py", "from headstart.linear import moments"),
        ("types.py", "import headstart.cli"),
        ("data/auditing/audit.py", "from headstart.linear.moments import Moments"),
        ("linear/moments.py", "def f():\n    from headstart.transfer import fit"),
        ("linear/moments.py", "from headstart import fit"),
        ("heads/registry.py", "HEADS = {'a': 'headstart.model:TransferModel'}"),
        ("misc/tools.py", ""),
    ],
)
def test_the_layer_check_catches_a_planted_violation(tmp_path, importer, text):
    files = {"__init__.py": "", "types.py": "", "linear/__init__.py": "", "linear/moments.py": ""}
    files |= {"heads/__init__.py": "from headstart.linear.moments import Moments", "transfer.py": "", "model.py": ""}
    assert layer_violations(plant(tmp_path, files)) == []
    assert len(layer_violations(plant(tmp_path, {importer: text}))) == 1


def test_no_module_imports_itself_in_a_round():
    assert cycle(PACKAGE) == []


def test_the_cycle_check_catches_a_planted_one(tmp_path):
    files = {"__init__.py": "", "data/__init__.py": "from headstart.data.auditing.audit import audit"}
    package = plant(tmp_path, files | {"data/auditing/audit.py": "import numpy"})
    assert cycle(package) == []
    plant(tmp_path, {"data/auditing/audit.py": "def f():\n    from headstart.data import name"})
    assert set(cycle(package)) == {"headstart.data", "headstart.data.auditing.audit"}


def test_heavy_modules_are_imported_in_functions():
    assert heavy_imports(PACKAGE) == []


def test_the_heavy_import_check_tells_module_level_from_function_level(tmp_path):
    text = "try:\n    import torch.nn\nexcept ImportError:\n    pass\ndef f():\n    import timm\n"
    text += "if TYPE_CHECKING:\n    import pandas\nclass A:\n    from sklearn import base\n"
    assert set(heavy_imports(plant(tmp_path, {"io.py": text}))) == {("io", "torch"), ("io", "sklearn")}


def test_nothing_executes_what_it_loads():
    assert unsafe_calls(PACKAGE) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "def f():\n    from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "numpy.load(path, allow_pickle=True)",
        "eval(text)",
        "exec(text)",
    ],
)
def test_the_check_of_unsafe_calls_catches_a_planted_one(tmp_path, text):
    assert len(unsafe_calls(plant(tmp_path, {"io.py": text}))) == 1


def test_the_check_of_unsafe_calls_lets_safe_ones_pass(tmp_path):
    text = "torch.load(path, weights_only=True)\nmodel.eval()\nre.compile('a')\nnumpy.load(path, allow_pickle=False)\n"
    assert unsafe_calls(plant(tmp_path, {"io.py": text})) == []


def test_no_file_is_longer_than_400_lines():
    files = [path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
    assert lengths["src/headstart/errors.py"] > 100
