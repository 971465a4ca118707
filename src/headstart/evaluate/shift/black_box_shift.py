"""Black box shift detection: whether the model's own outputs are distributed otherwise on new items.

A change of what the model answers is found with few items, since there are few outputs. Those of the training items
must be left-out ones: the outputs for items that the model was fitted on are surer than for any new item. The statistic
is Σ_k (mean of output k on new items - that on training items)² / variance of output k.

References: Lipton, Wang & Smola, "Detecting and Correcting for Label Shift with Black Box Predictors", ICML 2018;
Rabanser, Günnemann & Lipton, "Failing Loudly: An Empirical Study of Methods for Detecting Dataset Shift", NeurIPS 2019.
Command: headstart drift RUN NEW
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["output_shifts"]

Array = NDArray[np.float64]
SMALL = 1e-20


def output_shifts(outputs: Array, sides: Array) -> Array:
    """The squared difference of mean outputs, in units of their variance, for many assignments to two samples.

    Args:
        outputs: (n, k) outputs of both samples.
        sides: (n, b) of 0 and 1, one assignment a column.

    Returns:
        (b,) sums over the outputs; outputs without variance are left out.

    Examples:
        >>> outputs = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
        >>> output_shifts(outputs, np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])).round(2)
        array([7.84, 0.16])
    """
    variance = outputs.var(axis=0)
    kept = variance > SMALL
    scaled = (outputs[:, kept] - outputs[:, kept].mean(axis=0)) / np.sqrt(variance[kept])
    size = sides.sum(axis=0)
    sums = scaled.T @ sides
    # the other sample's sum is the negative, because the columns are centred
    difference = sums * (1 / size + 1 / (len(sides) - size))
    return np.asarray((difference**2).sum(axis=0))
