"""Cells: small trained networks of a few nodes on the blocks of a source."""

from __future__ import annotations
