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
