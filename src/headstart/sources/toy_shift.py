"""A toy domain shift for tests: a tiny body that is nearly linear on the target's items, and a task that is not."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.sources.bodies.seeded import seeded
from headstart.sources.bodies.trainable import Trainable
from headstart.sources.module import ModuleSource, module
from headstart.types import Dataset, Task

__all__ = [
    "HeadedToy",
    "ToyBody",
    "ToyShift",
    "toy_shift",
    "toy_with_head",
]

SIDE, BANDS, WIDTH = 3, 10, 24
CONSTANT = 40.0
# Bias of each batch normalisation, in standard deviations: most activations are above the ReLU's threshold, but not all
# of them. With all of them above, the loss would be flat at the start, and rounding errors would decide the training.
LIFTED = 2.0


class ToyBody(nn.Module):
    """Three blocks of 1x1 convolution, normalisation and ReLU with raised biases, so the body is nearly linear.

    Examples:
        >>> ToyBody()(torch.zeros(2, 3, 3, 10)).shape
        torch.Size([2, 25])
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (BANDS, WIDTH, WIDTH, WIDTH)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 1), nn.BatchNorm2d(b), nn.ReLU()) for a, b in itertools.pairwise(widths)
        )
        self.classifier = nn.Linear(WIDTH, 3)
        for block in self.blocks:
            nn.init.constant_(block[1].bias, LIFTED)  # type: ignore[index]

    def features(self, pictures: Tensor) -> Tensor:
        """The last map (n, 24, h, w) of pictures (n, h, w, 10)."""
        maps = pictures.permute(0, 3, 1, 2).float()
        for block in self.blocks:
            maps = block(maps)
        return maps

    def forward(self, pictures: Tensor) -> Tensor:
        """The features (n, 25) of pictures (n, h, w, 10); the last one is constant and large.

        After scaling to unit length, the other features therefore stay nearly linear, and the length of a row does not
        depend on the class.
        """
        pooled = self.features(pictures).mean(dim=(2, 3))
        return torch.cat([pooled, torch.full_like(pooled[:, :1], CONSTANT)], dim=1)


@dataclass(frozen=True, eq=False)
class ToyShift:
    """A source and a target task that its frozen features cannot solve.

    Attributes:
        source: the tiny body.
        train: 240 labelled items: small pictures, whose class is whether two of ten bands differ much or little.
        test: 240 further ones.
        source_data: 96 labelled items of the body's source task: which of three bands is strongest.

    Examples:
        >>> len(toy_shift().train)
        240
    """

    source: ModuleSource
    train: Dataset
    test: Dataset
    source_data: Dataset


def toy_shift(seed: int = 0) -> ToyShift:
    """The toy shift; the same for the same seed.

    Examples:
        >>> from headstart.tune.frozen import FROZEN
        >>> shift = toy_shift()
        >>> model = FROZEN.fit(shift.source, shift.train)
        >>> truth = [shift.test.task.labels[k] for k in shift.test.y]
        >>> bool(np.mean(np.array(model.predict(shift.test.items)) == truth) < 0.75)
        True
    """
    rng = np.random.default_rng(seed)
    body = seeded(seed, ToyBody)
    pictures, y = _target(rng, 480)
    colours, strongest = _source(rng, 96)
    with torch.no_grad():  # sets the running statistics of the normalisations
        body.train()
        for _ in range(60):
            body(torch.from_numpy(colours))
    source = module(body.eval(), np.asarray, name="toy", modality="image", version="1")
    return ToyShift(
        source,
        _dataset(pictures[:240], y[:240], ("alike", "different")),
        _dataset(pictures[240:], y[240:], ("alike", "different")),
        _dataset(colours, strongest, ("red", "green", "blue")),
    )


def _target(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    y = rng.permutation(n) % 2
    difference = np.where(y == 1, rng.choice([-1, 1], n) * rng.uniform(1.0, 1.6, n), rng.uniform(-0.5, 0.5, n))
    pictures = rng.normal(scale=0.1, size=(n, SIDE, SIDE, BANDS))
    pictures += rng.normal(size=(n, 1, 1, BANDS))  # hides the class from the length of a row
    pictures[..., 1:3] = rng.normal(scale=0.1, size=(n, SIDE, SIDE, 2))
    pictures[..., 1] += difference[:, None, None]
    pictures[..., 2] -= difference[:, None, None]
    return pictures.astype(np.float32), y.astype(np.int64)


def _source(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    colours = rng.normal(size=(n, 1, 1, BANDS)) + rng.normal(scale=0.1, size=(n, SIDE, SIDE, BANDS))
    return colours.astype(np.float32), colours[..., :3].mean(axis=(1, 2)).argmax(axis=1).astype(np.int64)


def _dataset(items: NDArray[Any], y: NDArray[np.int64], labels: tuple[str, ...]) -> Dataset:
    ids = tuple(str(k) for k in range(len(items)))
    return Dataset(list(items), ids, "image", Task("classification", labels), y)


SHARPNESS = 3.0  # factor of the logits: the least-squares solution is near 0 and 1
CUT = 0.01  # smaller singular values, as a fraction of the largest, are dropped: they would need huge weights


class HeadedToy(ModuleSource):
    """A toy body whose classifier is its source head.

    Examples:
        >>> body = toy_with_head(toy_shift()).trainable()
        >>> body.source_head(body.module, torch.zeros(2, 3, 3, 10)).shape     # logits of three colours
        torch.Size([2, 3])
    """

    def trainable(self) -> Trainable:
        """The body for training, with its source head."""
        return replace(super().trainable(), source_head=_logits)

    def with_module(self, module: nn.Module, name: str) -> HeadedToy:
        """The same source with the weights of ``module``, under another name."""
        return _headed(super().with_module(module, name))


def toy_with_head(shift: ToyShift) -> HeadedToy:
    """The toy's body with a classifier of its source task, fitted by least squares.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> found = toy_with_head(shift).trainable()
        >>> logits = found.source_head(found.module, found.collate(list(shift.source_data.items)))
        >>> bool((logits.argmax(dim=1).numpy() == shift.source_data.y).mean() > 0.8)
        True
    """
    shift.source.encode(shift.train.items[:2])
    body = shift.source.trainable().module
    task, y = shift.source_data.labelled()
    with torch.no_grad():
        rows = _pooled(body, torch.from_numpy(np.stack(list(shift.source_data.items)))).double().numpy()
        design = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
        solved = SHARPNESS * np.linalg.lstsq(design, np.eye(task.num_outputs)[y], rcond=CUT)[0]
        body.get_parameter("classifier.weight").copy_(torch.from_numpy(solved[:-1].T))
        body.get_parameter("classifier.bias").copy_(torch.from_numpy(solved[-1]))
    return _headed(shift.source.with_module(body, shift.source.info.name))


def _headed(source: ModuleSource) -> HeadedToy:
    source.__class__ = HeadedToy  # the same state, with a source head
    return source  # type: ignore[return-value] # the line above made it one


def _pooled(body: Any, pictures: Tensor) -> Tensor:
    pooled: Tensor = body.features(pictures).mean(dim=(2, 3))
    return pooled


def _logits(body: Any, pictures: Tensor) -> Tensor:
    logits: Tensor = body.classifier(_pooled(body, pictures))
    return logits
