"""Novelty on items outside of the fit: the promised false-alarm rate, and the share of items that is flagged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.errors import DataError
from headstart.evaluate.coverage import CoveragePart
from headstart.evaluate.intervals.shares import share_bounds
from headstart.model.novelty import FALSE_ALARM, NoveltyDetector

__all__ = ["novelty_block"]

MOST_ITEMS = 2_000  # held-out items that are looked at


def novelty_block(parts: Sequence[CoveragePart], *, false_alarm: float = FALSE_ALARM) -> dict[str, Any]:
    """The promised false-alarm rate, and the share of held-out items that is flagged as novel.

    Args:
        parts: evaluated items of each fit; those of one fit with rows are looked at.
        false_alarm: the promised rate.

    Returns:
        Plain JSON values; empty after cross-validation, ``refused`` where too few training items allow no such rate.

    Examples:
        >>> novelty_block([])
        {}
    """
    if len(parts) != 1 or not len(parts[0].y):
        return {}
    part, rows = parts[0], parts[0].rows
    if rows is None:
        return {}
    predictor = part.predictor
    detector = NoveltyDetector(predictor.task, predictor.head, predictor.moments, predictor.certainty)
    try:
        detector.check(false_alarm)
        kept = slice(None, None, max(1, -(-len(part.y) // MOST_ITEMS)))
        flags = detector.p_values(rows[kept], part.outputs[kept]) <= false_alarm
    except DataError as error:
        return {"false_alarm": false_alarm, "refused": str(error)}
    low, high = share_bounds(flags.astype(float), None if part.groups is None else part.groups[kept])
    return {
        "false_alarm": false_alarm,
        "realised": float(flags.mean()),
        "low": float(low) if np.isfinite(low) else 0.0,
        "high": float(high) if np.isfinite(high) else 1.0,
        "items": len(flags),
        "compared_with": detector.units,
        "scores": list(detector.names),
    }
