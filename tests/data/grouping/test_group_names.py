"""Groups that a pattern takes from names, of files and of a table's column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from headstart.cli.main import main
from headstart.data import read
from headstart.data.grouping.group_names import groups_by_pattern
from headstart.errors import DataError


def test_captures_matches_and_what_does_not_match():
    groups, note = groups_by_pattern(
        r"clip(\d+)", ["a/clip3_1.jpg", "a/clip12_1.jpg", "b/other.jpg", "b/clip3_9.jpg"], ""
    )
    assert groups.tolist() == ["3", "12", "(no group) b/other.jpg", "3"]
    assert note == "Found 2 groups in the names, such as 3 and 12. 1 item did not match; each forms its own group."
    assert groups_by_pattern(r"[ab](?=/)", ["a/1", "b/1"], "")[0].tolist() == ["a", "b"]
    assert groups_by_pattern(r"(\w)/(\w)", ["a/1", "b/1"], "")[0].tolist() == ["a 1", "b 1"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "not a valid regular expression"), ("x(y)", "matches no item name"), ("(wav)", "only one group")],
)
def test_patterns_that_give_no_groups_are_refused(pattern, message):
    with pytest.raises(DataError, match=message):
        groups_by_pattern(pattern, ["1.wav", "2.wav"], "'sounds'")


def test_a_folder_is_grouped_by_the_names_of_its_files(tmp_path):
    for label in ("no", "yes"):
        (tmp_path / label).mkdir()
        for speaker in ("ann", "bob", "cid"):
            for take in range(2):
                (tmp_path / label / f"{label}_{speaker}_{take}.txt").write_text(f"{label} by {speaker} {take} said so")
    data = read(tmp_path, group_pattern="_([a-z]+)_")
    assert sorted(set(data.groups.tolist())) == ["ann", "bob", "cid"]
    assert any(note.startswith("Found 3 groups in the names") for note in data.notes)


def test_a_column_is_taken_apart(tmp_path, capsys):
    frame = pd.DataFrame({"name": [f"R{k}_S{k // 3}" for k in range(12)], "x": np.arange(12.0), "y": ["a", "b"] * 6})
    data = read(frame, label="y", group_col="name", group_pattern=r"S(\d+)")
    assert data.groups.tolist() == [str(k // 3) for k in range(12)]
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert main(["inspect", str(tmp_path / "a.csv"), "--group-col", "name", "--group-pattern", r"S(\d+)"]) == 0
    assert "Found 4 groups in the names" in " ".join(capsys.readouterr().out.split())


def test_other_columns_are_kept_by_name_and_taken_along():
    frame = pd.DataFrame({"speaker": ["ann", "bob"] * 3, "x": np.arange(6.0), "y": ["a", "b", "a", "b", "a", "b"]})
    data = read(frame, label="y")
    assert data.named["speaker"].tolist() == ["ann", "bob"] * 3
    assert data.take([1, 3]).named["speaker"].tolist() == ["bob", "bob"]
