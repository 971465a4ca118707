"""Abstention on items outside of the fit: the risk-coverage curve, its area, and what promised errors came to.

References: El-Yaniv & Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010; Geifman, Uziel &
El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019 (AURC and E-AURC).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.coverage import CoveragePart
from headstart.evaluate.diagrams import risk_coverage
from headstart.evaluate.intervals.shares import share_bounds
from headstart.model.abstention import SelectivePredictor
from headstart.tasks import is_classification

__all__ = ["ERRORS", "abstention_block", "excess_aurc"]

Array = NDArray[np.float64]

ERRORS = (0.01, 0.02, 0.05)
"""The promised errors that a fit reports."""


def excess_aurc(sure: Array, right: NDArray[np.bool_]) -> tuple[float, float]:
    """AURC, the mean share of mistakes over all coverages, and E-AURC, what it exceeds that of the best order by.

    Reference: Geifman, Uziel & El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019.

    Args:
        sure: (n,) confidence in each answer, n at least 1; answers of equal confidence are given together.
        right: (n,) whether it is right.

    Examples:
        >>> excess_aurc(np.array([0.9, 0.8, 0.6, 0.5]), np.array([True, True, False, True]))
        (0.14583333333333331, 0.08333333333333331)
    """
    area = float(risk_coverage(sure, right)["aurc"])
    counts = np.arange(1, len(right) + 1)
    # the best order gives all right answers first
    best = np.maximum(counts - np.count_nonzero(right), 0) / counts
    return area, area - float(best.mean())


def abstention_block(parts: Sequence[CoveragePart], *, errors: Sequence[float] = ERRORS) -> dict[str, Any]:
    """Risk-coverage curve, AURC, E-AURC, and each promised error with what it came to.

    Args:
        parts: evaluated items of each fit; several after cross-validation, each with the threshold of its own fit.
        errors: the errors to promise.

    Returns:
        Plain JSON values: ``points`` (at most 100), ``aurc``, ``e_aurc`` and ``promised``; empty unless items have one
        label each.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> from headstart.model.coverage import ConformalPredictor
        >>> from headstart.types import Task
        >>> x, y = np.linspace(0, 4, 400)[:, None], np.repeat([0, 1], 200)
        >>> task, train, test = Task("classification", ("low", "high")), slice(0, None, 2), slice(1, None, 2)
        >>> head = select_head(x[train], y[train], task)
        >>> kept = certainty_of(x[train], y[train], task, head, ids=list(map(str, y[train])))
        >>> outputs = kept.outputs(task, head.calibration)
        >>> part = CoveragePart(ConformalPredictor(task, head, None, kept), y[test], outputs)
        >>> found = abstention_block([part], errors=(0.01, 0.05))["promised"]
        >>> [(one["max_error"], one["answered"] > 0, one["realised"]) for one in found]
        [(0.01, False, None), (0.05, True, 0.0)]
    """
    parts = [part for part in parts if len(part.y)]
    if not parts or not is_classification(parts[0].predictor.task):
        return {}
    outputs, y = np.concatenate([part.outputs for part in parts]), np.concatenate([part.y for part in parts])
    sure, right = outputs.max(axis=1), outputs.argmax(axis=1) == y
    area, excess = excess_aurc(sure, right)
    points = risk_coverage(sure, right)["points"]
    return {"points": points, "aurc": area, "e_aurc": excess, "promised": [_realised(parts, one) for one in errors]}


def _realised(parts: Sequence[CoveragePart], max_error: float) -> dict[str, Any]:
    """One promised error on the evaluated items: how many are answered, and how many of these are wrong."""
    thresholds, wrong, units, start = [], [], [], 0
    items = sum(len(part.y) for part in parts)
    for part in parts:
        selective = SelectivePredictor(part.predictor.task, part.predictor.head, part.predictor.certainty)
        found = selective.selection(max_error)
        thresholds.append(found)
        given = part.outputs.max(axis=1) > found.threshold
        wrong.append((part.outputs.argmax(axis=1) != part.y)[given])
        codes = np.arange(start, start + len(part.y)) if part.groups is None else np.asarray(part.groups)
        units.append(codes[given])
        start += len(part.y)
    mistakes, count = np.concatenate(wrong), sum(map(len, wrong))
    low, high = share_bounds(mistakes.astype(float), np.concatenate(units)) if count else (np.nan, np.nan)
    finite = [found.threshold for found in thresholds if np.isfinite(found.threshold)]
    return {
        "max_error": max_error,
        "threshold": float(np.median(finite)) if finite else None,
        "needed": thresholds[0].least,
        "answered": count / items,
        "realised": float(mistakes.mean()) if count else None,
        "low": float(low) if np.isfinite(low) else None,
        "high": float(high) if np.isfinite(high) else None,
        "items": count,
    }
