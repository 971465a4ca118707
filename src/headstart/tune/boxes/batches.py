"""Batches of pictures with boxes, which depend on seed and epoch alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.engine.body.machine import cores
from headstart.tune.boxes.augmentation import Augmented, BoxAugmentation
from headstart.tune.training.batches import epoch_order
from headstart.tune.training.settings import Training

__all__ = ["BoxBatches", "collate_boxes", "shares_of"]

AHEAD = 2  # batches that are prepared in advance
AUGMENT = 3  # the stream of random numbers of the augmentation
MEMORY = 2**30  # bytes of resized pictures that are kept between epochs


def shares_of(boxes: Boxes, size: tuple[int, int]) -> NDArray[np.float64]:
    """Boxes (k, 4) as shares of their picture, cut at its edges.

    Args:
        boxes: in pixels.
        size: (width, height) of the picture.

    Examples:
        >>> shares_of(Boxes(np.array([[0, 0, 5, 20]]), np.array([0])), (10, 20))
        array([[0. , 0. , 0.5, 1. ]])
    """
    width, height = size
    return np.clip(boxes.xyxy / np.array([width, height, width, height], np.float64), 0, 1)


def collate_boxes(items: Sequence[Augmented]) -> dict[str, torch.Tensor]:
    """A batch: the pictures, and the boxes of all of them with the position of their picture.

    Examples:
        >>> one = Augmented(np.zeros((2, 2, 3), np.uint8), np.ones((1, 4)), np.zeros(1, np.int64), np.zeros(1, bool))
        >>> {name: tuple(tensor.shape) for name, tensor in collate_boxes([one, one]).items()}
        {'pictures': (2, 2, 2, 3), 'boxes': (2, 4), 'labels': (2,), 'owners': (2,), 'ignored': (2,)}
    """
    owners = np.repeat(np.arange(len(items)), [len(item.boxes) for item in items])
    return {
        "pictures": torch.from_numpy(np.stack([item.picture for item in items])),
        "boxes": torch.from_numpy(np.concatenate([item.boxes for item in items]).astype(np.float32)),
        "labels": torch.from_numpy(np.concatenate([item.labels for item in items]).astype(np.int64)),
        "owners": torch.from_numpy(owners.astype(np.int64)),
        "ignored": torch.from_numpy(np.concatenate([item.ignored for item in items])),
    }


class BoxBatches:
    """Batches that threads augment while the network trains; resized pictures stay in memory.

    Args:
        items: n pictures.
        boxes: their boxes in pixels; ``size`` of each is known.
        prepare: a picture to (side, side, 3) uint8.
        training: gives the size of the batches and the number of epochs.
        seed: of the order and of the augmentation.
        augment: changes the pictures; None leaves them.

    Examples:
        >>> boxes = Boxes(np.array([[0, 0, 1, 1]]), np.array([0]), (2, 2))
        >>> made = BoxBatches([np.zeros((2, 2, 3), np.uint8)], [boxes], np.asarray, Training())
        >>> [[batch]] = list(made.epoch(0, 0))
        >>> batch["boxes"]
        tensor([[0.0000, 0.0000, 0.5000, 0.5000]])
    """

    def __init__(
        self,
        items: Sequence[Any],
        boxes: Sequence[Boxes],
        prepare: Callable[[Any], NDArray[np.uint8]],
        training: Training,
        *,
        seed: int = 0,
        augment: BoxAugmentation | None = None,
    ) -> None:
        self._items, self._boxes, self._prepare = items, boxes, prepare
        self._size, self._epochs, self._seed, self._augment = training.batch_size, training.epochs, seed, augment
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._bytes = 0

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return len(epoch_order(len(self._items), self._size, self._seed, 0))

    def epoch(self, number: int, start: int) -> Iterator[list[dict[str, torch.Tensor]]]:
        """The batches of an epoch from number ``start`` on."""
        with ThreadPoolExecutor(max(1, cores())) as pool:
            ahead: deque[list[Future[Augmented]]] = deque()
            for index in epoch_order(len(self._items), self._size, self._seed, number)[start:]:
                ahead.append([pool.submit(self._ready, int(k), number) for k in index])
                if len(ahead) > AHEAD:
                    yield [collate_boxes([future.result() for future in ahead.popleft()])]
            while ahead:
                yield [collate_boxes([future.result() for future in ahead.popleft()])]

    def plain(self, position: int) -> Augmented:
        """The picture at ``position`` as it is."""
        boxes = self._boxes[position]
        return Augmented(self._picture(position), shares_of(boxes, boxes.size), boxes.labels, boxes.ignored)

    def _picture(self, position: int) -> NDArray[np.uint8]:
        found = self._kept.get(position)
        if found is None:
            found = self._prepare(self._items[position])
            if self._bytes + found.nbytes <= MEMORY:
                self._kept[position] = found
                self._bytes += found.nbytes
        return found

    def _ready(self, position: int, epoch: int) -> Augmented:
        if self._augment is None:
            return self.plain(position)
        rng = np.random.default_rng([self._seed, AUGMENT, epoch, position])
        return self._augment(position, self.plain, len(self._items), rng, epoch / max(self._epochs, 1))
