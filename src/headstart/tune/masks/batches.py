"""Batches of crops, which depend on seed and epoch alone."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.engine.body.machine import cores
from headstart.tune.masks.crops import CropSettings, random_crop

__all__ = ["CropBatches", "KeptPictures", "Labelled", "MaskBatch", "collate_crops"]

AHEAD = 2  # batches that are prepared in advance
CROPS = 4  # the stream of random numbers of crops
MEMORY = 2**30  # bytes of pictures that are kept

Labelled = tuple[NDArray[np.uint8], NDArray[np.int16]]
"""A picture (height, width, 3) and the codes (height, width) of its pixels."""

MaskBatch = dict[str, torch.Tensor]
"""``pictures`` (n, height, width, 3) uint8 and ``codes`` (n, height, width) int64."""


def collate_crops(crops: list[Labelled]) -> MaskBatch:
    """A batch of crops.

    Examples:
        >>> one = np.zeros((2, 2, 3), np.uint8), np.ones((2, 2), np.int16)
        >>> {name: tuple(value.shape) for name, value in collate_crops([one, one]).items()}
        {'pictures': (2, 2, 2, 3), 'codes': (2, 2, 2)}
    """
    return {
        "pictures": torch.from_numpy(np.stack([pixels for pixels, _ in crops])),
        "codes": torch.from_numpy(np.stack([codes for _, codes in crops]).astype(np.int64)),
    }


class KeptPictures:
    """Pictures with their codes, read when they are first asked for; the latest stay in memory.

    Args:
        read: gives pixels and codes of the picture at a position.

    Examples:
        >>> calls = []
        >>> one = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.int16)
        >>> kept = KeptPictures(lambda k: calls.append(k) or one)
        >>> kept(3)[0].shape, kept(3)[1].shape, calls
        ((1, 1, 3), (1, 1), [3])
    """

    def __init__(self, read: Callable[[int], Labelled]) -> None:
        self._read = read
        self._kept: OrderedDict[int, Labelled] = OrderedDict()
        self._bytes, self._lock = 0, Lock()

    def __call__(self, position: int) -> Labelled:
        """Pixels and codes of the picture at a position."""
        with self._lock:
            if position in self._kept:
                self._kept.move_to_end(position)
                return self._kept[position]
        found = self._read(position)
        with self._lock:
            if position not in self._kept:
                self._kept[position] = found
                self._bytes += found[0].nbytes + found[1].nbytes
            while self._bytes > MEMORY and len(self._kept) > 1:
                pixels, codes = self._kept.popitem(last=False)[1]
                self._bytes -= pixels.nbytes + codes.nbytes
        return found


class CropBatches:
    """Random crops of all pictures, each as often as any other.

    Args:
        pictures: gives pixels and codes of the picture at a position.
        count: n pictures.
        size: crops in a batch.
        steps: batches in an epoch.
        settings: how crops are drawn.
        seed: of the order and of the crops.

    Examples:
        >>> picture = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.int16)
        >>> made = CropBatches(lambda k: picture, 3, 2, 4, CropSettings(32), seed=0)
        >>> [batch["codes"].shape for [batch] in made.epoch(0, 2)]
        [torch.Size([2, 32, 32]), torch.Size([2, 32, 32])]
    """

    def __init__(
        self,
        pictures: Callable[[int], Labelled],
        count: int,
        size: int,
        steps: int,
        settings: CropSettings,
        *,
        seed: int,
    ) -> None:
        self._pictures, self._count, self._size, self._steps = pictures, count, size, steps
        self._settings, self._seed = settings, seed

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self._steps

    def epoch(self, number: int, start: int) -> Iterator[list[MaskBatch]]:
        """The batches of an epoch from number ``start`` on."""
        rng = np.random.default_rng([self._seed, CROPS, number])
        wanted = self._size * self._steps
        order = np.concatenate([rng.permutation(self._count) for _ in range(-(-wanted // self._count))])[:wanted]
        with ThreadPoolExecutor(max(1, cores())) as pool:
            ahead: deque[list[Future[Labelled]]] = deque()
            for step in range(start, self._steps):
                begin = step * self._size
                ahead.append(
                    [pool.submit(self._crop, int(order[k]), number, k) for k in range(begin, begin + self._size)]
                )
                if len(ahead) > AHEAD:
                    yield [collate_crops([crop.result() for crop in ahead.popleft()])]
            while ahead:
                yield [collate_crops([crop.result() for crop in ahead.popleft()])]

    def _crop(self, position: int, epoch: int, place: int) -> Labelled:
        rng = np.random.default_rng([self._seed, CROPS, epoch, place])
        return random_crop(*self._pictures(position), self._settings, rng)
