"""Sources with a known worth, for the tests of rankings."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.engine.extract import encode
from headstart.errors import ItemError
from headstart.types import Block, SourceInfo


def labelled_rows(n: int = 120, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first columns are the one-hot class, and labels; no two are alike."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return np.column_stack([np.eye(classes)[y], rng.normal(size=(n, 3))]), np.array([f"class {k}" for k in y])


@dataclass
class Blurred:
    """The class columns of a row under noise: the more noise, the worse the source."""

    name: str = "blurred"
    noise: float = 0.3
    classes: int = 2
    parameters: int | None = None
    license: str | None = "MIT"
    accuracy: float | None = None
    source_task: str | None = None
    fails: type[Exception] | None = None
    bad_item: float | None = None
    early: float | None = None  # noise of a block before the last one, where there is one
    seen: list[float] = field(default_factory=list)

    @property
    def info(self) -> SourceInfo:
        blocks = (Block("early", self.classes),) if self.early is not None else ()
        return SourceInfo(
            self.name, "vector", self.classes, (*blocks, Block("last", self.classes)), parameters=self.parameters,
            license=self.license, accuracy=self.accuracy, source_task=self.source_task,
        )  # fmt: skip

    def prepare(self, item: Any) -> np.ndarray:
        row = np.asarray(item, float)
        if self.bad_item is not None and row[-1] == self.bad_item:
            raise ItemError("This row is not liked.")
        return row

    def forward(self, prepared: Any) -> np.ndarray:
        if self.fails is not None:
            raise self.fails("the body is broken")
        self.seen += [float(row[-1]) for row in prepared]
        levels = [self.noise] if self.early is None else [self.early, self.noise]
        return np.stack([np.concatenate([self._blurred(row, level) for level in levels]) for row in prepared])

    def _blurred(self, row: np.ndarray, level: float) -> np.ndarray:
        rng = np.random.default_rng(zlib.crc32(repr((float(row[-1]), self.name, level)).encode()))
        return (row[: self.classes] + level * rng.normal(size=self.classes)).astype(np.float32)

    def encode(self, items: Any) -> np.ndarray:
        return encode(self, items)

    def untrained(self, seed: int) -> Blurred:  # noqa: ARG002
        return Blurred(f"{self.name} untrained", 50.0, self.classes)

    def save(self, folder: Any) -> dict[str, str]:  # noqa: ARG002
        return {"name": self.name}
