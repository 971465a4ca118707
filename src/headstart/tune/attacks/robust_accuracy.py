"""Robust accuracy: how many items are classified rightly before and after an attack.

Reference: Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018. What is measured
bounds the true robust accuracy from above: another attack may find more (Croce & Hein, ICML 2020).

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
    """Which items are classified rightly.

    Attributes:
        clean: (n,) whether the item as it is was.
        robust: (n,) whether it was both as it is and attacked: an item is a place in its own ball.

    Examples:
        >>> found = RobustAccuracy(np.array([True, True]), np.array([True, False]))
        >>> found.clean_accuracy, found.robust_accuracy
        (1.0, 0.5)
    """

    clean: NDArray[np.bool_]
    robust: NDArray[np.bool_]

    @property
    def clean_accuracy(self) -> float:
        """Share of the items that are classified rightly as they are."""
        return float(self.clean.mean())

    @property
    def robust_accuracy(self) -> float:
        """Share of the items that are classified rightly under attack."""
        return float(self.robust.mean())


def robust_accuracy(
    predict: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]], attack: Attack
) -> RobustAccuracy:
    """Accuracy on items as they are and attacked, with an entry for each item on which intervals can be put.

    Args:
        predict: gives logits (n, classes) of pictures, with gradients; its module stands in evaluation mode.
        batches: pairs of pictures (n, ...), as the attack wants them, and class codes (n,) int64.
        attack: gives attacked pictures of a function of the losses (n,), cross-entropy, and of pictures; such as
            ``functools.partial(pgd, epsilon=8 / 255, generator=generator)``.

    Raises:
        DataError: if there are no items, or classes are no codes (n,).

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
        right = _right(predict, x, y)
        attacked = attack(_losses(predict, y), x)
        clean.append(right)
        robust.append(right & _right(predict, attacked, y))
    if len(clean) == 1:
        raise DataError("robust_accuracy needs at least one batch of items. Got none.")
    return RobustAccuracy(np.concatenate(clean), np.concatenate(robust))


def _losses(predict: Callable[[Tensor], Tensor], y: Tensor) -> LossFunction:
    return lambda x: cross_entropy(predict(x), y, reduction="none")


def _right(predict: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> NDArray[np.bool_]:
    with torch.no_grad():
        found: NDArray[np.bool_] = (predict(x).argmax(dim=1) == y).cpu().numpy()
    return found
