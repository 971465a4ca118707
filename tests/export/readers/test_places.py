"""The readers that are copied beside an exported model."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
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
    asked = "annotations" if file.name.startswith("annotated_") else "probabilities"
    assert {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} >= {asked}
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_reader_defines_every_name_that_it_uses(file):
    tree = ast.parse(file.read_text())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    made |= {argument.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for argument in node.args}
    made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(name.asname or name.name).partition(".")[0] for name in node.names}
    assert used - made - set(dir(builtins)) - {"__file__"} == set()


def loaded(file, probabilities):
    """The functions of a reader, without the lines that load its model."""
    tree = ast.parse(file.read_text())
    kept = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ImportFrom)]
    kept = [node for node in kept if not isinstance(node, ast.ImportFrom) or node.module not in OTHERS]
    names = {"__doc__": ast.get_docstring(tree), "__file__": "/folder/model.py", "sys": sys, "np": np, "Any": Any}
    names |= {"Image": Any, "WIDTH": 2, "FACTS": {"columns": ["a", "b"], "input": "numbers"}, "torch": torch_types}
    exec(compile(ast.Module(kept, []), file.name, "exec"), names)
    names |= {"answers": lambda found: found, "probabilities": probabilities, "annotations": probabilities}
    return names["main"]


OTHERS = ("PIL", "timm", "tokenizers", "transformers", "sentence_transformers")
torch_types = type("torch", (), {"Tensor": object})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_reader_says_how_it_is_called(file, capsys):
    """Without items with the code of a wrong call, and on request, for which no item is read."""
    main = loaded(file, lambda items: pytest.fail(f"it reads {items}"))
    assert main([]) == 2
    assert re.search(r"python (model\w*|reader)\.py", capsys.readouterr().err)
    assert main(["--help"]) == 0
    assert re.search(r"python (model\w*|reader)\.py", capsys.readouterr().out)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_item_that_cannot_be_read_is_one_sentence(file, capsys, tmp_path):
    (tmp_path / "table.csv").write_text("1,2\n")

    def fails(items):
        raise FileNotFoundError(2, "No such file or directory", str(items[0]))

    assert loaded(file, fails)([str(tmp_path / "table.csv")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("model.py: [Errno 2] No such file or directory")
    assert said.count("\n") == 1


@pytest.mark.parametrize("file", [file for file in FILES if "_rows" in file.name or "mlflow" in file.name], ids=str)
def test_a_table_with_a_header_or_other_columns_is_one_sentence(file, capsys, tmp_path):
    main, table = loaded(file, lambda rows: [f"row {row}" for row in rows]), tmp_path / "table.csv"
    for text, said in [("a,b\n1,2\n", "remove its header"), ("1,2,3\n", "has 3 columns, but the model reads 2.")]:
        table.write_text(text)
        assert main([str(table)]) == 2
        assert said in capsys.readouterr().err
    assert main([str(tmp_path / "none.csv")]) == 2
    assert "none.csv not found" in capsys.readouterr().err
    table.write_text("1,2\n3,4\n")
    assert main([str(table)]) == 0
    assert capsys.readouterr().out == "row [1.0, 2.0]\nrow [3.0, 4.0]\n"
