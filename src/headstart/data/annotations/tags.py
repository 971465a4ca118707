"""Tags of words, such as B-PER and I-PER, as spans, whatever their scheme; and spans as tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from headstart.annotations import Span
from headstart.errors import DataError

__all__ = ["OUTSIDE", "SCHEMES", "guess_scheme", "is_tag", "spans_of_tags", "tags_of_spans"]

OUTSIDE = frozenset({"O", "o", "_"})
SCHEMES = ("IO", "IOB1", "IOB2", "BIOES", "BILOU")
"""What tags may begin with: see Ramshaw and Marcus (1995) for IOB1, Sang and Veenstra (1999) for IOB2, Ratinov and Roth
(2009) for BILOU, which BIOES writes with E and S."""

PREFIXED = re.compile(r"([BIESLUM])[-_](.+)")
STARTS, ENDS = frozenset("BSU"), frozenset("ESLU")


def _parts(tag: str) -> tuple[str, str]:
    """Prefix and type of a tag; ("O", "") outside of spans, and prefix "I" of a type without a prefix."""
    if tag in OUTSIDE:
        return "O", ""
    found = PREFIXED.fullmatch(tag)
    return (found[1], found[2]) if found else ("I", tag)


def is_tag(text: str) -> bool:
    """Whether a text is O or has the prefix of a scheme.

    Examples:
        >>> is_tag("B-PER"), is_tag("O"), is_tag("NNP")
        (True, True, False)
    """
    return text in OUTSIDE or PREFIXED.fullmatch(text) is not None


def guess_scheme(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme of tags, by the prefixes that occur and by what follows what.

    Args:
        sentences: the tags of each sentence.

    Examples:
        >>> guess_scheme([["O", "I-PER", "I-PER", "B-PER"]]), guess_scheme([["B-PER", "I-PER"]])
        ('IOB1', 'IOB2')
    """
    prefixes: Counter[str] = Counter()
    apart = 0  # spans that begin with B although none of their type ends before them
    for tags in sentences:
        parts = [("O", ""), *map(_parts, tags)]
        prefixes.update(prefix for prefix, _ in parts[1:])
        apart += sum(after[0] == "B" and before[1] != after[1] for before, after in pairwise(parts))
    if prefixes["L"] or prefixes["U"]:
        return "BILOU"
    if prefixes["E"] or prefixes["S"] or prefixes["M"]:
        return "BIOES"
    if not prefixes["B"]:
        return "IO"
    return "IOB2" if apart else "IOB1"


def spans_of_tags(tags: Sequence[str], scheme: str, on_repair: Callable[[int], None] | None = None) -> tuple[Span, ...]:
    """The spans that tags mark.

    A span begins at B, S and U, wherever the type changes, and after O; it ends after E, L, S and U. So each scheme is
    read as it is meant, and a tag that its scheme does not allow there, such as I-PER after O in IOB2, is read as the
    begin of a span.

    Args:
        tags: of the words of one sentence.
        scheme: one of `SCHEMES`, which determines what is a repair.
        on_repair: called with the position of each tag that the scheme does not allow there.

    Examples:
        >>> spans_of_tags(["B-PER", "I-PER", "O", "I-LOC"], "IOB2", print)
        3
        (Span(start=0, end=2, label='PER', score=1.0), Span(start=3, end=4, label='LOC', score=1.0))
    """
    spans: list[Span] = []
    begin, open_type, closed = 0, "", True
    for place, tag in enumerate([*tags, "O"]):
        prefix, kind = _parts(tag)
        goes_on = bool(open_type) and not closed and kind == open_type and prefix not in STARTS
        cut = bool(open_type) and not closed and not goes_on  # the span before ends without E, L, S or U
        if on_repair is not None and place < len(tags) and _is_odd(prefix, scheme, goes_on=goes_on, cut=cut):
            on_repair(place)
        if not goes_on:
            if open_type:
                spans.append(Span(begin, place, open_type))
            begin, open_type = place, kind
        closed = prefix in ENDS
    return tuple(spans)


def _is_odd(prefix: str, scheme: str, *, goes_on: bool, cut: bool) -> bool:
    """Whether a scheme does not allow a tag at its place."""
    if scheme in ("IO", "IOB1"):  # I begins spans too
        return False
    ends = scheme in ("BIOES", "BILOU")
    return (ends and cut) or (prefix not in (*STARTS, "O") and not goes_on)


def tags_of_spans(spans: Iterable[Span], count: int, scheme: str = "IOB2") -> list[str]:
    """The tags of a sentence's words.

    Args:
        spans: that do not overlap.
        count: the number of words.
        scheme: one of `SCHEMES`. IO cannot separate two spans of one type that touch.

    Raises:
        DataError: if spans overlap or reach beyond the words.

    Examples:
        >>> tags_of_spans([Span(0, 2, "PER"), Span(2, 3, "PER")], 4), tags_of_spans([Span(1, 2, "LOC")], 2, "BILOU")
        (['B-PER', 'I-PER', 'B-PER', 'O'], ['O', 'U-LOC'])
    """
    tags = ["O"] * count
    last, single = ("L", "U") if scheme == "BILOU" else ("E", "S")
    before = Span(0, 1, "\0")
    for span in sorted(spans):
        if span.end > count or any(tag != "O" for tag in tags[span.start : span.end]):
            raise DataError(
                f"Tags hold one type for each word, but the span of words {span.start} to {span.end} ('{span.label}') "
                f"overlaps another, or the sentence has only {count} words; write them as JSON lines."
            )
        touches = before.end == span.start and before.label == span.label
        first = "B" if scheme not in ("IO", "IOB1") or (scheme == "IOB1" and touches) else "I"
        prefixes = [first, *"I" * (span.end - span.start - 1)]
        if scheme in ("BIOES", "BILOU"):
            prefixes[-1] = single if len(prefixes) == 1 else last
        tags[span.start : span.end] = [f"{prefix}-{span.label}" for prefix in prefixes]
        before = span
    return tags
