"""Metrics of marked spans: micro and per-type F1 of exact spans, lenient F1, F1 of distinct surfaces.

A span is right if its bounds and its type are (the strict scheme of nervaluate; for well-formed tags also conlleval and
seqeval). Intervals are bootstrap intervals over sentences or their groups. Where all resamples agree, as without any
mistake, it is Wilson's for one trial a sentence (or group) with a span, which counts all of its spans as one.

References: Tjong Kim Sang & De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003; Segura-Bedmar et al.,
"SemEval-2013 Task 9", 2013 (partial and type); Derczynski et al., "Results of the WNUT2017 Shared Task", 2017
(surfaces).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.annotations import Sentence, Span
from headstart.errors import DataError
from headstart.evaluate.annotations.span_errors import KINDS, lenient_scores, span_errors
from headstart.evaluate.evaluation import Evaluation, Metric
from headstart.evaluate.gain import Gain, gain_verdict
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.evaluate.intervals.wilson import wilson
from headstart.types import Task, group_codes

__all__ = ["METRICS", "dictionary_of_spans", "evaluate_spans", "span_gain"]

Array = NDArray[np.float64]
Spans = Sequence[Span]

FEWEST_UNITS = 2  # a single sentence or group has no interval

METRICS = ("span_f1", "precision", "recall", "macro_f1", "partial_f1", "type_f1", "surface_f1")
"""In the order of an evaluation: exact spans, their mean F1 over types, the lenient ones, and distinct surfaces."""


def evaluate_spans(
    task: Task,
    items: Sequence[Sentence],
    truth: Sequence[Spans],
    found: Sequence[Spans],
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Evaluation:
    """All metrics of marked spans with 95% intervals.

    ``per_class`` holds for each type precision, recall and F1 with intervals, ``support`` (labelled spans), and the
    numbers of mistakes by kind (`headstart.evaluate.annotations.span_errors.KINDS`).

    Args:
        task: the label schema.
        items: n sentences.
        truth: the labelled spans of each.
        found: the marked spans of each.
        groups: (n,) names or codes of sentences that belong together; then groups are resampled.
        seed: of the resamples.
        resamples: their number.

    Raises:
        DataError: if the numbers of sentences differ, or there are none.

    Examples:
        >>> items = [Sentence.of_words(["Ada", "met", "Bob"]), Sentence.of_words(["in", "Paris"])]
        >>> truth = [(Span(0, 1, "PER"), Span(2, 3, "PER")), (Span(1, 2, "LOC"),)]
        >>> found = [(Span(0, 1, "PER"),), (Span(1, 2, "PER"),)]
        >>> evaluation = evaluate_spans(Task("token", ("LOC", "PER")), items, truth, found)
        >>> {name: round(evaluation.metrics[name].value, 2) for name in ("span_f1", "precision", "recall")}
        {'span_f1': 0.4, 'precision': 0.5, 'recall': 0.33}
        >>> evaluation.per_class["LOC"]["wrong type"], evaluation.per_class["PER"]["missed"]
        (1.0, 1.0)
    """
    if not len(items) == len(truth) == len(found) or not len(items):
        raise DataError(
            f"An evaluation needs the spans of every sentence, and one sentence at least. Got {len(items)} sentences, "
            f"{len(truth)} labelled and {len(found)} marked ones."
        )
    counts = _counts(task, truth, found)
    surfaces = _surfaces(items, truth), _surfaces(items, found)
    table = _table(task, counts, *_incidence(*surfaces))
    results = _with_intervals(table, len(items), groups, resamples, seed)
    units = _units(counts, groups)
    results = {name: _widened(one, units[_type_of(name, task)]) for name, one in results.items()}
    per_class: dict[str, dict[str, Metric | float]] = {
        label: {name: results[f"{name} {label}"] for name in ("precision", "recall", "f1")} for label in task.labels
    }
    errors = [error for pair in zip(truth, found, strict=True) for error in span_errors(*pair)]
    for label, row in per_class.items():
        row["support"] = float(sum(span.label == label for spans in truth for span in spans))
        row.update({kind: float(sum(one.kind == kind and one.label == label for one in errors)) for kind in KINDS})
    return Evaluation(task.kind, len(items), {name: results[name] for name in METRICS}, per_class, None, task.labels)


def span_gain(
    task: Task,
    truth: Sequence[Spans],
    found: Sequence[Spans],
    reference: Sequence[Spans],
    *,
    name: str,
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> Gain:
    """Span F1 of a model minus that of a reference on the same sentences, by the paired bootstrap.

    Args:
        task: the label schema.
        truth: the labelled spans of n sentences.
        found: those marked by the model.
        reference: those marked by the reference.
        name: of the reference.
        groups: as in `evaluate_spans`.
        seed: of the resamples.
        resamples: their number.

    Examples:
        >>> truth = [(Span(0, 1, "PER"),)] * 8
        >>> span_gain(Task("token", ("PER",)), truth, truth, [()] * 8, name="nothing").value
        1.0
    """
    ours, theirs = _counts(task, truth, found).sum(axis=1), _counts(task, truth, reference).sum(axis=1)

    def difference(weights: Array) -> Array:
        return np.asarray(_f1(*np.moveaxis(weights @ ours, -1, 0)[:3]) - _f1(*np.moveaxis(weights @ theirs, -1, 0)[:3]))

    value = float(difference(np.ones(len(truth))))
    low, high = bootstrap(difference, len(truth), groups=groups, resamples=resamples, seed=seed)
    below, above = float(np.fmin(low, value)), float(np.fmax(high, value))
    if math.isnan(float(low)):
        below = above = math.nan
    elif not below < above:
        below, above = _combined(task, truth, (found, reference), groups, value)
    verdict = gain_verdict(value, below, above, compared=("span_f1", name), n=len(truth))
    return Gain(value, below, above, "span_f1", name, verdict)


def dictionary_of_spans(items: Sequence[Sentence], spans: Sequence[Spans]) -> Callable[[Sentence], tuple[Span, ...]]:
    """The baseline that marks what was marked in training: every labelled run of words, with its most frequent type.

    The longest known run is taken first, from left to right. A run is known if it was labelled in at least half of the
    places where it occurs in the training sentences.

    Args:
        items: training sentences.
        spans: their labelled spans.

    Returns:
        A function that marks a sentence.

    Examples:
        >>> train = [Sentence.of_words(["New", "York", "is", "big"]), Sentence.of_words(["York", "is", "old"])]
        >>> mark = dictionary_of_spans(train, [(Span(0, 2, "LOC"),), (Span(0, 1, "LOC"),)])
        >>> mark(Sentence.of_words(["in", "New", "York", "and", "York"]))
        (Span(start=1, end=3, label='LOC', score=1.0), Span(start=4, end=5, label='LOC', score=1.0))
    """
    labelled: dict[tuple[str, ...], dict[str, int]] = {}
    for item, own in zip(items, spans, strict=True):
        for span in own:
            types = labelled.setdefault(item.words[span.start : span.end], {})
            types[span.label] = types.get(span.label, 0) + 1
    longest = max(map(len, labelled), default=0)
    occurs = dict.fromkeys(labelled, 0)
    for item in items:
        for run in _runs(item.words, longest):
            if run in occurs:
                occurs[run] += 1
    known = {
        run: max(sorted(types), key=lambda label, own=types: own[label])  # type: ignore[misc]
        for run, types in labelled.items()
        if 2 * sum(types.values()) >= occurs[run]
    }

    def mark(sentence: Sentence) -> tuple[Span, ...]:
        found, start = [], 0
        while start < len(sentence):
            stops = range(min(start + longest, len(sentence)), start, -1)
            stop = next((stop for stop in stops if sentence.words[start:stop] in known), None)
            if stop is not None:
                found.append(Span(start, stop, known[sentence.words[start:stop]]))
            start = start + 1 if stop is None else stop
        return tuple(found)

    return mark


def _runs(words: tuple[str, ...], longest: int) -> list[tuple[str, ...]]:
    count = len(words)
    return [words[a:b] for a in range(count) for b in range(a + 1, min(a + longest, count) + 1)]


def _counts(task: Task, truth: Sequence[Spans], found: Sequence[Spans]) -> Array:
    """(n, types, 5): by sentence and type hits, labelled, marked; partial and type scores stand at the first type."""
    code = {label: number for number, label in enumerate(task.labels)}
    counts = np.zeros((len(truth), max(len(code), 1), 5))
    for row, right, marked in zip(counts, truth, found, strict=True):
        for span in set(right) & set(marked):
            row[code[span.label], 0] += 1
        for column, spans in ((1, right), (2, marked)):
            for span in spans:
                row[code[span.label], column] += 1
        row[0, 3:] = lenient_scores(right, marked)
    return counts


def _f1(hits: Array, labelled: Array, marked: Array) -> Array:
    """2 hits / (labelled + marked): nan where both are zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * hits / (labelled + marked))


def _share(part: Array, whole: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole)


def _table(task: Task, counts: Array, labelled: Any, marked: Any) -> Callable[[Array], dict[str, Array]]:
    """A function of multiplicities (b, n) that returns every metric, (b,) each."""
    flat = counts.reshape(len(counts), -1)

    def table(weights: Array) -> dict[str, Array]:
        own = (weights @ flat).reshape(*weights.shape[:-1], *counts.shape[1:])  # (b, types, 5)
        hits, right, found, partial, typed = np.moveaxis(own.sum(axis=-2), -1, 0)
        per_type = np.moveaxis(own, -1, 0)[:3]
        f1 = _f1(*per_type)
        defined = ~np.isnan(f1)
        there = weights > 0
        in_truth, in_found = (there @ labelled) > 0, (there @ marked) > 0
        results = {
            "span_f1": _f1(hits, right, found),
            "precision": _share(hits, found),
            "recall": _share(hits, right),
            "macro_f1": _share(np.where(defined, f1, 0.0).sum(axis=-1), defined.sum(axis=-1)),
            "partial_f1": _f1(partial, right, found),
            "type_f1": _f1(typed, right, found),
            "surface_f1": _f1((in_truth & in_found).sum(axis=-1), in_truth.sum(axis=-1), in_found.sum(axis=-1)),
        }
        for number, label in enumerate(task.labels):
            results[f"precision {label}"] = _share(per_type[0][..., number], per_type[2][..., number])
            results[f"recall {label}"] = _share(per_type[0][..., number], per_type[1][..., number])
            results[f"f1 {label}"] = f1[..., number]
        return results

    return table


def _surfaces(items: Sequence[Sentence], spans: Sequence[Spans]) -> list[set[tuple[str, str]]]:
    """The distinct (words, type) of the spans of each sentence."""
    return [
        {(" ".join(item.words[s.start : s.end]), s.label) for s in own} for item, own in zip(items, spans, strict=True)
    ]


def _incidence(truth: list[set[tuple[str, str]]], found: list[set[tuple[str, str]]]) -> tuple[Any, Any]:
    """Sparse matrices (n, surfaces) of the surfaces in each sentence, labelled and marked."""
    from scipy.sparse import csr_matrix

    names = sorted(set().union(*truth, *found))
    place = {name: number for number, name in enumerate(names)}
    made = []
    for side in (truth, found):
        places = [(row, place[name]) for row, own in enumerate(side) for name in own]
        pairs = np.array(places, np.int64).reshape(-1, 2)
        made.append(
            csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(side), max(len(names), 1)))
        )
    return made[0], made[1]


def _with_intervals(
    table: Callable[[Array], dict[str, Array]], n: int, groups: ArrayLike | None, resamples: int, seed: int
) -> dict[str, Metric]:
    names = list(table(np.ones((1, n))))

    def statistic(weights: Array) -> Array:
        return np.stack(list(table(weights).values()), axis=-1)

    values = statistic(np.ones((1, n)))[0]
    low, high = bootstrap(statistic, n, groups=groups, resamples=resamples, seed=seed)
    return {name: _metric(*three) for name, *three in zip(names, values, low, high, strict=True)}


def _units(counts: Array, groups: ArrayLike | None) -> dict[int, int]:
    """How many sentences, or groups of them, hold a labelled or marked span: by type, and under -1 of any type."""
    codes = group_codes(groups, len(counts))
    there = counts[:, :, 1:3].sum(axis=2) > 0  # (n, types)
    found = {number: len(np.unique(codes[there[:, number]])) for number in range(there.shape[1])}
    return {**found, -1: len(np.unique(codes[there.any(axis=1)]))}


def _type_of(name: str, task: Task) -> int:
    """The number of the type that a metric is of; -1 for all."""
    label = name.partition(" ")[2]
    return task.labels.index(label) if label in task.labels else -1


def _widened(metric: Metric, units: int) -> Metric:
    """With Wilson's interval where the resamples have given none."""
    if math.isnan(metric.value) or not math.isnan(metric.low) or units < FEWEST_UNITS:
        return metric
    low, high = wilson(min(max(metric.value, 0.0), 1.0) * units, units)
    return Metric(metric.value, low, high)


def _combined(
    task: Task,
    truth: Sequence[Spans],
    sides: tuple[Sequence[Spans], Sequence[Spans]],
    groups: ArrayLike | None,
    value: float,
) -> tuple[float, float]:
    """The bounds of a difference from those of its sides (Zou & Donner, Statistics in Medicine 2008)."""
    bounds = []
    for side in sides:
        counts = _counts(task, truth, side)
        f1 = float(_f1(*counts.sum(axis=(0, 1))[:3]))
        units = _units(counts, groups)[-1]
        if math.isnan(f1) or units < FEWEST_UNITS:
            return math.nan, math.nan
        bounds.append((f1, *wilson(f1 * units, units)))
    (one, low, high), (other, below, above) = bounds
    return value - math.hypot(one - low, above - other), value + math.hypot(high - one, other - below)


def _metric(value: float, low: float, high: float) -> Metric:
    """With an interval that holds the value; none where it has no width."""
    if math.isnan(value) or not low < high:
        return Metric(float(value), math.nan, math.nan)
    return Metric(float(value), float(min(low, value)), float(max(high, value)))
