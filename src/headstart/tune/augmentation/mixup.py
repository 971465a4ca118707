"""Mixup: training on convex combinations of items and of their targets.

Reference: Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
With λ ~ Beta(a, a)::

    x̃ = λ x_i + (1 - λ) x_j        ỹ = λ y_i + (1 - λ) y_j
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.tune.augmentation.mixing import check_batch, draw_mixing

__all__ = ["mixup"]


def mixup(x: Tensor, y: Tensor, *, alpha: float = 0.2, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mix each item of a batch with another item of the batch.

    Args:
        x: (n, ...) pictures or other tensors, float or uint8; mixtures of uint8 are rounded.
        y: (n, k) float targets, such as one-hot rows.
        alpha: parameter of the Beta distribution; 0.2 as in the paper for ImageNet, where 0.1 to 0.4 was best.
        generator: source of the random numbers.

    Returns:
        Items and targets of the same shapes and dtypes.

    Raises:
        DataError: if ``y`` is not one float row per item.
        ParameterError: if ``alpha`` is not above 0.

    Examples:
        >>> x, y = mixup(torch.eye(2), torch.eye(2), generator=torch.Generator().manual_seed(1))
        >>> torch.equal(x, y), y.sum(dim=1)
        (True, tensor([1., 1.]))
    """
    check_batch(x, y, "mixup")
    mixing = draw_mixing(len(x), alpha, generator)
    return mixing.mix(x), mixing.mix(y)
