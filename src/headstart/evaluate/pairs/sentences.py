"""The result of a comparison in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart.evaluate.formatting import figure, metric_name
from headstart.evaluate.pairs.result import Difference, Pair

__all__ = ["change_words", "p_words", "pair_sentence", "verdict_sentences"]

SHARES = ("accuracy", "average_precision")  # metrics whose hundredths are called points
LEAST_P = 0.001


def change_words(metric: str, value: float, low: float, high: float) -> str:
    """A difference with its interval; in points for shares.

    Args:
        metric: the main metric, or the name of a loss.
        value: the difference.
        low: lower bound; nan for no interval.
        high: upper bound.

    Examples:
        >>> change_words("accuracy", 0.021, 0.004, 0.039), change_words("r2", 0.1, 0.05, 0.2)
        ('+2.1 points [0.4, 3.9]', '+0.100 [+0.050, +0.200]')
    """
    if metric not in SHARES:
        return figure(value, low, high, sign="+")
    interval = "(no interval)" if math.isnan(low) or math.isnan(high) else f"[{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * value:+.1f} points {interval}"


def p_words(p: float) -> str:
    """A p-value.

    Examples:
        >>> p_words(0.0123), p_words(0.00001), p_words(float("nan"))
        ('p = 0.012', 'p < 0.001', 'p undefined')
    """
    return "p undefined" if math.isnan(p) else f"p = {p:.3f}" if p >= LEAST_P else f"p < {LEAST_P}"


def verdict_sentences(
    pairs: Sequence[Pair], names: Sequence[str], figures: tuple[str, str, int], best: int, tied: Sequence[int]
) -> list[str]:
    """The verdict: for two models the sentence of the pair; for several the best one, its ties, and the others.

    Args:
        pairs: all pairs.
        names: of the models.
        figures: the main metric, the name of the loss, and the number of items.
        best: position of the best model.
        tied: positions of the models that cannot be told apart from it, with itself.

    Examples:
        >>> none = Difference(0.0, 0.0, 0.0, 1.0, 1.0)
        >>> pair = Pair(0, 1, none, (0.0, 0.0), (0.0, 0.0), True, none, True, 0, 0, 0, ())
        >>> verdict_sentences([pair], ["a", "b"], ("accuracy", "loss", 40), 0, [0, 1])
        ['a and b give the same outputs for all 40 items: the difference is exactly zero.']
    """
    metric, _, n = figures
    if len(pairs) == 1:
        return [pair_sentence(pairs[0], names, *figures)]
    others = [k for k in tied if k != best]
    behind = [names[k] for k in range(len(names)) if k not in tied]
    found = []
    if behind:
        found.append(f"{names[best]} has the best {metric_name(metric)} on {n:,} items, and is better than "
                     f"{_series(behind)} (corrected for all {len(pairs)} pairs).")  # fmt: skip
    if others:
        found.append(f"{_series([names[k] for k in sorted([best, *others])])} cannot be told apart on {n:,} items.")
    return found


def pair_sentence(pair: Pair, names: Sequence[str], metric: str, loss_name: str, n: int) -> str:
    """Whether one of two models is better, by how much, and how many items decide it.

    Args:
        pair: the two models.
        names: of all models.
        metric: the main metric.
        loss_name: what the loss is.
        n: number of items.

    Examples:
        >>> main, loss = Difference(0.1, 0.03, 0.17, 0.01, 0.01), Difference(0.0, -0.1, 0.1, 1.0, 1.0)
        >>> pair = Pair(0, 1, main, (0.03, 0.17), (0.04, 0.16), False, loss, False, 4, 14, 10, ())
        >>> pair_sentence(pair, ["A", "B"], "accuracy", "loss", 100)
        'B is better than A: accuracy +10.0 points [3.0, 17.0] on 100 items (p = 0.010); 18 items decide it: B \
alone is right on 14, A alone on 4.'
    """
    first, second = names[pair.first], names[pair.second]
    if pair.same_outputs:
        return f"{first} and {second} give the same outputs for all {n:,} items: the difference is exactly zero."
    if math.isnan(pair.main.value):
        return f"Whether {first} or {second} is better is unclear: {metric_name(metric)} is undefined on these items."
    p = p_words(pair.main.p_holm)
    if pair.better is not None:
        ahead, behind = (second, first) if pair.better == pair.second else (first, second)
        value = change_words(metric, *_towards(pair.main, up=pair.better == pair.second))
        close = f" It is less than {_margin(metric, pair.at_most)} all the same." if pair.equivalent else ""
        shown = f"{ahead} is better than {behind}: {metric_name(metric)} {value} on {n:,} items ({p})"
        return f"{shown}{_deciding(pair, names, metric)}.{close}"
    value = change_words(metric, pair.main.value, pair.main.low, pair.main.high)
    shown = f"{metric_name(metric)} of {second} {value} on {n:,} items ({p})"
    if pair.equivalent:
        found = f"{first} and {second} are equivalent: {shown}"
    else:
        found = f"{first} and {second} cannot be told apart: {shown}"
    most = f"; with 95% confidence they are at most {_margin(metric, pair.at_most)} apart"
    found += f"{most if math.isfinite(pair.at_most) else ''}."
    if pair.loss.is_clear:
        lower = second if pair.loss.value < 0 else first
        by = figure(*_towards(pair.loss, up=lower == second), sign="+")
        found += f" The {loss_name} of {lower} is lower: {by} ({p_words(pair.loss.p_holm)})."
    return found


def _towards(difference: Difference, *, up: bool) -> tuple[float, float, float]:
    """Value and bounds; with the sign changed unless ``up``."""
    if up:
        return difference.value, difference.low, difference.high
    return -difference.value, -difference.high, -difference.low


def _margin(metric: str, value: float) -> str:
    return f"{100 * value:.1f} points" if metric in SHARES else f"{value:.3f}"


def _deciding(pair: Pair, names: Sequence[str], metric: str) -> str:
    first, second = names[pair.first], names[pair.second]
    if metric == "accuracy":
        count = pair.only_first + pair.only_second
        ahead = pair.better == pair.second
        wins = [(second, pair.only_second), (first, pair.only_first)]
        (one, many), (other, few) = wins if ahead else wins[::-1]
        items = "1 item decides" if count == 1 else f"{count:,} items decide"
        return f"; {items} it: {one} alone is right on {many:,}, {other} alone on {few:,}"
    if pair.decided_by is None:
        return ""
    what = "item" if pair.decided_by == 1 else f"{pair.decided_by:,} items"
    return f"; without the {what} that speak most for it, the difference would be gone"


def _series(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
