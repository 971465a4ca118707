"""The learning rate that a range test suggests for a strategy on labelled items."""

from __future__ import annotations

import time

from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.reporting import Progress
from headstart.tune.moving.contract import BringsBody, MovingStrategy
from headstart.tune.moving.move import class_weights_of, make_job, make_setting, solved_start
from headstart.tune.moving.plan import plan_of
from headstart.tune.training.range_test import RangeTest, range_test
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source

__all__ = ["rate_range"]


def rate_range(
    strategy: MovingStrategy,
    source: Source,
    train: Dataset,
    *,
    seed: int = 0,
    search: HeadSearch = HeadSearch(),
    engine: Engine = Engine(),
    seconds: float | None = None,
    progress: Progress | None = None,
) -> RangeTest:
    """Run a range test of a strategy on a copy of the body, which starts where the training would start.

    Args:
        strategy: how the body would be fine-tuned.
        source: gives the body, which is not changed.
        train: labelled training items.
        seed: of all random numbers.
        search: which heads are compared for the start.
        engine: how the items are encoded before.
        seconds: time limit, after which the test is given up; None for no limit.
        progress: called with the number of steps done and the total number.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> shift = toy_shift()
        >>> found = rate_range(LP_FT, shift.source, shift.train.take(range(60)))
        >>> len(found.rates) <= 100, found.rate is None or 1e-7 < found.rate < 1
        (True, True)
    """
    began = time.perf_counter()
    body = strategy.source_for(source, train, seed) if isinstance(strategy, BringsBody) else source
    start = solved_start(body, train, search=search, seed=seed, engine=engine)
    weights = class_weights_of(train, search.class_weight)
    setting = make_setting(strategy, body, train, start, seed=seed, budget=Budget(), class_weights=weights)
    plan = plan_of(strategy, setting)
    left = None if seconds is None else seconds - (time.perf_counter() - began)
    job = make_job(setting, plan, train, None)
    found = range_test(job, setting.training, seed=seed, seconds=left, progress=progress)
    plan.finish()
    return found
