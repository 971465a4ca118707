"""Nothing that comes from outside steers a terminal; lines wrap at words, and signs count as wide as they are shown."""

from __future__ import annotations

import pytest

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
