"""Progress as a user sees it: one estimate of the time left, the time so far where nothing is counted."""

from __future__ import annotations

import io
import re
import sys
import time
from itertools import pairwise

import pytest

from headstart.reporting import ConsoleReporter, progress


class Screen(io.StringIO):
    """A terminal that keeps what is shown."""

    def isatty(self) -> bool:
        return True


def test_a_stage_without_steps_is_named_when_it_takes_long(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.05)
    with ConsoleReporter().progress("solving the head"):
        time.sleep(0.3)
    assert capsys.readouterr().err == "... solving the head\n"


def test_a_quick_stage_says_nothing(capsys):
    with ConsoleReporter().progress("auditing") as step:
        step(1, 2)
        step(2, 2)
    assert capsys.readouterr().err == ""


def test_steps_say_how_far_and_how_long(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    with ConsoleReporter().progress("encoding") as step:
        step(0, 40)
        step(10, 40)
        step(40, 40)
    assert "... encoding: 10 of 40, about 0 s left\n" in capsys.readouterr().err


def test_looking_is_told_and_is_no_part_of_the_speed(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.0)
    with ConsoleReporter().progress("encoding") as step:
        step(0, 40, "looked at 10 of 40")
        step(30, 40, "30 from the store")
        time.sleep(0.2)
        step(31, 40, "5/s")
    said = capsys.readouterr().err
    assert "... encoding: looked at 10 of 40\n" in said
    assert "encoding: 31 of 40, about 2 s left (5/s)" in said


def test_a_stage_without_steps_says_how_long_it_has_taken(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.1)
    said, deadline = "", time.monotonic() + 30
    with ConsoleReporter().progress("solving the head"):
        while said.count("\n") < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            said += capsys.readouterr().err
    first, *others = said.splitlines()
    assert first == "... solving the head"
    assert len(others) >= 2
    assert all(re.fullmatch(r"\.\.\. solving the head: \d+ s so far", line) for line in others)


def test_a_step_between_two_lines_is_told_with_the_next_one(capsys, monkeypatch):
    """It was dropped, and the next line told the elapsed time alone."""
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.5)
    said, deadline = "", time.monotonic() + 30
    with ConsoleReporter().progress("training") as step:
        while "... training" not in said and time.monotonic() < deadline:
            time.sleep(0.01)
            said += capsys.readouterr().err
        step(1, 40)
        step(2, 40)
        step(3, 40)
        while " of 40" not in said and time.monotonic() < deadline:
            time.sleep(0.05)
            said += capsys.readouterr().err
    assert re.search(r"training: \d of 40", said)


def test_one_estimate_of_the_time_left_not_two(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    with ConsoleReporter().progress("training (lp_ft)") as step:
        step(0, 40)
        time.sleep(0.05)
        step(10, 40, "epoch 2, loss 0.412, 63 s left")
    said = capsys.readouterr().err
    assert "... training (lp_ft): 10 of 40, epoch 2, loss 0.412, 63 s left\n" in said
    assert said.count(" left") == 1


def test_a_long_stage_says_a_line_every_ten_seconds_at_most(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    with ConsoleReporter().progress("encoding") as step:
        for done in range(1000):
            step(done, 1000)
    assert len(capsys.readouterr().err.splitlines()) <= 2


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_bar_fits_its_terminal_and_shows_one_estimate(width, monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    with ConsoleReporter(sys.stderr).progress("encoding [red]with\x1b[31m a body of a long name") as step:
        time.sleep(0.15)
        step(0, 40, "looked at 10 of 40")
        step(0, 40)
        time.sleep(0.15)
        step(10, 40, "openvino fp32, 300/s")
        time.sleep(0.15)
    shown = [re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", line) for line in re.split("[\r\n]+", screen.getvalue())]
    assert max(map(len, shown)) <= width
    assert all(line.count(" left") <= 1 for line in shown)
    assert "\x1b[31m" not in screen.getvalue().replace("\\x1b[31m", "")
    assert any("[red]" in line for line in shown)
    assert any("0 s" in line for line in shown)


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "dumb")
    with ConsoleReporter(sys.stderr).progress("encoding") as step:
        step(0, 4)
        time.sleep(0.05)
        step(1, 4)
    assert "\x1b" not in screen.getvalue()
    assert screen.getvalue().startswith("... encoding")


def test_a_stage_inside_another_is_named_with_it_and_the_outer_one_is_silent(capsys, monkeypatch):
    """Two stages that both told their time gave every line twice."""
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.1)
    with ConsoleReporter().progress("solving 2 of 5"):
        with ConsoleReporter().progress("cells"):
            time.sleep(0.5)
        inner = capsys.readouterr().err.splitlines()
        time.sleep(0.5)
    outer = capsys.readouterr().err.splitlines()
    assert inner
    assert all(line.startswith("... solving 2 of 5, cells") for line in inner)
    assert all(line.startswith("... solving 2 of 5: ") for line in outer)
    assert outer


def test_bars_inside_another_share_its_display(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    reporter = ConsoleReporter(sys.stderr)
    with reporter.progress("solving"):
        with reporter.progress("cells") as step:
            step(3, 8)
            time.sleep(0.3)
        with reporter.progress("decoder"):
            time.sleep(0.3)
    shown = [re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", line) for line in re.split("[\r\n]+", screen.getvalue())]
    names = [line.split()[0] for line in shown if line.strip()]
    pairs = set(pairwise(names))
    assert {("solving", "cells"), ("solving", "decoder")} <= pairs
    assert not {("cells", "decoder"), ("decoder", "cells")} & pairs
