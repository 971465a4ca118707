"""The result of a comparison in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart.evaluate.formatting import figure, metric_name
from headstart.evaluate.pairs.result import Pair

__all__ = ["change_words", "item_count", "p_words", "pair_sentence", "verdict_sentences"]

SHARES = ("accuracy", "average_precision")  # metrics whose hundredths are called points
LEAST_P = 0.001

SIDED = " (one-sided; the interval is two-sided)"


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
        >>> from headstart.evaluate.pairs.result import Difference
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
        found.append(f"{names[best]} has the best {metric_name(metric)} on {item_count(n)}, and is better than "
                     f"{_series(behind)} (corrected for all {len(pairs)} pairs).")  # fmt: skip
    if others:
        found.append(f"{_series([names[k] for k in sorted([best, *others])])} cannot be told apart on {item_count(n)}.")
    return found


def pair_sentence(pair: Pair, names: Sequence[str], metric: str, loss_name: str, n: int) -> str:
    """Whether the second of two models is better or worse than the first, by how much, and how many items decide it.

    Differences are the second minus the first, as in all tables and diagrams.

    Args:
        pair: the two models.
        names: of all models.
        metric: the main metric.
        loss_name: what the loss is.
        n: number of items.

    Examples:
        >>> from headstart.evaluate.pairs.result import Difference
        >>> main, loss = Difference(0.1, 0.03, 0.17, 0.01, 0.01), Difference(0.0, -0.1, 0.1, 1.0, 1.0)
        >>> pair = Pair(0, 1, main, (0.03, 0.17), (0.04, 0.16), False, loss, False, 4, 14, 10, ())
        >>> pair_sentence(pair, ["A", "B"], "accuracy", "loss", 100)
        'B is better than A: accuracy +10.0 points [3.0, 17.0] on 100 items (p = 0.010); 18 items decide it: B \
alone is right on 14, A alone on 4.'
    """
    first, second = names[pair.first], names[pair.second]
    if pair.same_outputs:
        return f"{first} and {second} give the same outputs for all {item_count(n)}: the difference is exactly zero."
    if math.isnan(pair.main.value):
        return f"Whether {first} or {second} is better is unclear: {metric_name(metric)} is undefined on these items."
    value = change_words(metric, pair.main.value, pair.main.low, pair.main.high)
    shown = f"{metric_name(metric)} {value} on {item_count(n)} ({p_words(pair.main.p_holm)})"
    if pair.better is not None:
        found = f"{second} is {'better' if pair.better == pair.second else 'worse'} than {first}: {shown}"
        close = f" It is less than {_margin(metric, pair.at_most)} all the same{SIDED}." if pair.equivalent else ""
        return f"{found}{_deciding(pair, names, metric)}.{close}"
    found = f"{second} {'is equivalent to' if pair.equivalent else 'cannot be told apart from'} {first}: {shown}"
    most = f"; with 95% confidence they are at most {_margin(metric, pair.at_most)} apart{SIDED}"
    found += f"{most if math.isfinite(pair.at_most) else ''}."
    if pair.loss.is_clear:
        side = "lower" if pair.loss.value < 0 else "higher"
        by = figure(pair.loss.value, pair.loss.low, pair.loss.high, sign="+")
        found += f" The {loss_name} of {second} is {side}: {by} ({p_words(pair.loss.p_holm)})."
    return found


def item_count(n: int) -> str:
    """A number of items in words.

    Examples:
        >>> item_count(1), item_count(2000)
        ('1 item', '2,000 items')
    """
    return "1 item" if n == 1 else f"{n:,} items"


def _margin(metric: str, value: float) -> str:
    return f"{100 * value:.1f} points" if metric in SHARES else f"{value:.3f}"


def _deciding(pair: Pair, names: Sequence[str], metric: str) -> str:
    first, second = names[pair.first], names[pair.second]
    if metric == "accuracy":
        count = pair.only_first + pair.only_second
        decided = f"{item_count(count)} decide{'s' if count == 1 else ''} it"
        return f"; {decided}: {second} alone is right on {pair.only_second:,}, {first} alone on {pair.only_first:,}"
    if pair.decided_by is None:
        return ""
    what = "item" if pair.decided_by == 1 else f"{pair.decided_by:,} items"
    return f"; without the {what} that speak most for it, the difference would be gone"


def _series(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
