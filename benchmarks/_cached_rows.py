"""A source of precomputed features, for benchmarks of the steps after encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class CachedRows:
    """Rows (n, d) of a mapped file; its items are row numbers (m, 1)."""

    name: str
    rows: Any

    @property
    def info(self) -> Any:
        """The name and the width."""
        from headstart.types import SourceInfo

        return SourceInfo(self.name, "vector", num_features=self.rows.shape[1])

    def prepare(self, item: Any) -> Any:
        """The number of a row."""
        return int(np.asarray(item)[0])

    def forward(self, prepared: Sequence[Any]) -> Any:
        """Rows by their numbers."""
        return np.asarray(self.rows[np.asarray(prepared)])

    def encode(self, items: Sequence[Any]) -> Any:
        """Rows by their numbers."""
        return self.forward([self.prepare(item) for item in items])

    def ready_rows(self, items: Sequence[Any]) -> Any:
        """The mapped rows themselves, or a view of some of them."""
        from headstart.rows import RowView

        order = np.asarray(items)[:, 0].astype(np.intp)
        return self.rows if len(order) == len(self.rows) else RowView(self.rows, order)

    def untrained(self, seed: int) -> None:
        """None, since there is no body."""

    def save(self, folder: Path) -> Mapping[str, str]:
        """Refused, since the source is for benchmarks only."""
        raise NotImplementedError(str(folder))
