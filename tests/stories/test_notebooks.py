"""Story: the notebooks of docs/ run as they stand, and their saved outputs are what a reader would see."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from notebooks import code_cells, in_kernel, in_process, parameters, text_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOKS = ("tutorial.ipynb", "tutorial.zh.ipynb")
CALLS = (
    "headstart.fit(", "run.plot.", "predict_sets(", "predict_or_abstain(", "novelty(", "explain(", "learning_curve",
    "suggest(", "headstart.compare(", "headstart.load(", "headstart.evaluate(",
)  # fmt: skip
ACCURACY = re.compile(r"^accuracy +(\d\.\d+)", re.MULTILINE)
MOST_BYTES = 500_000
AGREES = 0.04  # number formats of the CPU may move single items across a border


def read(name):
    return nbformat.read(DOCS / name, as_version=4)


def fit_cell(book):
    return next(cell for cell in code_cells(book) if cell.source.startswith("run = headstart.fit("))


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.filterwarnings("ignore:No installed font has the characters")
def test_the_code_of_a_notebook_runs_on_a_tiny_source(name, tmp_path, monkeypatch, three_folds, few_penalties):
    monkeypatch.chdir(tmp_path)
    book = read(name)
    (table,) = re.findall(r'"(support_requests\w*\.csv)"', parameters(book).source)
    rows = pd.read_csv(files("headstart") / "assets" / table)
    rows.groupby("intent").head(10).to_csv(tmp_path / "few.csv", index=False)
    names = in_process(book, source="toy", data=str(tmp_path / "few.csv"))
    assert names["run"].path is not None
    assert names["again"].task.labels == names["run"].model.task.labels
    assert names["run"].record["source"]["name"] == "toy"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_saved_outputs_are_complete_small_and_of_no_machine(name):
    book = read(name)
    cells = code_cells(book)
    source = "\n".join(cell.source for cell in cells)
    assert [call for call in CALLS if call not in source] == []
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    shown = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in shown} <= {"stream", "display_data", "execute_result"}
    assert {output.name for output in shown if output.output_type == "stream"} <= {"stdout"}
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 6
    assert (DOCS / name).stat().st_size < MOST_BYTES
    text = (DOCS / name).read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|usr|Users)/", text)
    assert "site-packages" not in text


def test_both_notebooks_run_the_same_code():
    """The translation differs in data, source, requests and comments only."""

    def shape(name):
        return [re.sub(r'"[^"]*"|#.*|runs/[\w-]+', "", cell.source) for cell in code_cells(read(name))]

    assert shape("tutorial.ipynb") == shape("tutorial.zh.ipynb")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "extra"), [("tutorial.ipynb", "text"), ("tutorial.zh.ipynb", "multilingual")])
def test_a_notebook_runs_in_a_kernel_and_finds_what_it_shows(name, extra, tmp_path):
    from headstart.sources import describe

    assert describe(f"headstart:{extra}").name == f"headstart:{extra}"
    book, saved = in_kernel(DOCS / name, tmp_path), read(name)
    assert all(
        "image/png" in output.data
        for cell in code_cells(book)
        for output in cell.outputs
        if output.output_type == "display_data"
    )
    for cell, before in zip(code_cells(book), code_cells(saved), strict=True):
        kinds = [{output.output_type, *output.get("data", {})} - {"stream"} for output in cell.outputs]
        wanted = [{output.output_type, *output.get("data", {})} - {"stream"} for output in before.outputs]
        assert [kind for kind in kinds if kind] == [kind for kind in wanted if kind], cell.source
    (now,), (then,) = (ACCURACY.findall(text_of(fit_cell(one))) for one in (book, saved))
    assert float(now) == pytest.approx(float(then), abs=AGREES)
    assert (tmp_path / "runs").is_dir()
