"""Words of running texts: punctuation, scripts without spaces, combining marks."""

from __future__ import annotations

import pytest

from headstart.data.annotations.words import sentence_of_text
from headstart.errors import ItemError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("U.S. and 3.5%", ["U", ".", "S", ".", "and", "3", ".", "5", "%"]),
        ("na\u0308ive  e\u0301te\u0301", ["na\u0308ive", "e\u0301te\u0301"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("我在北京", ["我", "在", "北", "京"]),
        ("すしを食べた", ["すしを", "食", "べた"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("a\u200bb\u00a0c", ["a", "b", "c"]),
        ("👩\u200d🔬 ok", ["👩\u200d", "🔬", "ok"]),
        ("cut \ud83d", ["cut", "\ufffd"]),
    ],
)
def test_words_of_a_text(text, words):
    sentence = sentence_of_text(text)
    assert list(sentence.words) == words
    assert [sentence.text[start:end] for start, end in sentence.offsets] == words


@pytest.mark.parametrize("text", ["", " \n\u200b", None, 3, b"bytes", ["a"]])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(ItemError, match=r"^A sentence must (be a text|hold a word)\. Got "):
        sentence_of_text(text)
