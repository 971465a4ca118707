"""`two_sample_tests`: several measures of the shift between two samples of rows, with one p-value for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.shift.black_box_shift import output_shifts
from headstart.evaluate.shift.frechet_distance import frechet_distances
from headstart.evaluate.shift.maximum_mean_discrepancy import gaussian_kernel, mmd_of_kernel
from headstart.evaluate.shift.permutations import assignments, permutation_p_values
from headstart.evaluate.shift.pooled import Pooled
from headstart.evaluate.shift.proxy_a_distance import left_out_domain_scores

__all__ = ["MEASURES", "ShiftTest", "two_sample_tests"]

Array = NDArray[np.float64]
MEASURES = ("mmd", "classifier", "frechet", "outputs")
"""Squared MMD, left-out squared error of the domain classifier, Fréchet distance, mean outputs of the model."""


@dataclass(frozen=True)
class ShiftTest:
    """One measure of the shift, compared with random assignments of the same items.

    Attributes:
        name: of `MEASURES`.
        value: of the real samples.
        expected: mean over random assignments: what chance alone gives.
        p_value: of this measure by itself.

    Examples:
        >>> ShiftTest("mmd", 0.031, 0.0, 0.002).p_value
        0.002
    """

    name: str
    value: float
    expected: float
    p_value: float


def two_sample_tests(
    pooled: Pooled,
    outputs: Array | None = None,
    *,
    measures: Sequence[str] = MEASURES,
    permutations: int = 499,
    seed: int = 0,
) -> tuple[tuple[ShiftTest, ...], float]:
    """Compare two samples by several measures on the same permutations.

    Args:
        pooled: n rows of both samples.
        outputs: (n, k) the model's outputs for them, left-out ones for items that it was fitted on; None to leave
            ``"outputs"`` out.
        measures: which of `MEASURES`.
        permutations: random assignments; default 499.
        seed: of the random assignments.

    Returns:
        The measures, and one p-value that is corrected for all of them: without a shift it is at most 0.05 with
        probability at most 0.05, and likewise for other levels.

    Examples:
        >>> from headstart.evaluate.shift.pooled import pooled_rows
        >>> rows = np.random.default_rng(1).normal(size=(80, 3))
        >>> tests, p_value = two_sample_tests(pooled_rows(rows[:50], rows[50:] + 1), permutations=99)
        >>> [test.name for test in tests], p_value
        (['mmd', 'classifier', 'frechet'], 0.01)
        >>> two_sample_tests(pooled_rows(rows[:50], rows[50:]), permutations=99)[1] > 0.05
        True
    """
    names = [name for name in MEASURES if name in measures and (name != "outputs" or outputs is not None)]
    sides = assignments(pooled.new, units=pooled.units, count=permutations, seed=seed)
    columns = [_statistics(name, pooled, outputs, sides) for name in names]
    each, together = permutation_p_values(np.stack(columns, axis=1))
    tests = tuple(
        ShiftTest(name, float(abs(column[0])), float(np.abs(column[1:]).mean()), float(p_value))
        if name == "classifier"  # a loss: less of it speaks for a shift
        else ShiftTest(name, float(column[0]), float(column[1:].mean()), float(p_value))
        for name, column, p_value in zip(names, columns, each, strict=True)
    )
    return tests, together


def _statistics(name: str, pooled: Pooled, outputs: Array | None, sides: Array) -> Array:
    """(b,) values of one measure; larger speaks for a shift."""
    if name == "mmd":
        return mmd_of_kernel(gaussian_kernel(pooled), sides)
    if name == "classifier":
        return -left_out_domain_scores(pooled, sides)[1]
    if name == "frechet":
        return frechet_distances(pooled, sides)
    return output_shifts(np.empty((len(sides), 0)) if outputs is None else outputs, sides)
