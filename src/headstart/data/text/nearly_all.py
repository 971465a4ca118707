"""When nearly all cells of a column agree: one share for every rule that tells what a column holds."""

from __future__ import annotations

__all__ = ["NEARLY_ALL"]

NEARLY_ALL = 0.9  # of the cells; what does not fit is set aside and reported
