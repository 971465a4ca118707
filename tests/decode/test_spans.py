"""Tags as codes: the grammar of each scheme, and spans to codes and back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.annotations import Span
from headstart.data.annotations.tags import spans_of_tags, tags_of_spans
from headstart.decode.spans import TAG_SCHEMES, TagSet, tag_rows
from headstart.errors import DataError, ParameterError

LABELS = ("LOC", "PER")


@st.composite
def sentences(draw: st.DrawFn) -> tuple[int, tuple[Span, ...]]:
    """A number of words, and spans of two types that may touch but do not overlap."""
    count = draw(st.integers(1, 9))
    cuts = sorted(draw(st.sets(st.integers(0, count), max_size=6)))
    parts = [(a, b) for a, b in pairwise(cuts) if draw(st.booleans())]
    return count, tuple(Span(a, b, draw(st.sampled_from(LABELS))) for a, b in parts)


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
@given(sentence=sentences())
def test_codes_of_spans_are_the_tags_that_files_hold_and_lead_back(scheme, sentence):
    """Agreement with the readers' tags, which are text; a round trip for each scheme."""
    count, spans = sentence
    tags = TagSet(LABELS, scheme)
    codes = tags.codes(spans, count)
    assert [tags.names[code] for code in codes] == tags_of_spans(spans, count, scheme)
    assert tags.spans(codes) == spans_of_tags([tags.names[code] for code in codes], scheme)
    if scheme != "IO":  # IO joins touching spans of one type
        assert tags.spans(codes) == spans
    assert all(tags.allowed[a, b] for a, b in pairwise(codes))
    assert tags.start_allowed[codes[0]]
    assert tags.end_allowed[codes[-1]]


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
def test_a_pair_is_allowed_exactly_where_its_spans_lead_back_to_it(scheme):
    tags = TagSet(LABELS, scheme)
    for a in range(len(tags)):
        for b in range(len(tags)):
            whole = tags.start_allowed[a] and tags.allowed[a, b] and tags.end_allowed[b]
            again = tags.codes(tags.spans([a, b]), 2).tolist() == [a, b]
            assert bool(whole) == again, (tags.names[a], tags.names[b])


def test_bigrams_are_counted_within_sentences():
    first, pairs = TagSet(("PER",)).bigrams([np.array([1, 2, 0]), np.array([0, 1])])
    assert first.tolist() == [1, 1, 0]
    assert pairs.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_spans_that_overlap_or_are_unknown_have_no_codes():
    tags = TagSet(("PER",))
    for wrong in ([Span(0, 2, "PER"), Span(1, 3, "PER")], [Span(0, 4, "PER")], [Span(0, 1, "LOC")]):
        with pytest.raises(DataError, match="do not overlap, within 3 words"):
            tags.codes(wrong, 3)
    with pytest.raises(ParameterError, match="'scheme' parameter of TagSet"):
        TagSet(("PER",), "IOBES2")


def test_rows_of_no_sentences_are_empty():
    assert tag_rows(TagSet(("PER",)), [], []).shape == (0,)
