"""Sentences on items become sentences on what the items are."""

from __future__ import annotations

import pytest

from headstart.annotations.units import in_units


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("1 item of 5 items", "token", "1 sentence of 5 sentences"),
        ("the class 'item' has 2 items", "mask", "the class 'item' has 2 pictures"),
        ("itemised items", "box", "itemised pictures"),
        ("2 items", "classification", "2 items"),
        ("2 items", "", "2 items"),
    ],
)
def test_only_the_word_changes(text, kind, said):
    assert in_units(text, kind) == said
