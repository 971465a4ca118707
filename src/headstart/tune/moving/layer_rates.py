"""Rates that differ from block to block.

References: Howard & Ruder 2018, "Universal Language Model Fine-tuning" (discriminative rates: η / 2.6 from layer to
layer); Clark et al. 2020, "ELECTRA" (layer-wise decay).
"""

from __future__ import annotations

__all__ = ["ULMFIT_DECAY", "decayed_rates"]

ULMFIT_DECAY = 1 / 2.6


def decayed_rates(count: int, decay: float) -> list[float]:
    """decay^(count - 1 - k) for block k: 1 for the last one.

    Args:
        count: number of blocks.
        decay: from a block to the one before it, in (0, 1].

    Examples:
        >>> decayed_rates(3, 0.5)
        [0.25, 0.5, 1.0]
    """
    return [decay ** (count - 1 - k) for k in range(count)]
