"""Toy source: tiny, deterministic and without torch, for tests of the code that uses sources."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import encode
from headstart.engine.options import Engine
from headstart.errors import ItemError, SourceError, UnknownNameError
from headstart.sources.bodies.word_reading import ReadWords
from headstart.sources.scheme import Scheme
from headstart.types import Block, FeatureMatrix, Modality, SourceInfo

__all__ = ["SCHEME", "ToySource"]

LAYERS = {"letters": (1, 32), "trigrams": (3, 64)}  # length of the n-grams, and number of columns


@dataclass(frozen=True)
class ToySource:
    """Signed counts of hashed letters and trigrams of a text, or of the bytes of an array of any shape.

    Texts that share words are close to each other, so a head can learn from the features. Nothing is loaded.

    Args:
        seed: of the hash; 0 stands for the pretrained source, other seeds for untrained copies.
        modality: the modality that it reports.
        layers: which of the blocks ``"letters"`` and ``"trigrams"`` it computes.
        positions: whether each word has a row, instead of each item.

    References:
        Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning".

    Examples:
        >>> source = ToySource()
        >>> source.encode(["a good day", "a bad day"]).shape
        (2, 96)
    """

    seed: int = 0
    modality: Modality = "text"
    layers: tuple[str, ...] = ("letters", "trigrams")
    positions: bool = False

    @property
    def info(self) -> SourceInfo:
        """The facts about the source."""
        name = "toy" if self.seed == 0 else f"toy (untrained, seed {self.seed})"
        blocks = tuple(Block(layer, LAYERS[layer][1]) for layer in self.layers)
        return SourceInfo(name, self.modality, blocks[-1].width, blocks, architecture="toy", license="Apache-2.0")

    def prepare(self, item: object) -> bytes:
        """The bytes of a text, or of an array of numbers.

        Raises:
            ItemError: if the item is neither, or empty.
        """
        if isinstance(item, str):
            if not item.strip():
                raise ItemError("The text is empty.")
            return item.lower().encode("utf-8", "surrogatepass")
        array = np.asarray(item)
        if array.size == 0 or array.dtype.kind not in "iufb":
            raise ItemError(f"An item must be a text or an array of numbers. Got {type(item).__name__} instead.")
        return np.ascontiguousarray(array).tobytes()

    def forward(self, prepared: Sequence[bytes]) -> Any:
        """The rows of n prepared items.

        Returns:
            (n, 96) float32; with ``positions``, a list of n arrays (words, 96) float32.
        """
        if self.positions:
            return [np.stack([self._row(word) for word in data.split() or [data]]) for data in prepared]
        return np.stack([self._row(data) for data in prepared])

    def read_words(self, sentences: Sequence[Sequence[str]]) -> list[ReadWords]:
        """Each sentence, given as words, as one window; a word of nothing but spaces has no position."""
        return [_read_words(words) for words in sentences]

    def _row(self, data: bytes) -> NDArray[np.float32]:
        return np.concatenate([self._counts(data, *LAYERS[layer]) for layer in self.layers])

    def _counts(self, data: bytes, gram: int, width: int) -> NDArray[np.float32]:
        grams = [data[k : k + gram] for k in range(max(len(data) - gram + 1, 1))]
        # Feature hashing: the lowest bit of the hash is the sign, the other bits choose the column.
        codes = np.array([zlib.crc32(g, self.seed) for g in grams], dtype=np.int64)
        signs = np.where(codes & 1, 1.0, -1.0)
        return np.bincount((codes >> 1) % width, signs, width).astype(np.float32)

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str:  # noqa: ARG002
        """The key of its rows in the feature store."""
        parts = (type(self).__qualname__, self.seed, self.layers, self.positions)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:40]

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, 96), float32, of n items."""
        return encode(self, items)

    def untrained(self, seed: int) -> ToySource:
        """The same source with another hash."""
        return replace(self, seed=seed + 1)

    def with_layers(self, layers: str | Sequence[str], *, positions: bool = False) -> ToySource:
        """The same source with other blocks, or with a row for each word.

        Args:
            layers: ``"last"``, ``"blocks"`` or ``"all"`` (both blocks), or names of blocks.
            positions: whether each word has a row.

        Raises:
            UnknownNameError: for a name that is not a block.
        """
        names = (layers,) if isinstance(layers, str) else tuple(layers)
        rules: dict[tuple[str, ...], tuple[str, ...]] = {
            ("last",): ("trigrams",),
            ("blocks",): tuple(LAYERS),
            ("all",): tuple(LAYERS),
        }
        chosen = rules.get(names, names)
        for name in chosen:
            if name not in LAYERS:
                raise UnknownNameError("layer", name, LAYERS)
        return replace(self, layers=chosen, positions=positions)

    def save(self, folder: Path) -> Mapping[str, str]:  # noqa: ARG002 - nothing needs to be written
        """The reference that opens it again."""
        return {"name": "toy"}


def _read_words(words: Sequence[str]) -> ReadWords:
    plain = [b"_".join(word.lower().encode("utf-8", "surrogatepass").split()) for word in words]
    there = np.array([bool(word) for word in plain], bool)
    rank = np.cumsum(there)
    places = np.where(there[:, None], np.stack([np.zeros_like(rank), rank - 1, rank], axis=1), [-1, 0, 0])
    return ReadWords((b" ".join(filter(None, plain)),) if there.any() else (), places.astype(np.int64))


def _open(name: str, modality: Modality | None) -> ToySource:
    if name:
        raise SourceError(f"The source 'toy' has no variants. Got 'toy:{name}' instead; use 'toy'.")
    return ToySource(modality=modality or "text")


SCHEME = Scheme("toy", open=_open, describe=lambda name: _open(name, None).info, names=tuple)  # for tests: not listed
