"""Deletion and insertion curves: how fast the answer goes as the most important parts are removed, or comes with them.

The parts are removed one after the other, the most important first, and the area under the curve of the quantity is
compared with that of random orders of the same item. A good map has a smaller area of deletion, and a larger one of
insertion. The comparison is paired: the difference of each item to the mean of its random orders.

References: Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018;
Samek et al., "Evaluating the Visualization of What a Deep Neural Network Has Learned", TNNLS 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.explain.asking.query import Query
from headstart.explain.leave_one_word_out import without

__all__ = ["CurveAreas", "PairedGain", "curve_areas", "paired_gain", "text_keeper"]

Array = NDArray[np.float64]
Keeper = Callable[[NDArray[np.bool_]], Any]
ORDERS = 5  # random orders of an item


@dataclass(frozen=True)
class CurveAreas:
    """Areas under the curves of one item, in units of the quantity: means over the steps.

    Attributes:
        deletion: as the most important parts are removed first.
        insertion: as the most important parts are put in first.
        random: the mean over random orders, for which deletion and insertion have the same expectation.
    """

    deletion: float
    insertion: float
    random: float


@dataclass(frozen=True)
class PairedGain:
    """The mean of paired differences with its 95% interval (Student's t).

    Attributes:
        mean: of the differences.
        low: lower end.
        high: upper end.
        n: number of pairs.
    """

    mean: float
    low: float
    high: float
    n: int


def curve_areas(
    query: Query, values: Array, keep: Keeper, *, steps: int = 20, orders: int = ORDERS, seed: int = 0
) -> CurveAreas:
    """The areas of one item.

    Args:
        query: of the item.
        values: (parts,) its attributions; the order is that of their values, the largest first.
        keep: a function from (parts,) booleans to the item with these parts alone, the others removed or replaced.
        steps: of each curve at most; with more parts, several are removed at once.
        orders: how many random orders are drawn.
        seed: of these orders.

    Raises:
        ParameterError: if the item has a single part.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> texts = ["a good film", "good fun", "a bad film", "bad luck"] * 6
        >>> data = ([f"{text} {k}" for k, text in enumerate(texts)], ["+", "+", "-", "-"] * 6)
        >>> query = ask(fit(data, source="toy", verbose=False).model, "a good one")
        >>> areas = curve_areas(query, np.array([0.0, 1.0, 0.0]), text_keeper("a good one", [(0, 1), (2, 6), (7, 10)]))
        >>> areas.deletion < areas.insertion
        True
    """
    count = len(values)
    if count < 2:
        raise ParameterError("A curve needs an item of at least two parts; give a longer one.")
    rng = np.random.default_rng(seed)
    best = np.argsort(-values, kind="stable")
    cuts = np.unique(np.linspace(0, count - 1, min(steps, count)).round().astype(int))  # one part stays at least
    paths = [_deleted(best, cuts), _inserted(best, cuts)]
    for _ in range(orders):
        drawn = rng.permutation(count)
        paths += [_deleted(drawn, cuts), _inserted(drawn, cuts)]
    masks = np.concatenate(paths)
    distinct, places = np.unique(masks, axis=0, return_inverse=True)
    quantities = query.values_of_items([keep(mask) for mask in distinct])[places.ravel()]
    areas = quantities.reshape(len(paths), len(cuts)).mean(axis=1)
    return CurveAreas(float(areas[0]), float(areas[1]), float(areas[2:].mean()))


def _deleted(order: NDArray[np.intp], cuts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which parts stay (steps, parts) as the first ones of an order are removed."""
    rank = np.argsort(order)
    return np.asarray(rank[None] >= cuts[:, None])


def _inserted(order: NDArray[np.intp], cuts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which parts are there (steps, parts) as the first ones of an order are put in."""
    rank = np.argsort(order)
    return np.asarray(rank[None] < len(order) - cuts[::-1, None])


def text_keeper(text: str, spans: Sequence[tuple[int, int]]) -> Keeper:
    """A function from which of its parts stay to a text of these parts.

    Args:
        text: the text.
        spans: (start, stop) of its parts.

    Examples:
        >>> text_keeper("a good film", [(0, 1), (2, 6), (7, 11)])(np.array([True, False, True]))
        'a film'
    """

    def keep(mask: NDArray[np.bool_]) -> str:
        return without(text, [span for span, stays in zip(spans, mask, strict=True) if not stays])

    return keep


def paired_gain(differences: Array) -> PairedGain:
    """The mean of paired differences with its interval.

    Args:
        differences: (n,) one for each item; at least two.

    Raises:
        ParameterError: for fewer.

    Examples:
        >>> found = paired_gain(np.array([1.0, 2.0, 3.0]))
        >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3)
        (2.0, -0.484, 4.484)
    """
    from scipy.stats import t

    n = len(differences)
    if n < 2:
        raise ParameterError(f"An interval needs at least two differences. Got {n}.")
    mean, error = float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(n))
    half = float(t.ppf(0.975, n - 1)) * error
    return PairedGain(mean, mean - half, mean + half, n)
