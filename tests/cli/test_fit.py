"""Fits that fail at once: nothing is encoded, made or announced."""

from __future__ import annotations

import sys

import pytest
from command_line import texts, write_csv

pytestmark = pytest.mark.usefixtures("few_penalties")


def test_a_strategy_without_its_extra_fails_before_the_frozen_fit(cli, monkeypatch):
    write_csv(cli.folder / "small.csv", texts(24))
    monkeypatch.setitem(sys.modules, "peft", None)
    outcome = cli("fit", "small.csv", "--source", "headstart:text", "--strategy", "lora")
    assert outcome.code == 2
    assert "pip install 'headstart[peft]'" in outcome.err
    assert "encoded" not in outcome.told
    assert not (cli.folder / "runs").exists()


def test_a_strategy_of_a_source_without_a_body_fails_before_the_audit(cli):
    write_csv(cli.folder / "rows.csv", [["a", "b", "label"], *([i, i % 7, "xy"[i % 2]] for i in range(20))])
    outcome = cli("fit", "rows.csv", "--item", "a,b", "--source", "vector", "--strategy", "lp_ft")
    assert outcome.code == 2
    assert "audit" not in outcome.out


def test_an_unknown_source_lists_what_a_user_can_take_and_announces_no_folder(cli):
    write_csv(cli.folder / "small.csv", texts(24))
    (cli.folder / "runs" / "small").mkdir(parents=True)
    (cli.folder / "runs" / "small" / "kept.txt").write_text("kept")
    outcome = cli("fit", "small.csv", "--source", "foo")
    assert outcome.code == 2
    assert "Unknown source 'foo'." in outcome.err
    for name in ("headstart:image", "timm:NAME", "hf:ORG/NAME", "local:PATH", "vector"):
        assert name in outcome.err
    for internal in ("timm:foo", "toy", "columns:", "fused:", "module:"):
        assert internal not in outcome.err
    assert "small-2" not in outcome.told
    assert "Did you mean 'headstart:image'?" in cli("fit", "small.csv", "--source", "image").err
