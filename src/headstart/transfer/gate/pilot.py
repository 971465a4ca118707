"""A short training on half of the items: what moving the body gives here, and what it costs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from headstart.data import folds
from headstart.engine.options import Engine
from headstart.evaluate.intervals import paired_difference
from headstart.heads import HeadSearch
from headstart.reporting import Progress
from headstart.tasks import task_methods
from headstart.transfer.gate.forecast import Pilot
from headstart.transfer.preparing import Prepared
from headstart.tune.settings import Budget
from headstart.types import Dataset

__all__ = ["expected_seconds", "run_pilot"]

PARTS = 4  # two are trained on, one validates, one judges
LEVEL = 0.6  # two-sided: the lower bound is that of a one-sided 80% interval
TIMED_STEPS = 3
PLAIN = Engine("torch", cache=False)  # a body that is thrown away is neither converted nor kept


def expected_seconds(strategy: Any, prepared: Prepared, train: Dataset, *, seed: int) -> float:
    """About how long the whole training takes, validation included, by the time of a few steps.

    Args:
        strategy: what would be run.
        prepared: names the source.
        train: the items that it would be trained on.
        seed: of all chance.

    Examples:
        >>> expected_seconds.__name__
        'expected_seconds'
    """
    from headstart.tune.timing import seconds_per_step

    size, epochs = strategy.training.batch_size, strategy.training.epochs
    few = train.take(np.random.default_rng(seed).permutation(len(train))[: max(size * TIMED_STEPS, 2 * size)])
    step = seconds_per_step(strategy, prepared.source, few, seed=seed)
    return float(1.2 * step * epochs * max(1.0, len(train) / size))


def run_pilot(
    strategy: Any,
    prepared: Prepared,
    search: HeadSearch,
    train: Dataset,
    *,
    seed: int,
    seconds: float | None,
    progress: Progress | None = None,
) -> Pilot:
    """Train on half of the items for half of the epochs; compare with the head on the same half, on a quarter.

    Args:
        strategy: what would be run.
        prepared: names the source.
        search: what is compared when the head is solved.
        train: labelled items.
        seed: of all chance.
        seconds: after which the pilot ends.
        progress: hears how far it is.

    Examples:
        >>> run_pilot.__name__
        'run_pilot'
    """
    from headstart.tune.moving import move

    started = time.perf_counter()
    task, y = train.labelled()
    together = np.arange(len(y)) if train.groups is None else np.unique(train.groups, return_inverse=True)[1]
    parts = [test for _, test in folds(y, task.kind, together.astype(np.int64), n_folds=PARTS, seed=seed)]
    half = train.take(np.sort(np.concatenate(parts[:2])))
    judging = train.take(parts[3])
    training = replace(strategy.training, epochs=max(2, strategy.training.epochs // 2))
    moved = move(
        replace(strategy, training=training), prepared.source, half, valid=train.take(parts[2]), seed=seed,
        budget=Budget(seconds=seconds, progress=progress), search=search, engine=prepared.engine,
    )  # fmt: skip
    methods, truth = task_methods(task), judging.labelled()[1]
    start, best = (
        methods.loss(replace(model, engine=PLAIN).predict_proba(judging.items), truth)
        for model in (moved.start.model, moved.best.model)
    )
    gain, low, high = paired_difference(start, best, groups=judging.groups, level=LEVEL)
    return Pilot(len(half), gain, low, high, time.perf_counter() - started)
