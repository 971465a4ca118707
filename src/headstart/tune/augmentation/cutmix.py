"""CutMix: a box of a picture is replaced by that of another one, and targets are mixed by area.

Reference: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV
2019. With λ ~ Beta(a, a), the box has √(1 - λ) of each side; its centre is drawn evenly, what sticks out is cut off,
and targets are weighted by the area that was left in.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from headstart.errors import DataError
from headstart.tune.augmentation.mixing import Mixing, check_batch, draw_mixing

__all__ = ["cutmix"]

CHANNELS = (1, 3)


def cutmix(x: Tensor, y: Tensor, *, alpha: float = 1.0, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each picture of a batch with a box of another one of it; the box is the same for all.

    Args:
        x: (n, h, w, c) or (n, c, h, w) pictures of any type of numbers, c being 1 or 3; they are not changed. Channels
            are taken to be last where the last axis is 1 or 3 long.
        y: (n, k) targets, float, such as one-hot rows.
        alpha: parameter of the Beta distribution, 1 as in the paper: the box's area is drawn evenly.
        generator: what is drawn from.

    Returns:
        Pictures and targets of the same shapes and types.

    Raises:
        DataError: if ``x`` holds no pictures, or targets are no float rows, one for each picture.
        ParameterError: if ``alpha`` is not above 0.

    Examples:
        >>> whole = torch.eye(2)[:, :, None, None].expand(2, 2, 8, 8)[:, :1]  # one white and one black picture
        >>> x, y = cutmix(whole, torch.eye(2), generator=torch.Generator().manual_seed(3))
        >>> torch.allclose(x[0].mean(), y[0, 0]), 0 < y[0, 0] < 1
        (True, tensor(True))
    """
    check_batch(x, y, "cutmix")
    if x.ndim != 4 or (x.shape[3] not in CHANNELS and x.shape[1] not in CHANNELS):
        raise DataError(
            f"cutmix needs pictures (n, h, w, c) or (n, c, h, w) of 1 or 3 channels. Got {tuple(x.shape)} instead; use "
            "mixup."
        )
    last = x.shape[3] in CHANNELS
    height, width = (x.shape[1], x.shape[2]) if last else (x.shape[2], x.shape[3])
    mixing = draw_mixing(len(x), alpha, generator)
    rows, columns = _box(height, width, mixing.weight, generator)
    place = (slice(None), rows, columns) if last else (slice(None), slice(None), rows, columns)
    mixed = x.clone()
    mixed[place] = x[mixing.partners.to(x.device)][place]
    inside = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return mixed, Mixing(1 - inside, mixing.partners).mix(y)


def _box(height: int, width: int, weight: float, generator: torch.Generator) -> tuple[slice, slice]:
    centre = torch.rand(2, generator=generator, device=generator.device).tolist()
    share = math.sqrt(1 - weight)
    return _side(height, share, centre[0]), _side(width, share, centre[1])


def _side(length: int, share: float, centre: float) -> slice:
    middle, half = int(centre * length), int(share * length) // 2
    return slice(max(middle - half, 0), min(middle + half, length))
