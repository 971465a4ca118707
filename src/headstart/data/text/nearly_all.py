"""The share of cells that must agree, shared by all rules that infer what a column holds."""

from __future__ import annotations

__all__ = ["NEARLY_ALL"]

NEARLY_ALL = 0.9  # of the cells; cells that do not fit are set aside and reported
