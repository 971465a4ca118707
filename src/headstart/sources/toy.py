"""A tiny deterministic source without torch, for tests of whatever is built on sources."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import encode
from headstart.errors import ItemError, SourceError
from headstart.sources.scheme import Scheme
from headstart.types import Block, FeatureMatrix, Modality, SourceInfo

__all__ = ["SCHEME", "ToySource"]

WIDTHS = (32, 64)  # columns of the "letters" and the "trigrams" block


@dataclass(frozen=True)
class ToySource:
    """Signed counts of hashed letters and trigrams of a text, or of the bytes of an array of any shape.

    Two texts that share words are near each other, so a head can learn from it; nothing is loaded.

    Args:
        seed: of the hash; 0 stands for "pretrained", all others for untrained copies.
        modality: what it claims to encode.

    Examples:
        >>> ToySource().encode(["a good day", "a bad day"]).shape
        (2, 96)
    """

    seed: int = 0
    modality: Modality = "text"

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        name = "toy" if self.seed == 0 else f"toy (untrained, seed {self.seed})"
        blocks = (Block("letters", WIDTHS[0]), Block("trigrams", WIDTHS[1]))
        return SourceInfo(name, self.modality, WIDTHS[-1], blocks, architecture="toy", license="Apache-2.0")

    def prepare(self, item: Any) -> bytes:
        """The bytes of a text, or of an array of numbers.

        Raises:
            ItemError: if the item is neither, or empty.
        """
        if isinstance(item, str):
            if not item.strip():
                raise ItemError("The text is empty.")
            return item.lower().encode()
        array = np.asarray(item)
        if array.size == 0 or array.dtype.kind not in "iufb":
            raise ItemError(f"An item must be a text or an array of numbers. Got {type(item).__name__} instead.")
        return np.ascontiguousarray(array).tobytes()

    def forward(self, prepared: Sequence[bytes]) -> FeatureMatrix:
        """Features (n, 96), float32, of n prepared items."""
        return np.stack([np.concatenate([self._counts(b, 1, 32), self._counts(b, 3, 64)]) for b in prepared])

    def _counts(self, data: bytes, gram: int, width: int) -> NDArray[np.float32]:
        grams = [data[k : k + gram] for k in range(max(len(data) - gram + 1, 1))]
        codes = np.array([zlib.crc32(g, self.seed) for g in grams], dtype=np.int64)
        signs = np.where(codes & 1, 1.0, -1.0)
        return np.bincount((codes >> 1) % width, signs, width).astype(np.float32)

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, 96), float32, of n items."""
        return encode(self, items)

    def untrained(self, seed: int) -> ToySource:
        """The same with another hash."""
        return ToySource(seed + 1, self.modality)

    def save(self, folder: Path) -> Mapping[str, str]:  # noqa: ARG002 - nothing needs to be written
        """The reference that opens it again."""
        return {"name": "toy"}


def _open(name: str, modality: Modality | None) -> ToySource:
    if name:
        raise SourceError(f"The source 'toy' has no variants. Got 'toy:{name}' instead; use 'toy'.")
    return ToySource(modality=modality or "text")


SCHEME = Scheme("toy", open=_open, describe=lambda name: _open(name, None).info, names=tuple)  # for tests: not listed
