"""Tags of a scheme as codes: which follow each other, and spans of words as codes and back.

References: Ramshaw & Marcus, "Text Chunking using Transformation-Based Learning", 1995; Ratinov & Roth, "Design
Challenges and Misconceptions in Named Entity Recognition", CoNLL 2009.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Span
from headstart.errors import DataError
from headstart.params import check_choice

__all__ = ["OUTSIDE", "TAG_SCHEMES", "TagSet", "tag_rows"]

TAG_SCHEMES = {"IO": "I", "IOB1": "IB", "IOB2": "BI", "BIOES": "BIES"}
"""The prefixes of each scheme, in the order of their codes; BILOU is BIOES with other letters."""

OUTSIDE = 0
"""The code of the tag O."""

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class TagSet:
    """The tags of a scheme for some types of spans: O has the code 0, then come the prefixes of each type.

    Attributes:
        labels: the types of spans.
        scheme: one of `TAG_SCHEMES`, default ``"IOB2"``. ``"IO"`` cannot separate touching spans of one type.

    Raises:
        ParameterError: for another scheme.

    Examples:
        >>> tags = TagSet(("LOC", "PER"))
        >>> tags.names
        ('O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER')
        >>> tags.codes([Span(1, 3, "PER")], 4), tags.spans([0, 3, 4, 0])
        (array([0, 3, 4, 0]), (Span(start=1, end=3, label='PER', score=1.0),))
    """

    labels: tuple[str, ...]
    scheme: str = "IOB2"

    def __post_init__(self) -> None:
        check_choice(self.scheme, "scheme", "TagSet", TAG_SCHEMES)

    def __len__(self) -> int:
        return 1 + len(self.labels) * len(self._prefixes)

    @property
    def _prefixes(self) -> str:
        return TAG_SCHEMES[self.scheme]

    @property
    def names(self) -> tuple[str, ...]:
        """The tags by code."""
        return ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in self._prefixes))

    def code(self, prefix: str, label: str) -> int:
        """The code of a tag."""
        return 1 + self.labels.index(label) * len(self._prefixes) + self._prefixes.index(prefix)

    def codes(self, spans: Iterable[Span], count: int) -> Codes:
        """The codes (count,) of a sentence's words.

        Args:
            spans: that do not overlap.
            count: the number of words.

        Raises:
            DataError: if spans overlap, reach beyond the words, or have a type that is not in ``labels``.
        """
        found = np.zeros(count, np.int64)
        before: Span | None = None
        for span in sorted(spans):
            if span.label not in self.labels or span.end > count or found[span.start : span.end].any():
                raise DataError(
                    f"Tags need spans that do not overlap, within {count} words, of {', '.join(self.labels)}. Got the "
                    f"words {span.start} to {span.end} ('{span.label}')."
                )
            touches = before is not None and before.end == span.start and before.label == span.label
            found[span.start : span.end] = [
                self.code(prefix, span.label) for prefix in self._written(span, touches=touches)
            ]
            before = span
        return found

    def _written(self, span: Span, *, touches: bool) -> str:
        """The prefixes of a span's words."""
        length = span.end - span.start
        if self.scheme == "BIOES":
            return "S" if length == 1 else f"B{'I' * (length - 2)}E"
        first = "B" if self.scheme == "IOB2" or (self.scheme == "IOB1" and touches) else "I"
        return first + "I" * (length - 1)

    def spans(self, codes: Sequence[int] | Codes) -> tuple[Span, ...]:
        """The spans that codes mark; a code that the scheme does not allow at its place begins a span."""
        found = zip(*(part.tolist() for part in self.span_places(codes)), strict=True)
        return tuple(Span(start, end, self.labels[kind]) for start, end, kind in found)

    def span_places(self, codes: Sequence[int] | Codes) -> tuple[Codes, Codes, Codes]:
        """The same as arrays: the first word of each span, the word after its last one, and the code of its type."""
        begins, kinds = self._begins_and_kinds(np.asarray(codes, np.int64))
        starts = np.flatnonzero(begins)
        # a span ends where the next one begins, or at the first O
        outside = np.append(np.flatnonzero(kinds < 0), len(kinds))
        ends = np.minimum(np.append(starts[1:], len(kinds)), outside[np.searchsorted(outside, starts)])
        return starts, ends.astype(np.int64), kinds[starts]

    def _begins_and_kinds(self, codes: Codes) -> tuple[NDArray[np.bool_], Codes]:
        """Whether each word begins a span, and its type (-1 for O)."""
        begin, kind, end = self._facts
        kinds = kind[codes]
        before = np.concatenate([[-1], kinds])[: len(kinds)]
        ended = np.concatenate([[True], end[codes]])[: len(kinds)]
        return (kinds >= 0) & (begin[codes] | (kinds != before) | ended), kinds

    @cached_property
    def _facts(self) -> tuple[NDArray[np.bool_], Codes, NDArray[np.bool_]]:
        """By code: whether a tag always begins a span, its type, and whether it ends one."""
        count = len(self.labels)
        begin = np.array([False, *(prefix in "BS" for prefix in self._prefixes * count)])
        end = np.array([True, *(prefix in "ES" for prefix in self._prefixes * count)])
        return begin, np.array([-1, *np.repeat(np.arange(count), len(self._prefixes))], np.int64), end

    @cached_property
    def continues(self) -> NDArray[np.bool_]:
        """(tags,) whether a tag continues the span before it, in the schemes that show this (IOB2 and BIOES)."""
        return np.array([False, *(prefix in "IE" for prefix in self._prefixes * len(self.labels))])

    @cached_property
    def start_allowed(self) -> NDArray[np.bool_]:
        """(tags,) whether a sentence may begin with a tag."""
        return np.asarray(self.allowed[OUTSIDE])

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """(tags, tags) whether the second tag may follow the first one."""
        size, kind = len(self), self._facts[1]
        same = (kind[:, None] == kind[None]) & (kind[None] >= 0)
        prefix = np.array(["O", *(self._prefixes * len(self.labels))])
        before, after = prefix[:, None], prefix[None]
        if self.scheme == "IO":
            return np.ones((size, size), bool)
        if self.scheme == "IOB1":  # B only separates touching spans of one type
            return np.asarray((after != "B") | same)
        inside = np.isin(before, ["B", "I"]) & same
        if self.scheme == "IOB2":
            return np.asarray((after != "I") | inside)
        # BIOES: an open span goes on with I or E of its type, anything else needs a closed one
        goes_on = np.isin(after, ["I", "E"])
        return np.asarray(np.where(goes_on, inside, ~np.isin(before, ["B", "I"])))

    @cached_property
    def end_allowed(self) -> NDArray[np.bool_]:
        """(tags,) whether a sentence may end with a tag."""
        return np.asarray(self.allowed[:, OUTSIDE])

    def bigrams(self, sentences: Iterable[Codes]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Counts of first tags (tags,) and of pairs of tags (tags, tags).

        Args:
            sentences: codes of each sentence's words.
        """
        first, pairs = np.zeros(len(self)), np.zeros((len(self), len(self)))
        for codes in sentences:
            if len(codes):
                first[codes[0]] += 1
                np.add.at(pairs, (codes[:-1], codes[1:]), 1)
        return first, pairs


def tag_rows(tags: TagSet, sentences: Sequence[Iterable[Span]], counts: Sequence[int]) -> Codes:
    """The codes of the words of several sentences, one sentence after the other.

    Args:
        tags: the tags.
        sentences: the spans of each.
        counts: the words of each.

    Examples:
        >>> tag_rows(TagSet(("PER",)), [[Span(0, 2, "PER")], []], [2, 1])
        array([1, 2, 0])
    """
    parts: list[Any] = [tags.codes(spans, count) for spans, count in zip(sentences, counts, strict=True)]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
