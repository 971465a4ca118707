"""What every backend is."""

from __future__ import annotations

from typing import Protocol

from headstart.engine.recipe import Batch
from headstart.types import FeatureMatrix

__all__ = ["Backend"]


class Backend(Protocol):
    """A body that is ready to run: arrays in, rows out.

    Attributes:
        name: ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"``; what products are computed in, while rows are float32.
        streams: how many threads may call it at once.
        note: why it runs in this form, in a sentence.
    """

    @property
    def name(self) -> str:
        """Which backend it is."""
        ...

    @property
    def precision(self) -> str:
        """The number format of its products."""
        ...

    @property
    def streams(self) -> int:
        """How many threads may call it at once."""
        ...

    @property
    def note(self) -> str:
        """Why it runs in this form."""
        ...

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths) float32 of a batch: its blocks side by side on the last axis.

        Raises:
            MemoryError: where the batch does not fit into memory.
        """
        ...
