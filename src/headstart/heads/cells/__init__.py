"""Cells: small trained networks of a few nodes on the blocks of a source.

What a cell computes, as a head and inside of a differentiable search, goes in here.
"""

from __future__ import annotations
