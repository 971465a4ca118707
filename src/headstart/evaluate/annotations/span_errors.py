"""Marked spans against labelled ones: hits, partial hits, and mistakes by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.annotations import Span

__all__ = ["KINDS", "SpanError", "lenient_scores", "span_errors"]

KINDS = ("missed", "spurious", "wrong type", "wrong bounds", "wrong type and bounds")


@dataclass(frozen=True)
class SpanError:
    """A mistake.

    Attributes:
        kind: one of `KINDS`.
        truth: the labelled span; None for a spurious one.
        found: the marked span; None for a missed one.

    Examples:
        >>> SpanError("missed", Span(0, 1, "PER"), None).label
        'PER'
    """

    kind: str
    truth: Span | None
    found: Span | None

    @property
    def label(self) -> str:
        """The type that it counts for: that of the labelled span, else of the marked one."""
        span = self.truth or self.found
        return "" if span is None else span.label


def span_errors(truth: Sequence[Span], found: Sequence[Span]) -> list[SpanError]:
    """The mistakes in one sentence, each span in at most one of them.

    Spans with equal bounds are paired first, then overlapping ones of one type, then other overlapping ones.

    Args:
        truth: labelled spans, which do not overlap.
        found: marked spans, which do not overlap.

    Examples:
        >>> truth = [Span(0, 2, "PER"), Span(4, 5, "LOC"), Span(6, 7, "LOC")]
        >>> [error.kind for error in span_errors(truth, [Span(0, 1, "PER"), Span(4, 5, "PER")])]
        ['wrong bounds', 'wrong type', 'missed']
    """
    right = set(truth) & set(found)
    open_truth = [span for span in truth if span not in right]
    open_found = [span for span in found if span not in right]
    errors: list[SpanError] = []
    for kind in ("wrong type", "wrong bounds", "wrong type and bounds"):
        for span in list(open_truth):
            other = next((one for one in open_found if _matches(span, one, kind)), None)
            if other is not None:
                errors.append(SpanError(kind, span, other))
                open_truth.remove(span)
                open_found.remove(other)
    errors += [SpanError("missed", span, None) for span in open_truth]
    errors += [SpanError("spurious", None, span) for span in open_found]
    return sorted(errors, key=lambda one: (one.truth or one.found or Span(0, 1, "")).start)


def _matches(truth: Span, found: Span, kind: str) -> bool:
    if kind == "wrong type":
        return (truth.start, truth.end) == (found.start, found.end)
    return _overlap(truth, found) and (kind != "wrong bounds" or truth.label == found.label)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def lenient_scores(truth: Sequence[Span], found: Sequence[Span]) -> tuple[float, float]:
    """Hits of one sentence by the two lenient rules of SemEval-2013, task 9, as nervaluate counts them.

    Args:
        truth: labelled spans.
        found: marked spans.

    Returns:
        ``partial``: 1 for equal bounds, ½ for an overlap, whatever the type; ``type``: 1 for an overlap of one type.

    Examples:
        >>> truth = [Span(0, 3, "PER")]
        >>> lenient_scores(truth, [Span(1, 3, "PER")]), lenient_scores(truth, [Span(0, 3, "LOC")])
        ((0.5, 1.0), (1.0, 0.0))
    """
    return _partial(truth, found), _by_type(truth, found)


def _partial(truth: Sequence[Span], found: Sequence[Span]) -> float:
    left, score = list(truth), 0.0
    for span in found:
        near = [one for one in left if _overlap(span, one)]
        same = [one for one in near if (one.start, one.end) == (span.start, span.end)]
        if near:
            left.remove((same or near)[0])
            score += 1.0 if same else 0.5
    return score


def _by_type(truth: Sequence[Span], found: Sequence[Span]) -> float:
    left, score = list(truth), 0.0
    for span in found:
        near = [one for one in left if _overlap(span, one)]
        same = [one for one in near if one.label == span.label]
        if same:
            # the nearest bounds, the first of equally near ones
            left.remove(min(same, key=lambda one: abs(one.start - span.start) + abs(one.end - span.end)))
            score += 1.0
        elif near:
            left.remove(near[0])
    return score
