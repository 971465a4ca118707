"""Checks of the numbers of a loaded model: finite, in range, and of matching sizes.

With a NaN, a head predicts the first label for every item; a negative temperature reverses the order of the labels; a
scale of zero makes features infinite. None of these raises an error by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FeatureMap, FittedHead
from headstart.linear.moments import Moments
from headstart.tasks import is_classification, task_methods
from headstart.types import Source, Task

__all__ = ["MOST_COLUMNS", "check_head", "check_map", "check_moments", "check_source", "check_task"]

MOST_COLUMNS = 10_000_000
MOST_LABELS = 1_000_000
LARGEST = 1e60  # a weight or a scale; features are at most 1e30, so that products are finite
TEMPERATURES = (1e-12, 1e12)
SCALED = 1e6  # a factor or an offset of vector scaling; a factor is above 0, since a score may be minus infinity
STEEPEST = 1e15  # the slope or the intercept of a calibration


def _finite(name: str, values: NDArray[Any], shape: tuple[int, ...] | None = None) -> None:
    if values.dtype.kind != "f" or (shape is not None and values.shape != shape):
        raise ValueError(f"'{name}' of type {values.dtype} and shape {values.shape}")
    if not np.isfinite(values).all() or (np.abs(values) > LARGEST).any():
        raise ValueError(f"'{name}' holds NaN, infinite or absurdly large numbers")


def check_task(task: Task) -> None:
    """Raise `ValueError` unless the labels are distinct texts.

    Examples:
        >>> check_task(Task("classification", ("ant", "ant")))
        Traceback (most recent call last):
        ValueError: labels that are not distinct texts
    """
    texts = all(isinstance(label, str) for label in task.labels)
    if not 0 < len(task.labels) <= MOST_LABELS or not texts or len(set(task.labels)) < len(task.labels):
        raise ValueError("labels that are not distinct texts")
    if not isinstance(task.column, str | None):
        raise ValueError("a label column that is not a text")


def check_map(feature_map: FeatureMap) -> None:
    """Raise `ValueError` unless a feature map reads existing columns and scales them by positive numbers.

    Examples:
        >>> check_map(FeatureMap("last layer", ((0, 2),), "none", np.zeros(2), np.zeros(2)))
        Traceback (most recent call last):
        ValueError: 'features.scale' holds numbers of 0 or less
    """
    if not isinstance(feature_map.name, str):
        raise ValueError("a feature map whose name is not a text")
    if not feature_map.blocks or not all(0 <= a < b <= MOST_COLUMNS for a, b in feature_map.blocks):
        raise ValueError(f"columns that do not exist: {str(feature_map.blocks)[:60]}")
    width = sum(b - a for a, b in feature_map.blocks)
    if width > MOST_COLUMNS or not 0 <= feature_map.width <= MOST_COLUMNS:
        raise ValueError(f"more than {MOST_COLUMNS} columns")
    if feature_map.scalings and len(feature_map.scalings) != len(feature_map.blocks):
        raise ValueError(f"{len(feature_map.scalings)} scalings for {len(feature_map.blocks)} blocks")
    columns = feature_map.columns
    if columns.size and (columns.ndim != 1 or columns.min() < 0 or columns.max() >= width):
        raise ValueError(f"'features.columns' outside of {width} columns")
    shape = (feature_map.num_features,)
    if feature_map.shift.size:
        _finite("features.shift", feature_map.shift, shape)
    if feature_map.scale.size or feature_map.shift.size:
        _finite("features.scale", feature_map.scale, shape)
        if (feature_map.scale <= 0).any() or (feature_map.scale < 1 / LARGEST).any():
            raise ValueError("'features.scale' holds numbers of 0 or less")


def check_head(head: FittedHead, task: Task) -> None:
    """Raise `ValueError` unless the weights, the λ and the calibration of a head are in their ranges.

    A class whose training items were all removed has a bias of minus infinity; nothing else may be infinite.

    Examples:
        >>> features = FeatureMap("last layer", ((0, 1),), "none")
        >>> good = {"temperature": np.array([-1.0])}
        >>> head = FittedHead(features, "ridge", 1.0, np.ones((1, 2)), np.zeros(2), good, 0.5, ())
        >>> check_head(head, Task("classification", ("ant", "bee")))
        Traceback (most recent call last):
        ValueError: 'temperature' must lie between 1e-12 and 1e+12
    """
    k = task.num_outputs
    features = head.feature_map.num_features if head.linear else 0
    _finite("head.weight", head.weight, (features, k))
    impossible = np.isneginf(head.bias) if is_classification(task) and head.bias.dtype.kind == "f" else False
    _finite("head.bias", np.where(impossible, 0.0, head.bias), (k,))
    if np.all(impossible):
        raise ValueError("'head.bias' leaves no class possible")
    if math.isinf(head.lam) or head.lam < 0 or not 0 <= head.prior < LARGEST or math.isinf(head.loss):
        raise ValueError("a penalty, prior or loss out of range")
    _check_calibration(head.calibration, task)


def _check_calibration(calibration: Mapping[str, NDArray[np.float64]], task: Task) -> None:
    k = task.num_outputs
    for name, values in calibration.items():
        _finite(name, values)
    low, high, steepest = *TEMPERATURES, STEEPEST
    ranges = {
        "temperature": ((1,), low, high), "shares": ((k,), 0.0, 1.001), "class_weight": ((k,), 0.0, LARGEST),
        "slope": ((k,), 0.0, steepest), "intercept": ((k,), -steepest, steepest),
        "chance": ((1,), 0.0, 1.0), "factor": ((k,), 1 / SCALED, SCALED), "offset": ((k,), -SCALED, SCALED),
    }  # fmt: skip
    for name in task_methods(task).parameters:
        if name not in calibration:
            raise ValueError(f"a calibration without '{name}'")
    if ("factor" in calibration) != ("offset" in calibration):
        raise ValueError("a calibration with only one of 'factor' and 'offset'")
    for name in set(ranges) & set(calibration):
        shape, low, high = ranges[name]
        values = calibration[name]
        if values.shape != shape:
            raise ValueError(f"'{name}' of shape {values.shape} for {k} labels")
        if (values < low).any() or (values > high).any():
            raise ValueError(f"'{name}' must lie between {low:g} and {high:g}")
    if "shares" in calibration and not calibration["shares"].sum() > 0:
        raise ValueError("'shares' that are all 0")


def check_moments(moments: Moments, head: FittedHead, task: Task) -> None:
    """Raise `ValueError` unless saved moments are finite, possible, and of the head's columns.

    Examples:
        >>> features = FeatureMap("last layer", ((0, 1),), "none")
        >>> head = FittedHead(features, "ridge", 1.0, np.ones((1, 2)), np.zeros(2), {}, 0.5, ())
        >>> check_moments(Moments.zeros(3, 2), head, Task("classification", ("ant", "bee")))
        Traceback (most recent call last):
        ValueError: moments of 3 columns and 2 targets for a head of 1 and 2
    """
    found, wanted = (moments.num_features, moments.num_targets), (head.feature_map.num_features, task.num_outputs)
    if found != wanted:
        raise ValueError(
            f"moments of {found[0]} columns and {found[1]} targets for a head of {wanted[0]} and {wanted[1]}"
        )
    for name, value in moments.to_arrays().items():
        if not np.isfinite(value).all():
            raise ValueError(f"'{name}' of the moments holds NaN or infinite numbers")
    squares = min(moments.scatter.diagonal().min(initial=0), moments.target_scatter.diagonal().min(initial=0))
    size = max(np.abs(moments.scatter).max(initial=0), np.abs(moments.target_scatter).max(initial=0))
    if moments.n < 0 or moments.w < 0 or squares < -1e-6 * size:
        raise ValueError("moments of a negative number of rows, or negative sums of squares")


def check_source(source: Source, feature_map: FeatureMap) -> None:
    """Raise `ValueError` unless the source gives rows of the width that the head reads.

    Examples:
        >>> from headstart.sources import open_source
        >>> check_source(open_source("toy"), FeatureMap("last layer", ((0, 97),), "none"))
        Traceback (most recent call last):
        ValueError: a head that reads rows of 97 numbers, but a body that gives 96
    """
    given = sum(block.width for block in source.info.blocks)
    if given and given != feature_map.num_inputs:
        raise ValueError(f"a head that reads rows of {feature_map.num_inputs} numbers, but a body that gives {given}")
