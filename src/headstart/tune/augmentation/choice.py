"""The default augmentation for each kind of item, for small data sets.

An augmentation is a pure function of a prepared item and a random generator. So threads can run it, and if each item of
each epoch has a generator of its own, a resumed training sees the same items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import torch

from headstart.params import check_choice
from headstart.sources.bodies.trainable import PreparedKind
from headstart.tune.augmentation.cutmix import cutmix
from headstart.tune.augmentation.mixup import mixup
from headstart.tune.augmentation.pictures import PictureAugmentation
from headstart.tune.augmentation.spec_augment import SpecAugment
from headstart.tune.augmentation.token_dropout import TokenDropout
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Training

__all__ = [
    "Augmentation",
    "Strength",
    "augmentation_for",
    "augmentation_of",
    "mixed",
]

Augmentation = Callable[[Any, np.random.Generator], Any]
Kind = Literal["picture", "pictures", "tokens", "array"]
Strength = Literal["none", "light", "standard"]
AUGMENTATIONS: dict[tuple[str, str], Augmentation] = {
    ("picture", "light"): PictureAugmentation(trivial=False),
    ("picture", "standard"): PictureAugmentation(),
    ("pictures", "light"): SpecAugment(masks=1),
    ("pictures", "standard"): SpecAugment(),
    ("tokens", "light"): TokenDropout(0.05),
    ("tokens", "standard"): TokenDropout(0.1),
}


def augmentation_for(kind: Kind, strength: Strength) -> Augmentation | None:
    """The augmentation of prepared items of a kind, at a given strength.

    ========== ==================================== ======================================
    kind       light                                standard
    ========== ==================================== ======================================
    picture    random resized crop, flip            the same, then TrivialAugment Wide
    pictures   shift in time, one mask of frequency the same with two masks of each
               and one of time
    tokens     5% of the tokens dropped             10% of the tokens dropped
    ========== ==================================== ======================================

    Args:
        kind: the kind of a prepared item, as in `headstart.sources.bodies.trainable.Trainable`: ``"picture"``, an array
            (h, w, 3) uint8; ``"pictures"``, a list of a sound's pictures; ``"tokens"``, an array (n,) int64; or
            ``"array"``, any other.
        strength: ``"none"``, ``"light"`` or ``"standard"``.

    Returns:
        A function of an item and a generator that returns a changed item of the same type; the given item is not
        modified. None, for no augmentation, for ``"none"`` and for arrays, whose meaning is not known.

    Raises:
        ParameterError: if there is no such kind or strength.

    Examples:
        >>> augment = augmentation_for("picture", "standard")
        >>> seed, epoch, position = 0, 3, 17
        >>> augment(np.zeros((4, 4, 3), np.uint8), np.random.default_rng([seed, epoch, position])).shape
        (4, 4, 3)
        >>> augmentation_for("array", "standard") is None
        True
    """
    check_choice(kind, "kind", "augmentation_for", get_args(Kind))
    check_choice(strength, "strength", "augmentation_for", get_args(Strength))
    return AUGMENTATIONS.get((kind, strength))


def augmentation_of(kind: PreparedKind, training: Training) -> Callable[[Any, np.random.Generator], Any] | None:
    """The augmentation that the training settings ask for; None for none.

    Args:
        kind: the kind of a prepared item.
        training: gives the strength; ``"auto"`` is light for pictures and sounds, and none for other items.

    Examples:
        >>> augmentation_of("tokens", Training()) is None
        True
    """
    if training.augmentation != "auto":
        return augmentation_for(kind, training.augmentation)
    return augmentation_for(kind, "light" if kind in ("picture", "pictures") else "none")


def mixed(batch: Batch, training: Training) -> Batch:
    """The batch after mixup or CutMix, if the training settings ask for it and the inputs are pictures.

    The random numbers come from torch's global generator, which the training loop seeds for each step.

    Args:
        batch: inputs and targets.
        training: gives the parameters of mixup and CutMix; with both, each batch draws one.

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
