"""The learning rate of a named strategy by a range test, where the user asked for one."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.heads import HeadSearch
from headstart.reporting import Reporter
from headstart.transfer.gate.time_plan import Countdown
from headstart.transfer.stages.prepare import Prepared
from headstart.tune.moving.contract import MovingStrategy, with_settings
from headstart.types import Dataset

if TYPE_CHECKING:
    from headstart.tune.training.range_test import RangeTest

__all__ = ["TABLE", "with_tested_rate"]

TABLE = "learning_rate.csv"  # in the folder of the training logs
SHARE = 0.2  # of the remaining time that the test may take


def with_tested_rate(
    strategy: MovingStrategy,
    prepared: Prepared,
    train: Dataset,
    search: HeadSearch,
    *,
    seed: int,
    countdown: Countdown,
    logs: Path | None,
    reporter: Reporter,
) -> tuple[MovingStrategy, Mapping[str, Any]]:
    """The strategy at the rate that a range test on the training items suggests, and the test as plain JSON values.

    No validation or test item is used. Where the loss falls at no rate, or a fifth of the remaining time is too short,
    the strategy keeps its default rate. A fit that was killed and is repeated reads the curve of its first call.

    Args:
        strategy: with its settings, and no learning rate.
        prepared: holds the source and the engine that encodes.
        train: the training items.
        search: which heads are compared for the start.
        seed: of all random numbers.
        countdown: the remaining seconds.
        logs: folder of the curve; None writes none.
        reporter: receives progress and the result.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.tune.full import FULL
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(60)), shift.source, RunContext(silent))
        >>> found, test = with_tested_rate(
        ...     FULL, prepared, prepared.dataset, HeadSearch(("ridge",)), seed=0, countdown=Countdown(None), logs=None,
        ...     reporter=silent,
        ... )
        >>> found.training.learning_rate == test["rate"], sorted(test)
        (True, ['losses', 'rate', 'rates', 'sentence', 'smoothed', 'steepest'])
    """
    from headstart.tune.moving.rate_range import rate_range

    left = countdown.left()
    test = None if logs is None else _kept(logs / TABLE)
    if test is None:
        with reporter.progress("testing learning rates") as step:
            test = rate_range(
                strategy, prepared.source, train, seed=seed, search=search, engine=prepared.engine, progress=step,
                seconds=None if left is None else SHARE * left,
            )  # fmt: skip
    if logs is not None and not test.cut:
        test.write(logs / TABLE)
    reporter.line("learning rate", test.sentence)
    if test.rate is None:
        return strategy, test.to_dict()
    training = replace(strategy.training, learning_rate=test.rate)
    return with_settings(strategy, training=training), test.to_dict()


def _kept(path: Path) -> RangeTest | None:
    """The test whose curve a table holds; None where there is no such table, or it cannot be read."""
    from headstart.tune.training.range_test import RangeTest as Found

    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(float(row["rate"]), float(row["loss"])) for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, KeyError, csv.Error):
        return None  # it is tested again
    return Found.of(*zip(*rows, strict=True)) if rows else None
