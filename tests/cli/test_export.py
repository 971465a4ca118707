"""The command export."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart import fit
from headstart.cli.main import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "run"
    rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
    fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], baselines="none", verbose=False).save(folder)
    np.savetxt(folder.parent / "new.csv", rows, delimiter=",", header="a,b", comments="")
    return folder


def test_it_prints_what_was_compared_and_writes_the_folder(run, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    words = ["export", str(run), "-o", str(tmp_path / "out"), "--check", str(run.parent / "new.csv"), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parity"]["compared_with"]["flips"] == 0
    assert set(found["sizes"]) == {"model.onnx", "model.py"}
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_without_items_of_the_fit_a_model_of_rows_asks_for_some(run, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    assert main(["export", str(run), "-o", str(tmp_path / "out")]) == 2
    assert "name some to compare on with --check" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_ends_before_anything_is_loaded(tmp_path, capsys):
    assert main(["export", "no-such-run", "--format", "onxx", "-o", str(tmp_path / "out")]) == 2
    assert "Did you mean 'onnx'" in capsys.readouterr().err


def test_an_option_of_one_format_is_refused_for_others(run, tmp_path, capsys):
    words = ["export", str(run), "-o", str(tmp_path / "out"), "--format", "sklearn"]
    assert main([*words, "--with-decoder"]) == 2
    assert "--with-decoder is an option of the format onnx, not of 'sklearn'" in capsys.readouterr().err
    assert main([*words, "--items", "data"]) == 2
    assert "--items is an option of the format openvino_int8, not of 'sklearn'" in capsys.readouterr().err


def test_items_without_a_decoder_are_refused(run, tmp_path, capsys):
    assert main(["export", str(run), "-o", str(tmp_path / "out"), "--with-decoder"]) == 2
    assert "not for rows of numbers; leave out --with-decoder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
