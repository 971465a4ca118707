"""Agreement of two forms of one body: the smallest cosine similarity of an item's features in any block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import count_items, to_tensors
from headstart.engine.body.recipe import Batch, Forward

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FP32_AGREEMENT", "HALF_AGREEMENT", "Reference", "agreement", "measure_reference", "reference_of"]

# The smallest cosine similarity that is accepted, of two forms in fp32, and of bf16 or fp16 with fp32.
FP32_AGREEMENT = 0.99999
HALF_AGREEMENT = 0.999


def agreement(exact: Sequence[NDArray[Any]], fast: Sequence[NDArray[Any]]) -> float:
    """The smallest cosine similarity of an item's features in any block.

    Two zero vectors agree (1), and nothing agrees with NaN (-1).

    Args:
        exact: for each block, (n, ...) features.
        fast: the features of the other form, of the same shapes.

    Examples:
        >>> agreement([np.eye(2)], [np.eye(2)])
        1.0
        >>> agreement([np.zeros((1, 2))], [np.zeros((1, 2))])
        1.0
        >>> agreement([np.eye(2)], [np.full((2, 2), np.nan)])
        -1.0
    """
    least = 1.0
    for one, other in zip(exact, fast, strict=True):
        # cos(a, b) = a.b / (|a| |b|) for each item; in float64, because float32 sums are too coarse for 0.99999.
        a = one.reshape(len(one), -1).astype(np.float64)
        b = other.reshape(len(other), -1).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            cosine = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
        cosine = np.nan_to_num(cosine, nan=-1.0)
        both_zero = (a == 0).all(1) & (b == 0).all(1)
        least = min(least, float(np.where(both_zero, 1.0, cosine).min(initial=1.0)))
    return least


@dataclass(frozen=True)
class Reference:
    """Features of a few batches from the plain module in fp32, with which other forms are compared.

    Attributes:
        batches: the batches.
        blocks: for each batch, its blocks (n, ..., width) float32.
        seconds: seconds per item, of the fastest batch.

    Examples:
        >>> x = np.eye(2, dtype=np.float32)
        >>> Reference((x,), ([x],), 0.1).agreement(lambda batch: 2 * batch)
        1.0
    """

    batches: tuple[Batch, ...]
    blocks: tuple[list[NDArray[Any]], ...]
    seconds: float

    def is_finite(self, index: int) -> bool:
        """Whether all features of the batch ``index`` are finite."""
        return all(bool(np.isfinite(block).all()) for block in self.blocks[index])

    def agreement(self, run: Callable[[Batch], NDArray[Any]]) -> float:
        """The smallest agreement of the rows of ``run``, its blocks side by side on the last axis, on any batch."""
        least = 1.0
        for batch, exact in zip(self.batches, self.blocks, strict=True):
            rows = run(batch)  # (n, ..., sum of widths)
            ends = np.cumsum([block.shape[-1] for block in exact])
            if rows.shape != (*exact[0].shape[:-1], ends[-1]):
                return -1.0
            least = min(least, agreement(exact, np.split(rows, ends[:-1], axis=-1)))
        return least


def measure_reference(module: nn.Module, forward: Forward, batches: Sequence[Batch]) -> Reference:
    """Run the plain module, in fp32 on the CPU, on each batch.

    Args:
        module: the body in evaluation mode.
        forward: as `Recipe.build` gives it.
        batches: at least one.

    Examples:
        >>> import torch
        >>> x = np.ones((2, 3), np.float32)
        >>> reference = measure_reference(torch.nn.Linear(3, 5), lambda module, batch: [module(batch)], [x])
        >>> reference.blocks[0][0].shape
        (2, 5)
    """
    import torch

    with torch.inference_mode():
        return reference_of(
            lambda batch: [block.float().numpy() for block in forward(module, to_tensors(batch))], batches
        )


def reference_of(blocks: Callable[[Batch], list[NDArray[Any]]], batches: Sequence[Batch]) -> Reference:
    """Compute the blocks of each batch, and take the time.

    Args:
        blocks: a function of a batch that returns its blocks, (n, ..., width) float32 each.
        batches: at least one.

    Examples:
        >>> reference_of(lambda batch: [2 * batch], [np.ones((1, 2), np.float32)]).blocks
        ([array([[2., 2.]], dtype=float32)],)
    """
    found, seconds = [], np.inf
    for batch in batches:
        begin = perf_counter()
        found.append(blocks(batch))
        seconds = min(seconds, (perf_counter() - begin) / count_items(batch))
    return Reference(tuple(batches), tuple(found), seconds)
