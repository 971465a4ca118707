"""The notebooks of docs/: executed in a kernel or in this process, and written back with their outputs.

    python tests/helpers/notebooks.py docs/tutorial.ipynb

executes a notebook in a folder of its own and writes the outputs into the file. Run it twice, so that progress of the
first run (encoding, for which rows are kept) is not part of the outputs.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

FONT_CACHE = "Matplotlib is building the font cache"  # the first time that it draws
COLOUR = re.compile(r"\x1b\[[\d;]*m")
TIMEOUT = 900  # seconds of one cell


def code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells of a notebook that hold code."""
    return [cell for cell in book.cells if cell.cell_type == "code"]


def parameters(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The cell that holds the data and the source, by the tag that papermill uses too."""
    (cell,) = (cell for cell in code_cells(book) if "parameters" in cell.metadata.get("tags", []))
    return cell


def text_of(cell: nbformat.NotebookNode) -> str:
    """All text that a cell has put out, without colours."""
    parts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return COLOUR.sub("", "\n".join(parts))


def in_kernel(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Execute a notebook in a kernel of its own, in a folder; an error in a cell is raised."""
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    for cell in code_cells(book):
        cell.outputs, cell.execution_count = [], None
    client = NotebookClient(book, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "COLUMNS": "140"})
    return book


def in_process(book: nbformat.NotebookNode, **replaced: Any) -> dict[str, Any]:
    """Execute the code of a notebook here, with other parameters; the value of a cell is shown as a notebook would."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for place, cell in enumerate(code_cells(book)):
        tree = ast.parse(cell.source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {place}", "exec"), names)
        if last is not None:
            names["_"] = eval(compile(ast.Expression(last.value), f"cell {place}", "eval"), names)
            assert repr(names["_"])
            if "_repr_html_" in dir(names["_"]):
                assert names["_"]._repr_html_()
        if cell is parameters(book):
            names |= replaced
    return names


def _cleaned(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without times, versions and lines of progress, which differ from run to run."""
    book.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in code_cells(book):
        cell.metadata.pop("execution", None)
        cell.outputs = _one_stream(cell.outputs)
    return book


def _one_stream(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs of a cell, all printed lines in one, without progress and without the note on the cache of fonts."""
    printed = [output for output in outputs if output.output_type == "stream" and output.name == "stdout"]
    lines = "".join(output.text for output in printed).splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("... "))
    others = [output for output in outputs if output not in printed and FONT_CACHE not in output.get("text", "")]
    return ([nbformat.v4.new_output("stream", name="stdout", text=text)] if text else []) + others


def main(path: Path) -> None:
    """Execute a notebook and write it back."""
    with tempfile.TemporaryDirectory(prefix="headstart-notebook-") as folder:
        book = _cleaned(in_kernel(path, Path(folder)))
    nbformat.write(book, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
