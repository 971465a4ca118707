"""Spans and sentences."""

import pytest

from headstart.annotations import Sentence, Span
from headstart.errors import DataError


def test_a_span_is_equal_whatever_its_score() -> None:
    assert Span(0, 2, "PER", 0.4) == Span(0, 2, "PER")
    assert Span(0, 2, "PER") != Span(0, 2, "LOC")
    assert len({Span(0, 2, "PER", 0.4), Span(0, 2, "PER")}) == 1


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 2), (3, 1)])
def test_a_span_holds_a_word(start: int, end: int) -> None:
    with pytest.raises(DataError, match="must begin at word 0 or later and hold a word"):
        Span(start, end, "PER")


def test_characters_follow_the_text_not_the_words() -> None:
    sentence = Sentence(("Ada", "Lovelace"), "Ada\u3000 Lovelace", ((0, 3), (5, 13)))
    assert sentence.surface(Span(0, 2, "PER")) == "Ada\u3000 Lovelace"
    assert sentence.characters(Span(1, 2, "PER")) == (5, 13)


def test_a_sentence_places_each_word() -> None:
    with pytest.raises(DataError, match="2 words, but 1 places"):
        Sentence(("a", "b"), "a b", ((0, 1),))
