"""What an extraction gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.types import FeatureMatrix

__all__ = ["Extraction"]


@dataclass(frozen=True)
class Extraction:
    """What `headstart.engine.extract.extract` gave.

    Attributes:
        rows: (n_ok, d) features, in the order of the items; float32 from a body. With ``offsets``, the rows of all
            positions (tokens, patches, frames) of all items, one item after the other.
        index: (n_ok,) positions of the items that could be encoded, ascending.
        failures: position to reason, for the items that could not.
        seconds: wall-clock time that it took.
        encoded: how many contents the body ran on; items of one content count once.
        hits: how many items have rows that the feature store held before.
        backend: what ran the body, such as ``"openvino"``; empty where there is no body.
        precision: the number format that it ran in, such as ``"bf16"``; empty where there is no body.
        notes: what else should be known of the run, in one sentence each.
        details: why the body ran in this form, in one sentence each, for who looks into it.
        setup_seconds: of these seconds, what it took to choose and to make a backend.
        offsets: (n_ok + 1,) int64, where the rows of each item begin and end; None where an item has one row.

    Examples:
        >>> Extraction(np.zeros((3, 2), np.float32), np.arange(3), {}, 0.5, encoded=3).items_per_second
        6.0
    """

    rows: FeatureMatrix
    index: NDArray[np.intp]
    failures: dict[int, str]
    seconds: float
    encoded: int = 0
    hits: int = 0
    backend: str = ""
    precision: str = ""
    notes: tuple[str, ...] = ()
    offsets: NDArray[np.int64] | None = None
    setup_seconds: float = 0.0
    details: tuple[str, ...] = ()

    @property
    def items_per_second(self) -> float:
        """Items seen, encoded or not, a second, once the backend was there."""
        return (len(self.index) + len(self.failures)) / max(self.seconds - self.setup_seconds, 1e-9)
