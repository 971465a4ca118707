"""Pictures with coloured squares whose boxes are known."""

from __future__ import annotations

import numpy as np

from headstart.annotations import Boxes
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import Dataset, SourceInfo, Task

TASK = Task("box", ("red", "blue"))


def squares(count: int, seed: int = 0, *, groups: bool = False) -> Dataset:
    """Grey pictures of 80 x 64 pixels, each with a red or a blue square."""
    rng, items = np.random.default_rng(seed), []
    y = np.empty(count, object)
    for k in range(count):
        picture = rng.integers(90, 110, (64, 80, 3)).astype(np.uint8)
        left, top, side = rng.integers(0, 50), rng.integers(0, 36), rng.integers(20, 28)
        picture[top : top + side, left : left + side] = (250, 40, 40) if k % 2 == 0 else (40, 40, 250)
        items.append(picture)
        y[k] = Boxes(np.array([[left, top, left + side, top + side]]), np.array([k % 2]), (80, 64))
    names = np.arange(count) // 2 if groups else None
    return Dataset(items, tuple(f"{k}.png" for k in range(count)), "image", TASK, y, groups=names)


def tiny_body() -> TimmSource:
    """A body of timm's test architectures with random weights."""
    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


__all__ = ["TASK", "squares", "tiny_body"]
