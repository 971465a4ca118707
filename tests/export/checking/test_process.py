"""The process in which a reader runs: what it may not import, and what its failures say."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from headstart.errors import ParityError
from headstart.export.checking.process import EACH, LOADING, run_reader, time_limit


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


def test_a_reader_that_hangs_is_ended_with_what_it_started(tmp_path):
    """Of the kind: it waits for a process of its own, which holds its standard output open."""
    text = f"""
import subprocess, sys
from pathlib import Path
def probabilities(items):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path({str(tmp_path / "child")!r}).write_text(str(child.pid))
    child.wait()
"""
    with pytest.raises(ParityError, match=r"did not answer for 2 items within 2 s, so it was ended.*--check"):
        run_reader(reader(tmp_path, text), ["a", "b"], [], [], seconds=1.5)
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if _gone(child):
            break
        time.sleep(0.02)
    assert _gone(child)


def _gone(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{number}/stat")  # ended, and not yet waited for by the first process
    return stat.is_file() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"


def test_the_limit_grows_with_the_items_and_with_what_the_model_took():
    assert time_limit(0) == LOADING
    assert time_limit(1000) == LOADING + 1000 * EACH
    assert time_limit(10, 500.0) > time_limit(10, 100.0) > time_limit(10)
