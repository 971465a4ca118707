"""The loss of masks: cross-entropy of pixels with class weights, and one minus the soft Dice coefficient.

Reference: Milletari et al. 2016, "V-Net" (the Dice loss); Isensee et al. 2021, "nnU-Net" (their sum).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from headstart.annotations import IGNORED

__all__ = ["mask_loss"]

SMOOTH = 1.0  # pixels that are added to both sides of a Dice coefficient


def mask_loss(logits: Tensor, codes: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over labelled pixels of the cross-entropy, plus one minus the mean Dice coefficient of the classes.

    The background counts in the cross-entropy only.

    Args:
        logits: (n, k, height, width).
        codes: (n, height, width) int64 in 0 to k - 1, or ignored.
        weights: (k,) of the classes in the cross-entropy; None for equal ones.

    Examples:
        >>> sure = torch.tensor([[[[9.0, -9.0]], [[-9.0, 9.0]]]])
        >>> [float(mask_loss(sure, codes)) < 0.01 for codes in (torch.tensor([[[0, 1]]]), torch.tensor([[[1, 0]]]))]
        [True, False]
    """
    logits = logits.float()
    kept = codes != IGNORED
    if not bool(kept.any()):
        return logits.sum() * 0
    entropy = cross_entropy(logits, codes, weight=weights, ignore_index=IGNORED)
    shares = logits.softmax(1) * kept[:, None]
    truth = one_hot(codes.clamp(min=0), logits.shape[1]).movedim(3, 1) * kept[:, None]
    both, sums = (shares * truth).sum((0, 2, 3)), (shares + truth).sum((0, 2, 3))
    dice = (2 * both + SMOOTH) / (sums + SMOOTH)
    return entropy + 1 - torch.mean(dice[1:])
