"""Spans of characters as spans of whole words."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.annotations import Sentence, Span
from headstart.data.annotations.remarks import Remarks

__all__ = ["CharacterSpan", "align", "utf16_offsets", "without_overlaps"]


@dataclass(frozen=True)
class CharacterSpan:
    """A labelled run of characters.

    Attributes:
        start: its first character.
        end: the character after its last.
        label: its type.
        score: of a prediction.
        text: what the file says that it holds, or empty.
    """

    start: int
    end: int
    label: str
    score: float = 1.0
    text: str = ""


def align(sentence: Sentence, spans: Sequence[CharacterSpan], where: str, remarks: Remarks) -> tuple[Span, ...]:
    """The spans of whole words that spans of characters touch, without overlaps.

    A span that begins or ends inside a word is moved to the whole word; spaces at its ends do not count. Of spans that
    overlap the longest stays.

    Args:
        sentence: words with their places.
        spans: of characters of its text.
        where: file and line, for messages.
        remarks: counts what was moved or set aside.

    Examples:
        >>> sentence = Sentence.of_words(["Ada", "Lovelace", "ran"])
        >>> align(sentence, [CharacterSpan(0, 7, "PER")], "line 1", Remarks())
        (Span(start=0, end=2, label='PER', score=1.0),)
    """
    starts = [start for start, _ in sentence.offsets]
    ends = [end for _, end in sentence.offsets]
    found = []
    for span in spans:
        part = sentence.text[span.start : span.end]
        shown = f"{where} ({span.label}: {part[:40]!r})"
        start, end = span.start + len(part) - len(part.lstrip()), span.end - len(part) + len(part.rstrip())
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        if first >= last or start >= end:
            remarks.add("empty_span", shown)
            continue
        whole = Span(first, last, span.label, span.score)
        if (starts[first], ends[last - 1]) != (start, end):
            remarks.add("moved", f"{shown} to {sentence.surface(whole)[:40]!r}")
        if span.text and span.text.strip() != part.strip():
            remarks.add("span_text", f"{shown}, stated {span.text[:40]!r}")
        found.append(whole)
    return without_overlaps(found, sentence, where, remarks)


def without_overlaps(spans: Sequence[Span], sentence: Sentence, where: str, remarks: Remarks) -> tuple[Span, ...]:
    """The longest of spans that overlap, in order of their places; the same span twice is one.

    Args:
        spans: of words.
        sentence: the words.
        where: file and line, for messages.
        remarks: counts those that are set aside.

    Examples:
        >>> spans = [Span(0, 1, "PER"), Span(0, 3, "ORG")]
        >>> without_overlaps(spans, Sentence.of_words(["Ada", "and", "Co"]), "line 1", Remarks())
        (Span(start=0, end=3, label='ORG', score=1.0),)
    """
    kept: list[Span] = []
    taken = [False] * len(sentence)
    for span in sorted(dict.fromkeys(spans), key=lambda one: (one.start - one.end, one.start)):
        if any(taken[span.start : span.end]):
            remarks.add("overlap", f"{where} ({span.label}: {sentence.surface(span)[:40]!r})")
            continue
        taken[span.start : span.end] = [True] * (span.end - span.start)
        kept.append(span)
    return tuple(sorted(kept))


def utf16_offsets(text: str) -> dict[int, int]:
    """The character at each offset of UTF-16 code units, which programs in JavaScript count.

    Examples:
        >>> utf16_offsets("a😀b")
        {0: 0, 1: 1, 3: 2, 4: 3}
    """
    offsets, at = {}, 0
    for place, character in enumerate(text):
        offsets[at] = place
        at += 2 if ord(character) > 0xFFFF else 1
    offsets[at] = len(text)
    return offsets
