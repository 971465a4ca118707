"""Sources of the install with a known worth: they stand for bodies that may not be installed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from headstart.data.media.readers import read_audio
from headstart.engine.extract import encode
from headstart.sources.built_in.entry import BuiltIn
from headstart.sources.embedded import BUILT_IN
from headstart.sources.weight_files.wheel import Wheel
from headstart.types import Block, Modality, SourceInfo


@dataclass
class Planted:
    """The two classes of an item, which its first value or its text gives, under noise."""

    name: str
    modality: Modality
    noise: float
    seen: list[str] = field(default_factory=list)

    @property
    def info(self) -> SourceInfo:
        return SourceInfo(self.name, self.modality, 2, (Block("last", 2),), license="MIT")

    def prepare(self, item: Any) -> str:
        if isinstance(item, str) and self.modality == "audio":
            item = read_audio(item)
        if isinstance(item, str):
            return item
        values = np.asarray(item[0] if isinstance(item, tuple) else item).ravel()
        return f"{'b' if values[0] > 0.5 else 'a'} {values[:2].tolist()}"

    def forward(self, prepared: Any) -> np.ndarray:
        self.seen += prepared
        return np.stack([self._row(text) for text in prepared])

    def _row(self, text: str) -> np.ndarray:
        rng = np.random.default_rng(zlib.crc32(f"{self.name} {text}".encode()))
        return (np.eye(2)[int("b" in text[:1])] + self.noise * rng.normal(size=2)).astype(np.float32)

    def encode(self, items: Any) -> np.ndarray:
        return encode(self, items)

    def untrained(self, seed: int) -> None:  # noqa: ARG002 - no body has random weights
        return None

    def save(self, folder: Any) -> dict[str, str]:  # noqa: ARG002
        return {"name": self.name}


def plant(monkeypatch: pytest.MonkeyPatch, *planted: Planted) -> None:
    """Only these built-in sources are there, beside the image source that every install has."""
    entries = {body.name.partition(":")[2]: _entry(body) for body in planted}
    monkeypatch.setattr(BUILT_IN, "_entries", {"image": BUILT_IN["image"]} | entries)


def plant_missing(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Built-in sources of these names exist, but their packages are not installed; that of images is there."""
    image = BUILT_IN["image"]
    entries = {
        name: BuiltIn(image.describe, image.open, Wheel(f"headstart:{name}", "no-such-package", "1.0", name))
        for name in names
    }
    monkeypatch.setattr(BUILT_IN, "_entries", {"image": image} | entries)


def _entry(body: Planted) -> BuiltIn:
    return BuiltIn(describe=lambda: body.info, open=lambda: body)
