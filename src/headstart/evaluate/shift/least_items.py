"""How many items of a call a shift is looked for in; apart, so that a call with fewer items loads nothing for it."""

from __future__ import annotations

__all__ = ["LEAST"]

LEAST = 50
"""Items of each side below which nothing is said: so few show only a large shift."""
