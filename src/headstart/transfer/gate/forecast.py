"""What fine-tuning the body is expected to gain and to cost, before it is done."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from headstart.reporting import Reporter
from headstart.rows import take_rows
from headstart.tasks import is_classification, is_regression
from headstart.transfer.gate.headroom import LearningCurve, Mismatch, headroom, learning_curve, mismatch
from headstart.transfer.gate.pilot import Cost, Pilot, Trial
from headstart.transfer.stages.judge import Judged
from headstart.types import Dataset

__all__ = ["Forecast", "judging_seconds", "look_ahead", "words"]


@dataclass(frozen=True)
class Forecast:
    """The evidence that the gate decides on.

    Attributes:
        error: leave-one-out error (or loss) of the solved head.
        error_high: its upper bound: nothing can gain more.
        curve: the head's learning curve; None where it was not looked at.
        mismatch: whether an earlier block serves better than the last one; None where it was not looked at.
        seconds: what the whole training is expected to take, measured on a few steps.
        pilot: None where it did not come to one.
        verdict: whether to go on, and why, in one sentence.
        go: whether to go on.

    Examples:
        >>> Forecast(0.1, 0.12, None, None, 60.0, None, "It pays.", True).to_dict()["seconds"]
        60.0
    """

    error: float
    error_high: float
    curve: LearningCurve | None
    mismatch: Mismatch | None
    seconds: float
    pilot: Pilot | None
    verdict: str
    go: bool

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain JSON values."""
        return asdict(self)


LITTLE = 0.005  # error that leaves nothing worth an hour
LITTLE_LOSS = 0.001  # nats, likewise
LIMIT = 1800.0  # seconds that "auto" may train where no time limit was given
GLANCE = 0.1  # of the time that is left over: for the learning curve, and for earlier blocks
FITS = 5  # trainings on all items that a crossed one comes to: five on four fifths, and one
PILOT = 0.25  # of the whole training: half of the epochs on half of the items
FEWEST = 80  # items, below which a pilot's quarter says nothing


def look_ahead(trial: Trial, judged: Judged, *, seconds: float | None, reporter: Reporter) -> Forecast:
    """The evidence for or against fine-tuning the body, cheapest first; a pilot only where nothing cheaper decides.

    Args:
        trial: what would be run.
        judged: the frozen features and their head.
        seconds: time that is left; None for half an hour.
        reporter: receives how far the pilot is.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.heads import HeadSearch
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.tune.lp_ft import LP_FT
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(60)), shift.source, RunContext(silent))
        >>> judged = judge(prepared, HeadSearch(), 0, silent, once=True)
        >>> trial = Trial(LP_FT, prepared, prepared.dataset.take(judged.plan.fitted), 0)
        >>> look_ahead(trial, judged, seconds=None, reporter=silent).verdict
        '48 items are too few to tell'
    """
    prepared, train, seed = trial.prepared, trial.train, trial.seed
    task, y = train.labelled()
    began, limit = time.perf_counter(), LIMIT if seconds is None else seconds

    def left() -> float:
        return limit - (time.perf_counter() - began)

    error, high = headroom(judged.model.head, y, task)
    if is_classification(task) and high < LITTLE and judged.search.class_weight is None:
        return Forecast(error, high, None, None, 0.0, None, f"at most {high:.1%} of the items could be gained", False)
    crossed = trial.crossed
    if len(train) < FEWEST and not crossed:
        return Forecast(error, high, None, None, 0.0, None, f"{len(train)} items are too few to tell", False)
    rows, blocks = take_rows(prepared.rows, judged.plan.fitted), prepared.source.info.blocks
    with reporter.progress("looking ahead"):
        cost = trial.cost()
        judging = judging_seconds(cost, judged, train)
        whole = (FITS if crossed else 1 + PILOT) * (cost.training(len(train)) + judging)
        forecast = Forecast(error, high, None, None, whole, None, "", False)
        if whole > left():
            reason = f"it would take about {whole:.0f} s, more than the {left():.0f} s that are left"
            return replace(forecast, verdict=f"{reason}; --time-limit sets more")
        share = GLANCE * (left() - whole)  # what only explains may not take the time of what is explained
        if judged.seconds <= share:
            curve = learning_curve(rows, y, task, blocks=blocks, search=judged.search, seed=seed, seconds=share / 2)
            found = mismatch(rows, y, task, blocks=blocks, seed=seed, seconds=share / 2)
            forecast = replace(forecast, curve=curve, mismatch=found)
        else:
            reporter.line("left out", "the learning curve of the frozen features: it does not fit into the time limit")
    if crossed:
        return replace(forecast, verdict="each item is judged by a body that left it out", go=True)
    with reporter.progress("a pilot on half of the items") as step:
        seconds = max(left() / 3 - judging / 2, 1.0)
        pilot = trial.pilot(judged.search, seconds=seconds, progress=step)
    least = 0.0 if is_regression(task) else LITTLE_LOSS
    return replace(forecast, pilot=pilot, verdict=_verdict(pilot, least), go=bool(pilot.low > least))


def judging_seconds(cost: Cost, judged: Judged, train: Dataset) -> float:
    """Seconds that it takes to judge what was trained, and to encode the judged items with it.

    Args:
        cost: of the strategy.
        judged: names the items that are judged in the end.
        train: the items that are trained on, a fifth of which validates.

    Examples:
        >>> from types import SimpleNamespace
        >>> judged = SimpleNamespace(plan=SimpleNamespace(evaluated=np.arange(30)))
        >>> data = Dataset([0] * 120, tuple(map(str, range(120))), "vector")
        >>> round(judging_seconds(Cost(0.01, 10, 32), judged, data), 2)
        1.0
    """
    return cost.judging(len(train), len(train) // 5, len(judged.plan.evaluated))


def _verdict(pilot: Pilot, least: float) -> str:
    found = (
        f"a pilot on {pilot.items} items lowered the loss by {pilot.gain:.4f}, with 80% certainty by {pilot.low:.4f}"
    )
    if np.isnan(pilot.low):
        return f"a pilot on {pilot.items} items said nothing"
    if pilot.low > 0:
        return found if pilot.low > least else f"{found}: that is not worth a training"
    return f"{found.replace('lowered', 'changed')}: it may not pay"


def words(name: str, forecast: Forecast) -> str:
    """The forecast in one line.

    Examples:
        >>> words("lp_ft", Forecast(0.1, 0.12, None, None, 60.0, None, "a pilot says so", True))
        'lp_ft is tried, about 60 s: error left 10.0%; a pilot says so'
        >>> words("lp_ft", Forecast(0.001, 0.003, None, None, 0.0, None, "nothing to gain", False))
        'the body stays frozen: error left 0.1%; nothing to gain'
    """
    head = f"{name} is tried, about {forecast.seconds:.0f} s" if forecast.go else "the body stays frozen"
    parts = [f"error left {forecast.error:.1%}"]
    if forecast.curve is not None and not np.isnan(forecast.curve.floor):
        parts.append(f"more items alone would take the loss from {forecast.curve.losses[-1]:.3f} to "
                     f"{forecast.curve.floor:.3f}")  # fmt: skip
    if forecast.mismatch is not None and forecast.mismatch.mismatched:
        parts.append(f"'{forecast.mismatch.block}' serves better than the last layer")
    return f"{head}: {'; '.join([*parts, forecast.verdict])}"
