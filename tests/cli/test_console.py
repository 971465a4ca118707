"""Lines and progress as a user sees them."""

from __future__ import annotations

import time

from headstart.cli import console
from headstart.cli.console import ConsoleReporter, json_text


def test_a_stage_without_steps_is_named_when_it_takes_long(capsys, monkeypatch):
    monkeypatch.setattr(console, "QUIET_SECONDS", 0.05)
    with ConsoleReporter().progress("solving the head"):
        time.sleep(0.3)
    assert capsys.readouterr().err == "... solving the head\n"


def test_a_quick_stage_says_nothing(capsys):
    with ConsoleReporter().progress("auditing") as step:
        step(1, 2)
        step(2, 2)
    assert capsys.readouterr().err == ""


def test_steps_say_how_far_and_how_long(capsys, monkeypatch):
    monkeypatch.setattr(console, "QUIET_SECONDS", 0.0)
    with ConsoleReporter().progress("encoding") as step:
        step(0, 40)
        step(10, 40)
        step(40, 40)
    assert "encoding: 10 of 40, about 0 s left" in capsys.readouterr().err


def test_looking_is_told_and_is_no_part_of_the_speed(capsys, monkeypatch):
    monkeypatch.setattr(console, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(console, "PLAIN_EVERY", 0.0)
    with ConsoleReporter().progress("encoding") as step:
        step(0, 40, "looked at 10 of 40")
        step(30, 40, "30 from the store")
        time.sleep(0.2)
        step(31, 40, "5/s")
    said = capsys.readouterr().err
    assert "... encoding: looked at 10 of 40\n" in said
    assert "encoding: 31 of 40, about 2 s left (5/s)" in said


def test_numbers_that_are_not_finite_are_null():
    assert json_text({"a": [float("inf"), 1.0]}) == '{"a": [null, 1.0]}'
