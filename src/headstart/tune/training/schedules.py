"""Learning rate schedules: the factor of the largest rate at a point of the training."""

from __future__ import annotations

import math

from headstart.tune.training.settings import ScheduleName

__all__ = ["schedule_factor"]

ONE_CYCLE_RISE = 0.3  # the defaults of torch and fastai
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-5
SLANTED_RISE, SLANTED_RATIO = 0.1, 32.0  # Howard & Ruder 2018


def schedule_factor(schedule: ScheduleName, share: float, warmup: float = 0.1) -> float:
    """The learning rate after ``share`` of the training, as a factor of the largest rate.

    Args:
        schedule: ``"cosine"``: linear warm-up, then ½(1 + cos πt); ``"constant"``: linear warm-up, then 1;
            ``"one_cycle"``: cosines from 1/25 up to 1 at 30% and down to 1e-5; ``"slanted"``: linear from 1/32 up to 1
            at 10% and back.
        share: how much of the training is over, in [0, 1].
        warmup: length of the linear warm-up, as a share of the training, 0.1.

    References:
        Loshchilov & Hutter 2017, "SGDR"; Smith 2018, "A disciplined approach to neural network hyper-parameters";
        Howard & Ruder 2018, "Universal Language Model Fine-tuning".

    Examples:
        >>> [round(schedule_factor("cosine", share), 3) for share in (0.05, 0.1, 0.55, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
        >>> [round(schedule_factor("slanted", share), 3) for share in (0.0, 0.1, 1.0)]
        [0.031, 1.0, 0.031]
    """
    if schedule == "one_cycle":
        if share < ONE_CYCLE_RISE:
            return _cosine(ONE_CYCLE_START, 1.0, share / ONE_CYCLE_RISE)
        return _cosine(1.0, ONE_CYCLE_END, (share - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))
    if schedule == "slanted":
        height = share / SLANTED_RISE if share < SLANTED_RISE else (1 - share) / (1 - SLANTED_RISE)
        return (1 + height * (SLANTED_RATIO - 1)) / SLANTED_RATIO
    if share < warmup:
        return share / warmup
    return 1.0 if schedule == "constant" else _cosine(1.0, 0.0, (share - warmup) / (1 - warmup))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
