"""Comparison of models on the same items: paired differences, tests, and which items and classes decide.

All pairs of models are compared, and the p-values are corrected for all of them (Holm), so that the choice of the best
model, which is made on the same items, is covered too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.evaluate.evaluation import Evaluation, check_outputs, evaluate_predictions
from headstart.evaluate.intervals.paired_tests import holm
from headstart.evaluate.pairs.paired_outputs import PairedOutputs
from headstart.evaluate.pairs.result import Pair
from headstart.params import check_number
from headstart.types import Task

__all__ = ["MARGIN", "PairedComparison", "compare_outputs"]

Array = NDArray[np.float64]

MARGIN = 0.01
"""Default margin of equivalence: one point of a share."""


@dataclass(frozen=True)
class PairedComparison:
    """Several models on the same items.

    Attributes:
        task: the label schema.
        names: the name of each model.
        n: number of items.
        units: number of items or groups that are independent of each other.
        metric: the main metric.
        loss_name: what the loss is.
        margin: below which two models count as equivalent.
        test: the test of the main metric.
        evaluations: all metrics of each model.
        pairs: all pairs of models, in the order of the models.
        best: the model with the largest main metric (of equal ones, that with the least loss).
        tied: models that cannot be told apart from the best one, which is among them.

    Examples:
        >>> task, y = Task("classification", ("ant", "bee")), np.arange(40) % 2
        >>> found = compare_outputs(task, y, [np.full((40, 2), 0.5), np.eye(2)[y]], ["guess", "model"])
        >>> found.names[found.best], found.pair(0, 1).main.value
        ('model', 0.5)
    """

    task: Task
    names: tuple[str, ...]
    n: int
    units: int
    metric: str
    loss_name: str
    margin: float
    test: str
    evaluations: tuple[Evaluation, ...]
    pairs: tuple[Pair, ...]
    best: int
    tied: tuple[int, ...]
    losses: Array = field(compare=False, repr=False, default_factory=lambda: np.empty((0, 0)))

    def pair(self, first: int, second: int) -> Pair:
        """The pair of two models, given by their positions in the order of the models."""
        return next(one for one in self.pairs if (one.first, one.second) == (first, second))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for nan."""
        return {
            "task": self.task.to_dict(),
            "n": self.n,
            "units": self.units,
            "metric": self.metric,
            "loss_name": self.loss_name,
            "margin": self.margin,
            "test": self.test,
            "models": [
                {"name": name, **found.to_dict(), "mean_loss": float(self.losses[:, k].mean())}
                for k, (name, found) in enumerate(zip(self.names, self.evaluations, strict=True))
            ],
            "pairs": [_plain(asdict(one) | {"better": one.better, "at_most": one.at_most}) for one in self.pairs],
            "best": self.best,
            "tied": list(self.tied),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def compare_outputs(
    task: Task,
    y: ArrayLike,
    outputs: Sequence[ArrayLike],
    names: Sequence[str],
    *,
    groups: ArrayLike | None = None,
    margin: float = MARGIN,
    seed: int = 0,
) -> PairedComparison:
    """Compare the outputs of two or more models for the same items.

    Accuracy: Newcombe's interval for paired shares (method 10) and McNemar's exact test; with groups, the exact
    permutation test of the groups' sums. R² and losses: paired bootstrap and paired permutation test. Metrics that
    are no mean over items: paired bootstrap, and the permutation test that exchanges outputs. Groups stay together in
    all of these. The p-values of the main metric and of the loss are corrected for all pairs of models each (Holm); two
    models are told apart where the corrected p-value is at most 0.05 and the 95% interval excludes zero. Simultaneous
    intervals have Bonferroni's level, 1 - 0.05 / pairs. Two models are equivalent where two one-sided tests put their
    difference inside of the margin, which is so where the interval of level 1 - 0.1 / pairs does.

    Args:
        task: the label schema; the metric is the main one of its kind.
        y: truth of n items as in `headstart.evaluate.evaluation.evaluate_predictions`.
        outputs: for each model (n, k) probabilities or values.
        names: for each model its name.
        groups: (n,) names or codes of items that belong together, or None.
        margin: of equivalence, in units of the main metric; default 0.01, one point.
        seed: of the resamples; default 0.

    Returns:
        All pairs, the best model, and those that cannot be told apart from it.

    Raises:
        DataError: if the shapes do not fit or a number is not finite.
        ParameterError: for fewer than two models, or a margin that is not above zero.

    References:
        Newcombe (1998), Improved Confidence Intervals for the Difference between Binomial Proportions Based on Paired
        Data, Statistics in Medicine 17; Dietterich (1998), Approximate Statistical Tests for Comparing Supervised
        Classification Learning Algorithms, Neural Computation 10; Holm (1979), Scandinavian Journal of Statistics 6.
        Schuirmann (1987), A Comparison of the Two One-Sided Tests Procedure and the Power Approach, Journal of
        Pharmacokinetics and Biopharmaceutics 15.

    Examples:
        >>> task, y = Task("classification", ("ant", "bee")), np.arange(40) % 2
        >>> found = compare_outputs(task, y, [np.full((40, 2), 0.5), np.eye(2)[y]], ["guess", "model"])
        >>> pair = found.pairs[0]
        >>> pair.main.value, pair.main.low > 0, round(pair.main.p, 7), pair.only_first, pair.only_second
        (0.5, True, 1.9e-06, 0, 20)
    """
    check_number(margin, "margin", "compare", low=0, open_low=True)
    if len(outputs) < 2 or len(outputs) != len(names):
        raise ParameterError(f"Give two or more models to compare, each with a name. Got {len(outputs)} instead.")
    checked = [check_outputs(task, y, one) for one in outputs]
    sides = PairedOutputs.of(task, checked[0][0], [one for _, one in checked], groups, seed)
    evaluations = tuple(evaluate_predictions(task, y, one, groups=groups, seed=seed) for one in outputs)
    indices = list(combinations(range(len(outputs)), 2))
    tests = np.array([sides.p_values(i, j) for i, j in indices])
    adjusted = np.column_stack([holm(column) for column in tests.T])
    pairs = tuple(
        sides.pair(i, j, p, p_holm, margin)
        for (i, j), p, p_holm in zip(indices, tests.tolist(), adjusted.tolist(), strict=True)
    )
    figures = [float(np.nan_to_num(one.metrics[one.main].value, nan=-math.inf)) for one in evaluations]
    best = max(range(len(outputs)), key=lambda k: (figures[k], -float(sides.losses[:, k].mean())))
    apart = {one.first + one.second - best for one in pairs if best in (one.first, one.second) and one.better == best}
    tied = tuple(k for k in range(len(outputs)) if k not in apart)
    return PairedComparison(
        task, tuple(names), len(sides.truth), sides.units, evaluations[0].main, sides.loss_name, float(margin),
        sides.test, evaluations, pairs, best, tied, sides.losses,
    )  # fmt: skip
