"""Pictures and texts in one space: the image tower encodes items, the text tower says where class names lie.

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

from headstart.engine.extract import encode
from headstart.engine.options import Engine
from headstart.sources.bodies.form import form_of
from headstart.sources.bodies.hidden_layers import Layers, check_layers
from headstart.sources.transformers.clip_towers import TextTower
from headstart.sources.transformers.media_body import MediaBody, MediaParts
from headstart.types import FeatureMatrix, SourceInfo

__all__ = ["PAIRED", "ClipParts", "ClipSource", "open_clip"]

PAIRED = ("clip", "siglip")  # model types of transformers with an image and a text tower


@dataclass(frozen=True)
class ClipParts:
    """What a source with two towers is made of; nothing in it has been loaded yet.

    Attributes:
        image: the image tower with its projection into the shared space as the last layer.
        places: the image tower alone, for a row for each patch: the projection is of whole pictures.
        text: opens the text tower, with its weights for None, with fresh ones for a seed.
        reads_texts: whether the checkpoint has a tokenizer.

    Examples:
        >>> ClipParts(image=None, places=None, text=None).reads_texts
        True
    """

    image: MediaParts
    places: MediaParts
    text: Callable[[int | None], TextTower]
    reads_texts: bool = True


class ClipSource:
    """An image source whose body was trained together with a text tower.

    Its last block is the picture in the space that both towers share. Where that block is the last one that is read,
    the source has ``label_rows`` and ``label_scale``.

    Args:
        parts: what it is made of.
        body: the image tower, which encodes items.
        positions: whether each patch has a row.
        seed: for towers with fresh random weights, their seed.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> clip = open_source("hf:openai/clip-vit-large-patch14")              # doctest: +SKIP
        >>> clip.label_rows(["cat", "dog"])[:, -768:].shape                     # doctest: +SKIP
        (2, 768)
    """

    def __init__(self, parts: ClipParts, body: MediaBody, *, positions: bool = False, seed: int | None = None) -> None:
        self.parts = parts
        self.body = body
        self._positions = positions
        self._seed = seed

    def __getstate__(self) -> dict[str, Any]:
        """Another process opens the text tower anew."""
        return {name: value for name, value in vars(self).items() if name != "_text"}

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self.body.info

    backend, precision, reason, hint, streams = form_of("body")

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[NDArray[Any]]]) -> str:
        """Pick the backend of the image tower, as in `MediaBody.choose`."""
        return self.body.choose(engine, count, few)

    def prepare(self, item: Any) -> NDArray[Any]:
        """The pixels of a picture; raises `ItemError` if it cannot be read."""
        return self.body.prepare(item)

    def forward(self, prepared: Sequence[NDArray[Any]]) -> Any:
        """The rows of n prepared pictures, as in `MediaBody.forward`."""
        return self.body.forward(prepared)

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n pictures."""
        return encode(self, items)

    @property
    def label_rows(self) -> Callable[[Sequence[str]], NDArray[np.float32]]:
        """A function from C texts to rows (C, sum of block widths), float32: 0 but in the last block.

        Raises:
            AttributeError: if the last layer that is read is not the space that pictures and texts share, or the
                checkpoint has no tokenizer.
        """
        self._check_shared()
        return self._rows

    @property
    def label_scale(self) -> float:
        """What the towers were trained to multiply cosines with: the inverse of a softmax's temperature."""
        self._check_shared()
        return self._text.scale

    def untrained(self, seed: int) -> ClipSource:
        """The same towers with fresh random weights."""
        return ClipSource(self.parts, self.body.untrained(seed), positions=self._positions, seed=seed)

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> ClipSource:
        """The same source with other layers read, as in `MediaBody.with_layers`.

        With ``positions`` the layer ``"last"`` is the tower's last hidden state, before the projection.
        """
        wanted = check_layers(layers)
        return open_clip(self.parts, self.info, layers=wanted, positions=positions, seed=self._seed)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder of transformers, with both towers."""
        return self.body.save(folder)

    @cached_property
    def _text(self) -> TextTower:
        return self.parts.text(self._seed)

    def _rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = self._text.label_embeddings(texts)
        rows = np.zeros((len(texts), sum(block.width for block in self.info.blocks)), np.float32)
        rows[:, -found.shape[1] :] = found
        return rows

    def _check_shared(self) -> None:
        if not self.parts.reads_texts or self._positions or self.info.blocks[-1].name != "last":
            raise AttributeError("Texts need a tokenizer, and the layer that pictures and texts share as the last one.")


def open_clip(
    parts: ClipParts, info: SourceInfo, *, layers: Layers = "blocks", positions: bool = False, seed: int | None = None
) -> ClipSource:
    """The source whose image tower is read as wanted.

    Args:
        parts: what it is made of.
        info: what is known; the rest is filled in.
        layers: which layers are read, as in `MediaBody.with_layers`.
        positions: whether each patch has a row.
        seed: for towers with fresh random weights, their seed.

    Examples:
        >>> open_clip.__name__
        'open_clip'
    """
    tower = parts.places if positions else parts.image
    body = MediaBody(tower, info, layers=layers, positions=positions, seed=seed)
    return ClipSource(parts, body, positions=positions, seed=seed)
