"""Measure how long a training step of a strategy takes on this machine."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.tune.moving.contract import MovingStrategy, with_settings
from headstart.tune.moving.move import make_job, make_setting, solved_start
from headstart.tune.moving.plan import plan_of
from headstart.tune.training.run import run_training
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source

__all__ = ["seconds_per_step"]


def seconds_per_step(
    strategy: MovingStrategy,
    source: Source,
    few: Dataset,
    *,
    seed: int,
    engine: Engine = Engine(),
    seconds: float | None = None,
) -> float:
    """Mean seconds of the steps in one epoch over a few items; the first step, a warm-up, does not count.

    Other programs may slow a step down; they will do so in the training too, so the quickest step would promise too
    much.

    Args:
        strategy: the strategy to time.
        source: gives the body.
        few: labelled items, two batches or more; with a single batch its step is timed, warm-up included.
        seed: of all random numbers.
        engine: how the items are encoded before the training.
        seconds: time limit; the first step may then be the only one, and counts.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> seconds_per_step(LP_FT, shift.source, shift.train, seed=0) > 0
        True
    """
    once = with_settings(strategy, training=replace(strategy.training, epochs=1))
    start = solved_start(source, few, search=HeadSearch(("ridge",)), seed=seed, engine=engine)
    setting = make_setting(once, source, few, start, seed=seed, budget=Budget())
    plan = plan_of(once, setting)
    ticks: list[float] = []
    budget = Budget(seconds=seconds, progress=lambda done, total, detail="": ticks.append(time.perf_counter()))  # noqa: ARG005
    began = time.perf_counter()
    job = make_job(setting, plan, few, None)
    run_training(job, setting.training, key="", items=len(few), seed=seed, budget=budget)
    steps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    return sum(steps) / len(steps) if steps else ticks[0] - began
