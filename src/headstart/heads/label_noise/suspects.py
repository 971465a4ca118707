"""Labels that left-out predictions contradict with confidence, and the training rows that did most to contradict them.

An item is suspect where its left-out probabilities, calibrated, hold another label to be ten times likelier than the
one that it carries. With a tenth of the training labels flipped this found 96% of the flips of BANKING77 (83% of the
suspects were flips), 72% (82%) on TREC-6 and 29% (77%) on financial news: much the same precision at every difficulty.
The rule of confident learning (a probability above the mean self-confidence of another class) found 67% (84%) on
BANKING77. The odds were set on these same rows (last layer, one draw); clothing10, which had no part in it: 82% (87%).

References: Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021 (the
problem and the confident joint); Cook & Weisberg, "Residuals and Influence in Regression", 1982.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.fitted import FittedHead
from headstart.heads.problem import HeadSearch, TargetRows
from headstart.heads.spectral.class_weights import row_weights
from headstart.heads.spectral.left_out import spectrum_of
from headstart.linear.influence import deletion_influence
from headstart.types import Rows, Task

__all__ = ["Suspects", "find_suspects", "influential_rows"]

Array = NDArray[np.float64]
ODDS = 10.0
# Influence of n rows on m predictions is m·n·k numbers; this many at a time.
NUMBERS = 20_000_000


@dataclass(frozen=True, eq=False)
class Suspects:
    """Items whose label is contradicted, the most suspect first.

    Attributes:
        index: (m,) positions among the rows.
        given: (m,) codes of the labels that they carry.
        predicted: (m,) codes of the left-out predictions.
        p_given: (m,) left-out probability of the label that they carry.
        p_predicted: (m,) left-out probability of the prediction.

    Examples:
        >>> find_suspects(np.array([[0.95, 0.05], [0.9, 0.1]]), np.array([1, 0])).index
        array([0])
    """

    index: NDArray[np.intp]
    given: NDArray[np.intp]
    predicted: NDArray[np.intp]
    p_given: Array
    p_predicted: Array

    def __len__(self) -> int:
        return len(self.index)

    @property
    def margin(self) -> Array:
        """How much likelier the prediction is than the label, p(predicted) - p(given), (m,)."""
        return self.p_predicted - self.p_given


def find_suspects(outputs: Array, y: NDArray[Any], *, odds: float = ODDS) -> Suspects:
    """Label-error detection: items whose left-out prediction is ``odds`` times likelier than their label.

    Reference: Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021.

    Args:
        outputs: (n, C) calibrated left-out probabilities.
        y: (n,) class codes.
        odds: how much likelier, 10.

    Returns:
        The suspects, by falling odds.

    Examples:
        >>> found = find_suspects(np.array([[0.95, 0.05], [0.6, 0.4]]), np.array([1, 1]))
        >>> found.index, found.margin.round(2)
        (array([0]), array([0.9]))
    """
    codes = np.asarray(y, dtype=np.intp)
    rows = np.arange(len(codes))
    predicted = outputs.argmax(axis=1)
    given, best = outputs[rows, codes], outputs[rows, predicted]
    # odds of the prediction against the given label; tiny where that has probability 0
    ratio = best / np.maximum(given, np.finfo(np.float64).tiny)
    hit = np.flatnonzero((predicted != codes) & (ratio >= odds))
    index = hit[np.argsort(-ratio[hit], kind="stable")]
    return Suspects(index, codes[index], predicted[index], given[index], best[index])


def influential_rows(
    rows: Rows,
    y: NDArray[Any],
    task: Task,
    head: FittedHead,
    suspects: Suspects,
    *,
    count: int = 3,
    search: HeadSearch = HeadSearch(),
) -> NDArray[np.intp]:
    """Influential examples: the training rows that did most for the predicted class of each suspect.

    Reference: Cook & Weisberg, "Residuals and Influence in Regression", 1982.

    Args:
        rows: (n, d) source rows of the fit.
        y: (n,) class codes.
        task: the label schema.
        head: the fitted head.
        suspects: from `find_suspects` on the same rows.
        count: how many rows for each suspect.
        search: what was compared when the head was chosen.

    Returns:
        (m, count) positions, the most influential first, never the suspect itself.

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y = np.array([[0.0], [0.1], [0.2], [4.0], [4.1], [4.2]]), np.array([0, 0, 0, 1, 1, 0])
        >>> task = Task("classification", ("low", "high"))
        >>> suspects = Suspects(np.array([5]), np.array([0]), np.array([1]), np.array([0.1]), np.array([0.9]))
        >>> sorted(influential_rows(x, y, task, select_head(x, y, task), suspects, count=2)[0].tolist())
        [3, 4]
    """
    spectrum, weights = spectrum_of(rows, y, task, head, search), row_weights(y, task, search.class_weight)
    mapped, targets = head.feature_map(rows[:]), TargetRows(y, task)[:]
    count = min(count, len(y) - 1)
    found = np.empty((len(suspects), count), dtype=np.intp)
    for part in _parts(len(suspects), NUMBERS // max(targets.size, 1)):
        own = suspects.index[part]
        influence = deletion_influence(spectrum, mapped, targets, mapped[own], head.lam, sample_weight=weights)
        # (suspects, n): influence on the score of the class that was predicted, each suspect's own
        towards = influence[np.arange(len(own)), :, suspects.predicted[part]]
        towards[np.arange(len(own)), own] = -np.inf
        found[part] = np.argsort(-towards, axis=1, kind="stable")[:, :count]
    return found


def _parts(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, max(1, size)):
        yield slice(start, min(start + max(1, size), n))
