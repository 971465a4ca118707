"""The parts of texts in several scripts, and with tokens that cover several of them."""

from __future__ import annotations

import pytest

from headstart.explain.asking.words import merged, word_spans


def parts(text, tokens=()):
    return [text[a:b] for a, b in word_spans(text, tokens)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   ", []),
        ("What's new?!", ["What's", "new", "?!"]),
        ("state-of-the-art", ["state-of-the-art"]),
        ("pay 1,000.50 now.", ["pay", "1,000.50", "now", "."]),
        ("我的卡丢了。", ["我", "的", "卡", "丢", "了", "。"]),
        ("Привет, мир", ["Привет", ",", "мир"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("GPS是什么", ["GPS", "是", "什", "么"]),
        ("good 👍🏽 fun", ["good", "👍🏽", "fun"]),
    ],
)
def test_the_parts_of_a_text(text, expected):
    assert parts(text) == expected


def test_what_one_token_covers_is_one_part():
    assert parts("我的卡", [(0, 2), (2, 3)]) == ["我的", "卡"]
    assert merged([(0, 1), (1, 2), (2, 3)], [(0, 2), (1, 3)]) == [(0, 3)]
    assert merged([(0, 4)], [(0, 1), (1, 4)]) == [(0, 4)]


def test_no_sign_but_space_is_lost():
    text = "ab, 我的 (c) d\u00e9j\u00e0  vu\n…"
    assert "".join(parts(text)) == "".join(text.split())
