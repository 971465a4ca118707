"""The process in which a reader runs: what it may not import, and what its failures say."""

from __future__ import annotations

import pytest

from headstart.errors import ParityError
from headstart.export.checking.process import run_reader


def reader(tmp_path, text):
    file = tmp_path / "model.py"
    file.write_text(text)
    return file


def test_a_reader_that_imports_headstart_is_refused(tmp_path):
    file = reader(tmp_path, "import headstart\ndef probabilities(items): return [[1.0]]")
    with pytest.raises(ParityError, match="must run without 'headstart'"):
        run_reader(file, ["a"], [], ["headstart"])


def test_the_last_line_of_an_error_is_reported(tmp_path):
    file = reader(tmp_path, "def probabilities(items): raise ValueError('the file is cut')")
    with pytest.raises(ParityError, match="does not run by itself: ValueError: the file is cut"):
        run_reader(file, ["a"], [], [])


def test_versions_and_answers_are_returned(tmp_path):
    file = reader(tmp_path, "def probabilities(items): return [[float(len(item)), 0.0] for item in items]")
    found = run_reader(file, ["ä", "bc"], ["numpy"], [])
    assert found.outputs.tolist() == [[1.0, 0.0], [2.0, 0.0]]
    assert list(found.packages) == ["numpy"]
