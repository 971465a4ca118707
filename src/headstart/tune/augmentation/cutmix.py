"""CutMix: a box of each picture is replaced by the same box of another picture, and targets are mixed by area.

Reference: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV
2019. With λ ~ Beta(a, a), the sides of the box are √(1 - λ) times those of the picture. Its centre is uniform, the box
is clipped at the border, and targets are weighted by the area of the clipped box.
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
    """Replace a box of each picture of a batch by that of another picture; the box is the same for all.

    Args:
        x: (n, h, w, c) or (n, c, h, w) pictures of any dtype, with 1 or 3 channels c; not modified. The last axis is
            taken for the channels if its length is 1 or 3.
        y: (n, k) float targets, such as one-hot rows.
        alpha: parameter of the Beta distribution, 1 as in the paper, for which the box's area is uniform.
        generator: source of the random numbers.

    Returns:
        Pictures and targets of the same shapes and dtypes.

    Raises:
        DataError: if ``x`` does not hold pictures, or ``y`` is not one float row per picture.
        ParameterError: if ``alpha`` is not above 0.

    Examples:
        >>> pictures = torch.eye(2)[:, :, None, None].expand(2, 2, 8, 8)[:, :1]  # one white and one black picture
        >>> x, y = cutmix(pictures, torch.eye(2), generator=torch.Generator().manual_seed(3))
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
    # The exact share of the box, which clipping and rounding make different from 1 - λ.
    inside = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return mixed, Mixing(1 - inside, mixing.partners).mix(y)


def _box(height: int, width: int, weight: float, generator: torch.Generator) -> tuple[slice, slice]:
    centre = torch.rand(2, generator=generator, device=generator.device).tolist()
    share = math.sqrt(1 - weight)
    return _side(height, share, centre[0]), _side(width, share, centre[1])


def _side(length: int, share: float, centre: float) -> slice:
    middle, half = int(centre * length), int(share * length) // 2
    return slice(max(middle - half, 0), min(middle + half, length))
