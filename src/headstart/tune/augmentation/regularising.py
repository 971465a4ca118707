"""Augmentation and mixing as a training's settings name them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from headstart.sources.bodies.trainable import PreparedKind
from headstart.tune.augmentation.choice import augmentation_for
from headstart.tune.augmentation.cutmix import cutmix
from headstart.tune.augmentation.mixup import mixup
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Training

__all__ = ["augmentation_of", "mixed"]


def augmentation_of(kind: PreparedKind, training: Training) -> Callable[[Any, np.random.Generator], Any] | None:
    """The augmentation of one prepared item; None for none.

    Args:
        kind: what a prepared item is.
        training: names the strength.

    Examples:
        >>> augmentation_of("tokens", Training()) is None
        True
    """
    if training.augmentation != "auto":
        return augmentation_for(kind, training.augmentation)
    return augmentation_for(kind, "light" if kind in ("picture", "pictures") else "none")


def mixed(batch: Batch, training: Training) -> Batch:
    """The batch with pictures and targets mixed in pairs, where the training asks for it and the inputs are pictures.

    Draws from torch's own generator.

    Examples:
        >>> batch = Batch(torch.ones(2, 3), torch.eye(2), np.arange(2), 2)
        >>> mixed(batch, Training()) is batch
        True
    """
    if not (training.mixup or training.cutmix) or not isinstance(batch.inputs, torch.Tensor) or batch.inputs.ndim != 4:
        return batch
    generator = torch.default_generator
    both = training.mixup and training.cutmix
    first = bool(training.mixup) if not both else bool(torch.rand(()) < 0.5)
    how, alpha = (mixup, training.mixup) if first else (cutmix, training.cutmix)
    inputs, targets = how(batch.inputs, batch.targets, alpha=alpha, generator=generator)
    return replace(batch, inputs=inputs, targets=targets)
