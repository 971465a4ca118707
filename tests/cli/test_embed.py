"""Features of annotated data, and of what is no data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from headstart.annotations import Sentence
from headstart.cli.demonstration.annotations import drawn_cells, made_sentences
from headstart.cli.main import main
from headstart.data.annotations.writing import write_annotations
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.sources.positions.words import words_of
from headstart.sources.toy import ToySource

CONLL = "Ada B-PER\nslept O\n\nIn O\nOslo B-LOC\n. O\n\n"


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    path = tmp_path / "few.conll"
    path.write_text(CONLL)
    return path


def test_annotated_sentences_give_a_row_for_each_word(sentences: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    assert main(["embed", str(sentences), "--source", "toy", "--out", str(out)]) == 0
    table = pd.read_parquet(out)
    assert table["word"].tolist() == ["Ada", "slept", "In", "Oslo", "."]
    assert table["position"].tolist() == [0, 1, 0, 1, 2]
    assert table["id"].nunique() == 2
    items = [Sentence.of_words(["Ada", "slept"]), Sentence.of_words(["In", "Oslo", "."])]
    wanted = extract(words_of(ToySource(), "last"), items, engine=Engine(cache=False)).rows
    values = table.drop(columns=["id", "position", "word"]).to_numpy()
    np.testing.assert_array_equal(values, np.asarray(wanted)[:, : values.shape[1]])
    assert wanted.shape[1] == values.shape[1] + 19  # without the numbers on how a word is written


def test_the_words_stand_in_the_metadata_of_safetensors(sentences: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.safetensors"
    assert main(["embed", str(sentences), "--source", "toy", "--layers", "blocks", "--out", str(out)]) == 0
    with safe_open(out, "numpy") as file:
        assert json.loads(file.metadata()["words"])[3] == "Oslo"
        assert file.get_tensor("offsets").tolist() == [0, 2, 5]


def test_npy_and_rows_of_sentences(sentences: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rows.npy"
    assert main(["embed", str(sentences), "--source", "toy", "--out", str(out)]) == 2
    assert "encode sentences by --per item" in capsys.readouterr().err
    assert main(["embed", str(sentences), "--source", "toy", "--per", "item", "--out", str(out)]) == 0
    assert "a row is a sentence" in capsys.readouterr().out
    assert len(np.load(out)) == 2


def test_pictures_with_masks_give_a_row_each_and_masks_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_annotations(drawn_cells(2), tmp_path / "cells")
    out = tmp_path / "rows.csv"
    assert main(["embed", str(tmp_path / "cells"), "--source", "headstart:image", "--out", str(out)]) == 0
    assert "a row is a picture" in capsys.readouterr().out
    assert len(pd.read_csv(out)) == 2


def test_a_run_is_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import headstart

    run = headstart.fit(made_sentences(12), source="toy", baselines="none", verbose=False).save(tmp_path / "run")
    assert main(["embed", str(run), "--out", str(tmp_path / "rows.csv")]) == 2
    assert "is a model, not data; give the data" in capsys.readouterr().err
