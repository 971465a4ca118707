"""The result of feature extraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.types import FeatureMatrix

__all__ = ["Extraction"]


@dataclass(frozen=True)
class Extraction:
    """The result of `headstart.engine.extract.extract`.

    Attributes:
        rows: (n_ok, d) features, in the order of the items; float32 from a body. With ``offsets``, the rows of all
            positions (tokens, patches, frames) of all items, one item after the other.
        index: (n_ok,) positions of the items that could be encoded, ascending.
        failures: position to reason, for the items that could not be encoded.
        seconds: wall-clock time, in seconds.
        encoded: how many distinct contents the body ran on.
        hits: how many items had rows in the feature store.
        backend: what ran the body, such as ``"openvino"``; empty if there is no body.
        precision: the number format of its products, such as ``"bf16"``; empty if there is no body.
        notes: remarks for the user, one sentence each.
        offsets: (n_ok + 1,) int64, where the rows of each item begin and end; None if each item has one row.
        setup_seconds: the part of ``seconds`` that went into choosing and setting up a backend.
        details: why the body ran on this backend and in this format, one sentence each, for diagnosis.

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
        """Items per second, failed ones included, without the time of setting up the backend."""
        return (len(self.index) + len(self.failures)) / max(self.seconds - self.setup_seconds, 1e-9)
