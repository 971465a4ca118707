"""What `headstart inspect` says before a fit."""

from __future__ import annotations

import json

from headstart.cli.main import main


def table(path):
    lines = [f"take{k}_speaker{k % 4},{k / 10},{'low' if k < 16 else 'high'}" for k in range(32)]
    path.write_text("\n".join(["file,x,label", *lines]) + "\n")
    return str(path)


def test_names_that_may_tell_groups_are_shown_with_their_option(tmp_path, capsys):
    """Kind: something that a fit checks and that inspect does not mention."""
    words = ["inspect", table(tmp_path / "a.csv"), "--label", "label", "--item", "x"]
    assert main(words) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert r"4 by --group-col file --group-pattern 'speaker(\d+)', such as 0, 1, 2: a fit checks whether" in out
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["possible_groups"]
    assert found == {r"--group-col file --group-pattern 'speaker(\d+)'": ["0", "1", "2", "3"]}


def test_groups_that_are_given_end_the_search(tmp_path, capsys):
    words = ["inspect", table(tmp_path / "a.csv"), "--label", "label", "--item", "x", "--group-col", "file"]
    assert main([*words, "--group-pattern", r"speaker(\d+)"]) == 0
    assert "possible groups" not in capsys.readouterr().out


def test_folders_of_splits_are_no_groups(tmp_path, capsys):
    subjects = ["stone", "river", "letter", "garden", "mirror", "candle", "bridge", "forest", "winter", "butter"]
    for part in ("train", "val"):
        for label in ("calm", "loud"):
            for k, subject in enumerate(subjects):
                path = tmp_path / "data" / part / label / f"{subject}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{label} {subject} {part} {subjects[k - 3]} {'very ' * k}")
    assert main(["inspect", str(tmp_path / "data"), "--json"]) == 0
    assert all(
        {"train", "val"} != set(found) for found in json.loads(capsys.readouterr().out)["possible_groups"].values()
    )
