"""The readers that are copied beside an exported model."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

import pytest

from headstart.export.graph.bodies import Kind
from headstart.export.readers import places

FILES = sorted(Path(places.__file__).parent.glob("*.py.txt"))


def test_there_is_a_reader_for_each_runtime_and_kind_of_item():
    wanted = {f"{runtime}_{kind}.py.txt" for runtime in ("onnx", "openvino") for kind in Kind.__args__}
    assert {file.name for file in FILES} >= wanted


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_reader_is_python_on_its_own(file):
    text = file.read_text()
    tree = ast.parse(text)
    assert not re.search(r"^\s*(import|from) headstart", text, re.MULTILINE)
    assert {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} >= {"probabilities"}
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_reader_defines_every_name_that_it_uses(file):
    tree = ast.parse(file.read_text())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    made |= {argument.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for argument in node.args}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(name.asname or name.name).partition(".")[0] for name in node.names}
    assert used - made - set(dir(builtins)) - {"__file__"} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_reader_without_items_says_how_it_is_called(file):
    tree = ast.parse(file.read_text())
    start = next(node for node in tree.body if isinstance(node, ast.If))
    assert re.search(r"python model\w*\.py", ast.get_docstring(tree))
    assert ast.unparse(start.body[0]) == "if len(sys.argv) < 2:\n    sys.exit(__doc__)"
