"""`headstart log` and `rollback`, and `--version` of the commands that open a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_models import saved

from headstart.cli.main import main
from headstart.model import TransferModel
from headstart.model.versions import write_version


@pytest.fixture
def run(tmp_path) -> Path:
    place = saved(tmp_path / "run")
    changed = TransferModel.load(place).update(np.full((3, 4), 9.0), ["new"] * 3)
    write_version(place, changed, {"what": "update", "added": 3, "new_labels": ["new"]})
    return place


def test_the_log_lists_versions_and_moves(run, capsys):
    assert main(["rollback", str(run)]) == 0
    assert "1 is in force" in capsys.readouterr().out
    assert main(["log", str(run)]) == 0
    out = capsys.readouterr().out
    assert "update, 3 items, 1 new class" in out
    assert "from version 2 to 1" in out
    assert main(["log", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["in_force"] == 1
    assert [one["what"] for one in found["versions"]] == ["fit", "update"]
    assert [one["to"] for one in found["moves"]] == [1]
    assert main(["rollback", str(run), "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["in_force"] == 2


def test_a_version_is_named_by_its_number(run, tmp_path, capsys):
    rows = tmp_path / "rows.csv"
    rows.write_text("9.1,9.0,9.0,9.0\n9.0,9.2,9.0,9.0\n")
    for number, wanted in (("1", False), ("2", True)):
        assert main(["predict", str(run), str(rows), "--version", number]) == 0
        assert ("new" in capsys.readouterr().out) == wanted
    assert main(["predict", str(run), str(rows), "--version", "3"]) == 2
    assert "no version 3; its versions are 1, 2" in capsys.readouterr().err
    assert main(["rollback", str(run), "3"]) == 2
    assert main(["log", str(tmp_path / "nowhere")]) == 2


def test_the_commands_say_what_is_wrong_with_the_pointer_and_mend_it(run, capsys):
    (run / "current").write_text("")
    assert main(["predict", str(run), "1,2,3,4"]) == 1
    told = capsys.readouterr().err
    assert f"is empty; its versions are 1, 2: 'headstart rollback {run} N' puts one of them in force." in told
    assert main(["log", str(run)]) == 0
    shown = capsys.readouterr()
    assert "update, 3 items, 1 new class" in shown.out
    assert "is empty" in shown.err + shown.out
    assert main(["log", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["in_force"], "is empty" in found["problem"]) == (None, True)
    assert main(["rollback", str(run)]) == 1
    assert main(["rollback", str(run), "1", "--to", "2"]) == 2
    assert main(["rollback", str(run), "--to", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["from"] is None
    assert main(["log", str(run)]) == 0
    assert "'current' was damaged; in force is version 2" in capsys.readouterr().out


def test_the_log_names_damaged_versions_copies_and_dates_of_files(run, capsys):
    (run / "versions" / "2" / "model.safetensors").unlink()
    shutil.copytree(run / "versions" / "2", run / "versions" / "5")
    assert main(["log", str(run)]) == 0
    shown = capsys.readouterr()
    told = shown.out + shown.err
    assert "in force, see below" in told
    assert "model.safetensors' is missing. Copy it again, or put another one in force with" in told
    assert f"'headstart rollback {run} 1'" in told
    assert "versions/5' was never in force and is not used" in told
    assert "(file date)" in told


@pytest.mark.parametrize("word", ["1,2,3,4", "1 2 3 4", "-1.5", "1e3, 2"])
def test_a_row_on_the_command_line_is_told_where_rows_are_given(run, word, capsys):
    assert main(["predict", str(run), "--", word]) == 2
    told = capsys.readouterr().err
    assert f"'{word}' is a row of numbers" in told
    assert f"echo '{word}' | headstart predict MODEL -" in told
    assert "in a table" in told
