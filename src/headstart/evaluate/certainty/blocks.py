"""What held-out items show of a model's certainty, as blocks of the record: abstention, reliability, novelty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.evaluate.certainty.abstention import abstention_block
from headstart.evaluate.certainty.novelty import novelty_block
from headstart.evaluate.certainty.reliability import reliability_block
from headstart.evaluate.coverage import CoveragePart

__all__ = ["certainty_blocks"]


def certainty_blocks(parts: Sequence[CoveragePart]) -> dict[str, Any]:
    """The blocks by name, of those that suit the task; each is a plain JSON value.

    Args:
        parts: evaluated items of each fit, with what gives their prediction sets.

    Examples:
        >>> certainty_blocks([])
        {}
    """
    found = {
        "abstention": abstention_block(parts),
        "reliability": reliability_block(parts),
        "novelty": novelty_block(parts),
    }
    return {name: block for name, block in found.items() if block}
