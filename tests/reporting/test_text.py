"""Nothing that comes from outside steers a terminal; lines wrap at words, and signs count as wide as they are shown."""

from __future__ import annotations

import io

import pytest

from headstart.reporting.terminal import colours, columns, never_fail, write
from headstart.reporting.text import bounded, display_width, printable, shortened, wrap

STEERING = [
    *(chr(code) for code in (*range(32), *range(0x7F, 0xA0))),  # C0, DEL, C1 controls
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",  # marks of direction
    *"\u2028\u2029\u00ad\ufeff\u2060\U000e0041\ue000",  # separators, invisible, private
    "\ud83d",  # half a sign
]


@pytest.mark.parametrize("sign", STEERING, ids=[f"U+{ord(sign):04X}" for sign in STEERING])
def test_a_sign_that_steers_a_terminal_is_an_escape(sign):
    shown = printable(f"a{sign}b")
    assert sign not in shown
    assert shown.isprintable()
    assert shown.startswith("a\\")


@pytest.mark.parametrize("text", ["größe", "猫がいる", "می‌خواهم", "क्‍ष", "👩‍🔬", "naïve e\u0301", "עברית", "ก็", "\\x1b"])
def test_letters_of_every_script_and_their_joiners_stay(text):
    assert printable(text) == text


def test_a_long_text_is_cut_and_says_how_long_it_was():
    assert bounded("x" * 10**6).endswith("... (1,000,000 characters)")
    assert display_width(shortened("猫" * 10**6, 21)) <= 21


TEXT = (
    "12 of 40 pictures are near duplicates of another one; they never cross a split that is made here, see "
    "/a/folder/with/a/very/long/path/that/no/terminal/shows/in/one/line/00001.png and "
    "猫がいる。犬もいる。鳥もいる。 at the end"
)


@pytest.mark.parametrize("width", [40, 50, 80, 120, 200])
def test_lines_are_no_wider_than_the_terminal_and_lose_nothing(width):
    lines = wrap(TEXT, width, first=19, indent=19)
    assert max(map(display_width, [" " * 19 + lines[0], *lines[1:]])) <= width
    assert all(line.startswith(" " * 19) for line in lines[1:])
    assert "".join("".join(lines).split()) == "".join(TEXT.split())


def test_words_are_not_cut():
    words = TEXT.split("/", maxsplit=1)[0].split()
    for width in range(40, 201):
        assert (
            " ".join(line.strip() for line in wrap(TEXT.split("/", maxsplit=1)[0], width, indent=19)).split() == words
        )


def test_chinese_wraps_between_signs_and_no_line_begins_with_a_stop():
    lines = wrap("这是一个很长的句子、没有空格。" * 8, 40, indent=2)
    assert max(map(display_width, lines)) in (39, 40)
    assert not any(line.strip()[0] in "、。" for line in lines)


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
