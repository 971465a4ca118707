"""A score of fine-tunings without a training: how much a step on training items would lower the validation loss.

A step of AdamW from rest changes each weight by about the learning rate, against the sign of its gradient. To first
order it lowers the validation loss by rate x sum of sign(g) h over the trained weights, where g is the gradient of
training items and h that of validation items. The score cannot tell apart what only later steps show: weight decay, the
number of epochs, and whether a rate is too high; points that differ only in these are in random order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.errors import HeadstartError
from headstart.search.space import Point
from headstart.transfer.searching.trainings import TuningLosses, tuned_strategy
from headstart.tune.training.settings import Budget

if TYPE_CHECKING:
    from torch import Tensor

    from headstart.tune.training.job import Job

__all__ = ["gradient_proxy"]

ITEMS = 32  # of the training and of the validation part
SAME_STEP = ("rate", "decay", "epochs")  # genes that the score does not depend on


def gradient_proxy(losses: TuningLosses) -> Callable[[Point], float]:
    """A function that scores points; fine-tunings of the same parameters get one score, which is computed once.

    Args:
        losses: items and source of the search.

    Examples:
        >>> from headstart.engine.options import Engine
        >>> from headstart.heads import HeadSearch
        >>> from headstart.search.tuning_space import tuning_space
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> space = tuning_space([block.name for block in shift.source.info.blocks])
        >>> parts = shift.train.take(range(120)), shift.train.take(range(120, 180))
        >>> score = gradient_proxy(TuningLosses(space, shift.source, *parts, HeadSearch(("ridge",)), Engine(), 0))
        >>> score(space.point({"strategy": "bitfit"})) > score(space.point({"strategy": "lora"}))
        True
    """
    known: dict[Point, float] = {}
    same = [k for k, gene in enumerate(losses.space.genes) if gene.name in SAME_STEP]
    start: list[Any] = []

    def score(point: Point) -> float:
        from headstart.tune.moving.move import solved_start

        key = tuple(0 if k in same else value for k, value in enumerate(point))
        if key not in known:
            if not start:
                start.append(
                    solved_start(
                        losses.source, losses.train, search=losses.search, seed=losses.seed, engine=losses.engine
                    )
                )
            try:
                known[key] = _decrease(losses, key, start[0])
            except HeadstartError:
                known[key] = -math.inf
        return known[key]

    return score


def _decrease(losses: TuningLosses, point: Point, start: Any) -> float:
    import torch

    from headstart.tune.moving.move import make_job, make_setting
    from headstart.tune.moving.plan import plan_of

    rng = np.random.default_rng(losses.seed)
    strategy = tuned_strategy(losses.space.decode(point), losses.source, losses.train)
    gradients: list[dict[str, Tensor]] = []
    rates: dict[str, float] = {}
    for items in (losses.train, losses.valid):
        part = items.take(np.sort(rng.permutation(len(items))[:ITEMS]))
        with torch.random.fork_rng():
            torch.manual_seed(losses.seed)  # inserted modules get the same random weights for both parts
            setting = make_setting(strategy, losses.source, part, start, seed=losses.seed, budget=Budget())
            plan = plan_of(strategy, setting)
            job = make_job(setting, plan, part, None)
            rates = {name: group.rate for group in job.groups for name in group.names if name.startswith("body.")}
            gradients.append(_gradient(job, rates))
    first, second = gradients
    return sum(rates[name] * float((first[name].sign() * second[name]).sum()) for name in first.keys() & second.keys())


def _gradient(job: Job, names: Collection[str]) -> dict[str, Tensor]:
    """The gradient of the mean loss to the named parameters, over the batches of an epoch."""
    for batch in job.batches.epoch(0, 0):
        for micro_batch in batch:
            job.loss(micro_batch).backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
    parameters = dict(job.module.named_parameters())
    return {name: found for name in names if (found := parameters[name].grad) is not None}
