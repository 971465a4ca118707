"""Robust accuracy: the share of items that are classified correctly before and after an attack.

Reference: Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018. The measured value
is an upper bound of the true robust accuracy, since a stronger attack may lower it (Croce & Hein, ICML 2020).

Command: - (it judges a model; Python)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from headstart.errors import DataError
from headstart.tune.attacks.perturbation import LossFunction

__all__ = ["Attack", "RobustAccuracy", "robust_accuracy"]

Attack = Callable[[LossFunction, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class RobustAccuracy:
    """Which items are classified correctly, without and under attack.

    Attributes:
        clean: (n,) whether the clean item is classified correctly.
        robust: (n,) whether the item is classified correctly both clean and attacked: a clean item is within its own
            ball, so it counts as an attack too.

    Examples:
        >>> found = RobustAccuracy(np.array([True, True]), np.array([True, False]))
        >>> found.clean_accuracy, found.robust_accuracy
        (1.0, 0.5)
    """

    clean: NDArray[np.bool_]
    robust: NDArray[np.bool_]

    @property
    def clean_accuracy(self) -> float:
        """Share of the items that are classified correctly without attack."""
        return float(self.clean.mean())

    @property
    def robust_accuracy(self) -> float:
        """Share of the items that are classified correctly under attack."""
        return float(self.robust.mean())


def robust_accuracy(
    predict: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]], attack: Attack
) -> RobustAccuracy:
    """Accuracy on clean and on attacked items, item by item, so that confidence intervals can be computed.

    Args:
        predict: returns logits (n, classes) of pictures, with gradients; its module must be in evaluation mode.
        batches: pairs of pictures (n, ...), in the attack's range of pixels, and class codes (n,) int64.
        attack: a function of a loss function and of pictures that returns attacked pictures, such as
            ``functools.partial(pgd, epsilon=8 / 255, generator=generator)``. The losses (n,) are cross-entropies.

    Raises:
        DataError: if there are no items, or the classes are not codes (n,).

    Examples:
        >>> from functools import partial
        >>> from headstart.tune.attacks.fgsm import fgsm
        >>> batches = [(torch.tensor([[0.1], [0.45], [0.9]]), torch.tensor([0, 0, 1]))]
        >>> found = robust_accuracy(lambda x: torch.cat([0.5 - x, x - 0.5], 1), batches, partial(fgsm, epsilon=0.1))
        >>> found.clean.tolist(), found.robust.tolist()
        ([True, True, True], [True, False, True])
    """
    clean, robust = [np.zeros(0, bool)], [np.zeros(0, bool)]
    for x, y in batches:
        if y.ndim != 1 or len(y) != len(x) or y.is_floating_point():
            raise DataError(
                f"robust_accuracy needs a class code for each of {len(x)} items, (n,) int64. Got {tuple(y.shape)} of "
                f"{y.dtype} instead."
            )
        correct = _correct(predict, x, y)
        attacked = attack(_losses(predict, y), x)
        clean.append(correct)
        robust.append(correct & _correct(predict, attacked, y))
    if len(clean) == 1:
        raise DataError("robust_accuracy needs at least one batch of items. Got none.")
    return RobustAccuracy(np.concatenate(clean), np.concatenate(robust))


def _losses(predict: Callable[[Tensor], Tensor], y: Tensor) -> LossFunction:
    return lambda x: cross_entropy(predict(x), y, reduction="none")


def _correct(predict: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> NDArray[np.bool_]:
    with torch.no_grad():
        found: NDArray[np.bool_] = (predict(x).argmax(dim=1) == y).cpu().numpy()
    return found
