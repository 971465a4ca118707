"""`headstart log` and `rollback`, and `--version` of the commands that open a model."""

from __future__ import annotations

import json
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
