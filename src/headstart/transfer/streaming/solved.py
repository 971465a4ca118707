"""The head of a stream: ridge regression on sums, with features and penalty that no order of tasks changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FeatureMap, FittedHead
from headstart.linear.moments import Moments
from headstart.linear.ridge import gcv, lambda_grid, ridge_coefficients
from headstart.linear.spectrum import Spectrum
from headstart.types import Source, Task

__all__ = ["head_from", "stream_map", "sums_of"]


def stream_map(source: Source, width: int) -> FeatureMap:
    """The features of a stream's head: the last layer, scaled to unit length; numbers of a table as they are.

    Nothing in it follows from items, so sums of several tasks can be added.

    Args:
        source: gives the blocks.
        width: columns of its rows.

    Examples:
        >>> from headstart.sources import open_source
        >>> stream_map(open_source("vector"), 3).scaling
        'none'
    """
    blocks = source.info.blocks
    if not blocks or any(block.numbers for block in blocks):
        return FeatureMap("all columns", ((0, width),), "none")
    return FeatureMap("last layer", ((width - blocks[-1].width, width),), "unit_norm")


def sums_of(
    features: FeatureMap, rows: NDArray[np.float32], y: NDArray[np.int64], task: Task, *, balanced: bool = False
) -> Moments:
    """The sums of rows (n, d) with one-hot targets for all labels of the stream.

    Args:
        features: of the head.
        rows: of the source.
        y: (n,) codes.
        task: the labels of the stream.
        balanced: whether all classes of these rows weigh the same in total.

    Examples:
        >>> task, rows = Task("classification", ("a", "b")), np.array([[1.0], [2.0], [4.0]], np.float32)
        >>> sums_of(FeatureMap("x", ((0, 1),), "none"), rows, np.array([0, 0, 1]), task, balanced=True).target_mean
        array([0.5, 0.5])
    """
    weights = None
    if balanced:
        counts = np.bincount(y, minlength=task.num_outputs)
        weights = len(y) / (np.count_nonzero(counts) * counts[y])
    return Moments.from_rows(features(rows), np.eye(task.num_outputs)[y], weights)


def head_from(moments: Moments, features: FeatureMap) -> FittedHead:
    """Ridge regression with the penalty of least generalised cross-validation, both from the sums alone.

    Numbers of a table are standardised by the sums. Labels without items so far get scores of 0.

    Args:
        moments: of all rows so far, in the features.
        features: from `stream_map`.

    Returns:
        The head. Its probabilities are not calibrated, which would take left-out scores of single items.

    References:
        Golub, Heath & Wahba 1979, "Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter".

    Examples:
        >>> x, y = np.array([[0.0], [0.2], [2.0], [2.2]], np.float32), np.array([0, 0, 1, 1])
        >>> features = FeatureMap("all columns", ((0, 1),), "none")
        >>> head = head_from(sums_of(features, x, y, Task("classification", ("low", "high"))), features)
        >>> head.scores(x).argmax(axis=1).tolist()
        [0, 0, 1, 1]
    """
    if features.scaling == "none":
        shift, deviation = moments.mean, np.sqrt(moments.scatter.diagonal() / moments.w)
        scale = np.where(deviation > 0, deviation, 1.0)
        moments, features = moments.rescaled(shift, scale), replace(features, shift=shift, scale=scale)
    spectrum = Spectrum.from_moments(moments)
    grid = lambda_grid(spectrum)
    errors = gcv(spectrum, grid).sum(axis=1)
    lam = float(grid[errors.argmin()])
    weight, bias = ridge_coefficients(spectrum, lam)
    calibration = {"temperature": np.ones(1), "shares": np.maximum(moments.target_mean, 0.0)}
    return FittedHead(features, "ridge", lam, weight, bias, calibration, float("nan"), (), moments)
