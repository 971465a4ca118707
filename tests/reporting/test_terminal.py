"""What is written to a terminal: in any encoding, and in colour only where it is wanted."""

from __future__ import annotations

import io

import pytest

from headstart.reporting.terminal import colours, columns, never_fail, write


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "gbk", "utf-8"])
def test_no_encoding_of_a_console_fails(encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    write("λ = 0.1, größe ≥ 3 → 猫 \ud83d \x1b[31m", stream)
    never_fail(stream)
    stream.write("λ \ud83d")
    stream.flush()
    said = stream.buffer.getvalue().decode(encoding)
    assert "\x1b" not in said
    if encoding == "ascii":
        assert said == "lambda = 0.1, gr\\xf6\\xdfe >= 3 -> \\u732b \\ud83d \\x1b[31m\nlambda \\ud83d"


def test_a_process_without_a_console_says_nothing():
    write("hello", None)
    never_fail(None)
    assert columns(None) is None


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


NO_ESCAPES, ESCAPES = False, True


@pytest.mark.parametrize(
    ("settings", "terminal", "wanted"),
    [
        ({}, True, ESCAPES),
        ({}, False, NO_ESCAPES),
        ({"NO_COLOR": "1"}, True, NO_ESCAPES),
        ({"NO_COLOR": ""}, True, ESCAPES),
        ({"TERM": "dumb"}, True, NO_ESCAPES),
        ({"CLICOLOR": "0"}, True, NO_ESCAPES),
        ({"FORCE_COLOR": "1"}, False, ESCAPES),
        ({"FORCE_COLOR": "0"}, False, NO_ESCAPES),
        ({"CLICOLOR_FORCE": "1"}, False, ESCAPES),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, True, NO_ESCAPES),
    ],
)
def test_colours_are_obeyed(settings, terminal, wanted, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    stream = Screen() if terminal else io.StringIO()
    assert colours(stream) is wanted
    write("0.912", stream, style="strong")
    assert stream.getvalue() == ("\x1b[1m0.912\x1b[0m\n" if wanted else "0.912\n")


def test_a_label_cannot_colour_itself(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()
    write("\x1b[31mred", stream, style="strong")
    assert stream.getvalue() == "\x1b[1m\\x1b[31mred\x1b[0m\n"
