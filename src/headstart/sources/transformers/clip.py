"""CLIP and SigLIP: the image tower encodes items, and the text tower embeds class names in the same space.

References: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021 (CLIP);
Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023 (SigLIP).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import Runtime, WiderRows
from headstart.engine.extract import encode
from headstart.engine.options import Engine
from headstart.sources.bodies.hidden_layers import Layers, check_layers
from headstart.sources.transformers.clip_towers import TextTower
from headstart.sources.transformers.media_body import MediaBody, MediaParts
from headstart.types import Block, FeatureMatrix, SourceInfo

__all__ = ["PAIRED", "ClipParts", "ClipSource", "LabelledClipSource", "open_clip"]

PAIRED = ("clip", "siglip")  # model types of transformers that have two towers


@dataclass(frozen=True)
class ClipParts:
    """The parts of a source with two towers; none of them is loaded yet.

    Attributes:
        image: the image tower, with its projection into the shared space as the last layer.
        patches: the image tower without the projection, which applies only to entire pictures; for a row per patch.
        text: opens the text tower: with pretrained weights for None, with random weights for a seed.
        reads_texts: whether the checkpoint has a tokenizer.
    """

    image: MediaParts
    patches: MediaParts
    text: Callable[[int | None], TextTower]
    reads_texts: bool = True


class ClipSource:
    """An image source whose body was trained together with a text tower.

    Its last block is the embedding of the picture in the space that both towers share. If that block is read, and the
    checkpoint has a tokenizer, `open_clip` returns a `LabelledClipSource`.

    Args:
        parts: the two towers.
        body: the image tower, which encodes items.
        positions: whether each patch has a row.
        seed: for random weights; None for the pretrained ones.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> open_source("hf:openai/clip-vit-large-patch14").info.blocks[-1]     # doctest: +SKIP
        Block(name='last', width=768)
    """

    def __init__(self, parts: ClipParts, body: MediaBody, *, positions: bool = False, seed: int | None = None) -> None:
        self.parts = parts
        self.body = body
        self._positions = positions
        self._seed = seed

    @property
    def info(self) -> SourceInfo:
        """The facts about the source."""
        return self.body.info

    @property
    def runtime(self) -> Runtime:
        """The runtime of the image tower."""
        return self.body.runtime

    @property
    def positions(self) -> bool:
        """Whether each patch has a row; else each picture has one."""
        return self._positions

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[NDArray[Any]]]) -> str | None:
        """Choose the backend of the image tower, as in `MediaBody.choose`."""
        return self.body.choose(engine, count, few)

    def prepare(self, item: object) -> NDArray[Any]:
        """The pixels of a picture; raises `ItemError` if it cannot be read."""
        return self.body.prepare(item)

    def forward(self, prepared: Sequence[NDArray[Any]]) -> Any:
        """The rows of n prepared pictures, as in `MediaBody.forward`."""
        return self.body.forward(prepared)

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n pictures."""
        return encode(self, items)

    def untrained(self, seed: int) -> ClipSource:
        """The same towers with random weights."""
        return type(self)(self.parts, self.body.untrained(seed), positions=self._positions, seed=seed)

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> ClipSource:
        """The same source with other layers read, as in `MediaBody.with_layers`.

        With ``positions`` the layer ``"last"`` is the tower's last hidden state, before the projection.
        """
        wanted = check_layers(layers)
        return open_clip(self.parts, self.info, layers=wanted, positions=positions, seed=self._seed)

    def all_blocks(self) -> tuple[Block, ...]:
        """The blocks of the image tower among which `only_blocks` chooses."""
        return self.body.all_blocks()

    def only_blocks(self, names: Sequence[str]) -> ClipSource:
        """The same source with only these blocks of the image tower, as in `MediaBody.only_blocks`.

        Raises:
            UnknownNameError: for another name.
            SourceError: for no names.
        """
        body = self.body.only_blocks(names)
        # without its last block no row ends with the space that class names share
        kind = type(self) if body.info.blocks[-1] == self.all_blocks()[-1] else ClipSource
        return kind(self.parts, body, positions=self._positions, seed=self._seed)

    def wider_rows(self) -> WiderRows | None:
        """Where the rows with all blocks are stored; None if it has all."""
        return self.body.wider_rows()

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder of transformers, with both towers."""
        return self.body.save(folder)


class LabelledClipSource(ClipSource):
    """A `ClipSource` whose last block is in the space that pictures and texts share, so it can embed class names.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> clip = open_source("hf:openai/clip-vit-large-patch14")              # doctest: +SKIP
        >>> clip.label_rows(["cat", "dog"])[:, -768:].shape                     # doctest: +SKIP
        (2, 768)
    """

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the text tower, which another process opens again."""
        return {name: value for name, value in vars(self).items() if name != "_text"}

    def label_rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows (C, sum of block widths), float32, of C texts: zero except in the last block."""
        found = self._text.label_embeddings(texts)
        rows = np.zeros((len(texts), sum(block.width for block in self.info.blocks)), np.float32)
        rows[:, -found.shape[1] :] = found
        return rows

    def label_scale(self) -> float:
        """The factor on cosine similarities that the towers learnt: the inverse of the softmax temperature."""
        return self._text.scale

    @cached_property
    def _text(self) -> TextTower:
        return self.parts.text(self._seed)


def open_clip(
    parts: ClipParts, info: SourceInfo, *, layers: Layers = "blocks", positions: bool = False, seed: int | None = None
) -> ClipSource:
    """The source of two towers, reading the given layers of its image tower.

    Args:
        parts: the two towers.
        info: the facts known so far; the source adds the missing ones.
        layers: which layers are read, as in `MediaBody.with_layers`.
        positions: whether each patch has a row.
        seed: for random weights; None for the pretrained ones.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> clip = open_source("hf:openai/clip-vit-large-patch14")              # doctest: +SKIP
        >>> open_clip(clip.parts, clip.info, positions=True).positions          # doctest: +SKIP
        True
    """
    tower = parts.patches if positions else parts.image
    body = MediaBody(tower, info, layers=layers, positions=positions, seed=seed)
    # Class names can be embedded only where rows end with the shared space: one row per picture, last layer read.
    shared = parts.reads_texts and not positions and body.info.blocks[-1].name == "last"
    return (LabelledClipSource if shared else ClipSource)(parts, body, positions=positions, seed=seed)
