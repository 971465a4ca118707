"""Mistakes of a first day: each is answered by a sentence that says what to do, at 80 columns, with exit code 2."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from headstart.cli.main import main

DELIVERY = ("my parcel {} is late", "where is order {} now", "the courier lost box {}", "no tracking news for {}")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A table, one without labels, one of one text a class, a text file, and pictures without folders for classes."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    texts = [DELIVERY[i % 4].format(i) for i in range(12)]
    for name, rows in {
        "reviews.csv": [["text", "label"], *([text, "ab"[i % 2]] for i, text in enumerate(texts))],
        "nolabels.csv": [["text"], *([text] for text in texts)],
        "single.csv": [["text", "label"], *([text, f"class {i}"] for i, text in enumerate(texts))],
    }.items():
        with Path(name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    Path("notes.txt").write_text("\n".join(texts))
    Path("flat").mkdir()
    for i in range(6):
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(f"flat/{i}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fit", "review.csv"], ["no file or folder 'review.csv'", "Did you mean 'reviews.csv'?"]),
        (["fit", "nolabels.csv"], ["there is none besides the items", "add a column of labels", "--label"]),
        (["fti", "reviews.csv"], ["Did you mean 'fit'?"]),
        (["train", "reviews.csv"], ["Did you mean 'fit'?"]),
        (["fit", "reviews.csv", "--model", "bert"], ["unknown option '--model'", "Did you mean '--source NAME'?"]),
        (["fit", "reviews.csv", "--label", "sentiment"], ["no column 'sentiment'", "'text', 'label'"]),
        (["fit", "flat"], ["'flat' have no labels", "a folder for each class"]),
        (["fit", "flat/0.png"], ["its label is not known", "a folder of such files for each class"]),
        (["predict", "flat", "x"], ["'flat' is not a model folder", "'headstart fit' wrote"]),
        (["predict", "nothere", "x"], ["'nothere' is not a model folder (there is no such folder)"]),
        (["predict", "notes.txt", "x"], ["'notes.txt' is not a model folder (it is a file)"]),
        (["fit", "single.csv"], ["label of its own", "nothing to learn from it", "--label"]),
        (["fit", "reviews.csv", "--source", "headstart:txt"], ["Did you mean 'headstart:text'?"]),
        (["fit", "reviews.csv", "--source", "toy", "--out", "flat"], ["something other than a run", "name another"]),
        (["fit", "notes.txt"], ["contains texts, but no labels", "a column of texts and one of labels"]),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else None,
)
def test_a_mistake_of_a_first_day_is_answered(words, says, capsys):
    try:
        code = main(words)
    except SystemExit as left:  # argparse leaves this way
        code = int(left.code or 0)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    said = " ".join(err.split())
    for part in says:
        assert part in said
    assert max(map(len, err.splitlines())) <= 80
    assert "Traceback" not in err
