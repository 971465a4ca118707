"""How words are written, as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.sources.preprocessing.word_shapes import SHAPES, word_shapes


@pytest.mark.parametrize(
    ("word", "shapes"),
    [
        ("NASA", {"upper"}),
        ("Paris", {"title"}),
        ("Ö", {"title", "initial"}),
        ("iPhone", {"inner capital"}),
        ("paris", {"lower"}),
        ("1984", {"digits", "a digit"}),
        ("B2", {"upper", "initial", "a digit"}),
        ("@ann", {"@", "lower"}),
        ("#Ann", {"#", "inner capital"}),
        ("http://t.co/x", {"url", "lower", "full stop"}),
        ("...", {"no letter or digit", "full stop"}),
        ("Jean-Luc", {"inner capital", "hyphen"}),
        ("don't", {"lower", "apostrophe"}),
        ("(", {"no letter or digit", "bracket or quote"}),
        ("日本", set()),
    ],
)
def test_a_word_has_its_shapes(word, shapes):
    row = word_shapes([word])[0]
    found = {name for name, value in zip(SHAPES, row, strict=False) if value}
    assert found - {"title"} == shapes - {"title"}
    if word in ("Paris", "Ö"):
        assert "title" in found


def test_the_context_of_a_word_is_that_of_its_sentence():
    rows = word_shapes(["The", "END", "is", "near", "!"])
    assert rows[:, -4].tolist() == [1, 0, 0, 0, 0]
    np.testing.assert_allclose(rows[:, -2:], [[0.5, 0.25]] * 5)
