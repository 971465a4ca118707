"""Forecast of a fine-tuning: its expected gain and cost, from the cheapest evidence that decides."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from headstart.reporting import Reporter
from headstart.rows import take_rows
from headstart.tasks import is_classification, is_regression
from headstart.transfer.gate.headroom import LossCurve, Mismatch, headroom, loss_curve, mismatch
from headstart.transfer.gate.pilot import Cost, Pilot, Trial
from headstart.transfer.stages.judge import Judged
from headstart.types import Dataset

__all__ = ["Forecast", "describe_forecast", "fitting", "judging_seconds", "make_forecast"]


@dataclass(frozen=True)
class Forecast:
    """The evidence that the gate decides on.

    Attributes:
        error: leave-one-out error of the closed-form head (a share of the items); for other tasks than
            classification its loss.
        error_high: its upper bound, which no strategy can gain more than.
        curve: the head's learning curve; None if it was not computed.
        mismatch: whether an earlier block serves the target better than the last one; None if it was not computed.
        seconds: expected time of the complete training, extrapolated from a few timed steps.
        pilot: the short training on half of the items; None if cheaper evidence decided.
        verdict: whether to fine-tune, and why, in one sentence.
        go: whether to fine-tune.

    Examples:
        >>> Forecast(0.1, 0.12, None, None, 60.0, None, "It pays.", True).to_dict()["seconds"]
        60.0
    """

    error: float
    error_high: float
    curve: LossCurve | None
    mismatch: Mismatch | None
    seconds: float
    pilot: Pilot | None
    verdict: str
    go: bool

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain JSON values."""
        return asdict(self)


LITTLE = 0.005  # share of items: a smaller error leaves too little to gain
LITTLE_LOSS = 0.001  # nats: a smaller gain of the pilot is not worth a training
LIMIT = 1800.0  # seconds that "auto" may train if no time limit was given
EXPLAINING = 0.1  # share of the spare time that the learning curve and the losses of earlier blocks may take
FITS = 5  # a cross-fitted training costs 5 x 4/5 + 1 = 5 trainings on all items
PILOT = 0.25  # of the complete training: half of the epochs on half of the items
FEWEST = 80  # items: with fewer, the quarter that judges a pilot has under 20 items


def make_forecast(trial: Trial, judged: Judged, *, seconds: float | None, reporter: Reporter) -> Forecast:
    """The evidence for or against fine-tuning the body, cheapest first; a pilot runs only if nothing cheaper decides.

    In order: the error of the head leaves little to gain; the items are too few; the training would exceed the time;
    the training cross-fits and therefore judges itself; the lower bound of the pilot's gain.

    Args:
        trial: the strategy and its items.
        judged: the head on frozen features.
        seconds: remaining time; None for 1,800.
        reporter: receives the pilot's progress.

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
        >>> make_forecast(trial, judged, seconds=None, reporter=silent).verdict
        '48 items are too few to tell'
    """
    prepared, train, seed = trial.prepared, trial.train, trial.seed
    task, y = train.labelled()
    began, limit = time.perf_counter(), LIMIT if seconds is None else seconds

    def time_left() -> float:
        return limit - (time.perf_counter() - began)

    error, high = headroom(judged.model.head, y, task)
    if is_classification(task) and high < LITTLE and judged.search.class_weight is None:
        return Forecast(error, high, None, None, 0.0, None, f"at most {high:.1%} of the items could be gained", False)
    cross_fitted = trial.cross_fitted
    if len(train) < FEWEST and not cross_fitted:
        return Forecast(error, high, None, None, 0.0, None, f"{len(train)} items are too few to tell", False)
    rows, blocks = take_rows(prepared.rows, judged.plan.fitted), prepared.source.info.blocks
    with reporter.progress("estimating gain and cost"):
        cost = trial.cost()
        judging = judging_seconds(cost, judged, train)
        expected = (FITS if cross_fitted else 1 + PILOT) * (cost.training(len(train)) + judging)
        forecast = Forecast(error, high, None, None, expected, None, "", False)
        if expected > time_left():
            reason = f"it would take about {expected:.0f} s, more than the remaining {time_left():.0f} s"
            return replace(forecast, verdict=f"{reason}; --time-limit allows more")
        # curve and mismatch only explain the verdict, so they may not take time from the training
        share = EXPLAINING * (time_left() - expected)
        if judged.seconds <= share:
            curve = loss_curve(rows, y, task, blocks=blocks, search=judged.search, seed=seed, seconds=share / 2)
            found = mismatch(rows, y, task, blocks=blocks, seed=seed, seconds=share / 2)
            forecast = replace(forecast, curve=curve, mismatch=found)
        else:
            reporter.line("skipped", "the learning curve of the frozen features does not fit into the time limit")
    if cross_fitted:
        return replace(forecast, verdict="each item is judged by a body that was trained without it", go=True)
    with reporter.progress("a pilot on half of the items") as step:
        seconds = max(time_left() / 3 - judging / 2, 1.0)
        pilot = trial.pilot(judged.search, seconds=seconds, progress=step)
    least = 0.0 if is_regression(task) else LITTLE_LOSS
    forecast = replace(forecast, pilot=pilot, verdict=_verdict(pilot, least), go=bool(pilot.low > least))
    return fitting(forecast, (cost.training(len(train)), judging), time_left())


def fitting(forecast: Forecast, needed: tuple[float, float], left: float) -> Forecast:
    """The forecast, against the training if it does not fit into the time that the pilot left.

    A training may end early by the clock, so half of it is enough; its judging has to fit as a whole.

    Args:
        forecast: after the pilot.
        needed: seconds of the complete training, and of judging it.
        left: remaining seconds.

    Examples:
        >>> found = Forecast(0.1, 0.12, None, None, 60.0, None, "a pilot gained", True)
        >>> fitting(found, (100.0, 20.0), 90.0).go, fitting(found, (100.0, 20.0), 60.0).go
        (True, False)
    """
    training, judging = needed
    if not forecast.go or training / 2 + judging <= left:
        return forecast
    reason = f"{forecast.verdict}, but the training and its judging would take about {training + judging:.0f} s, more "
    return replace(
        forecast, verdict=f"{reason}than the remaining {max(left, 0):.0f} s; --time-limit allows more", go=False
    )


def judging_seconds(cost: Cost, judged: Judged, train: Dataset) -> float:
    """Seconds for validating the trained body, and for encoding the evaluated items with it.

    Args:
        cost: of the strategy.
        judged: its plan gives the items of the final evaluation.
        train: the training items, a fifth of which validates.

    Examples:
        >>> from types import SimpleNamespace
        >>> judged = SimpleNamespace(plan=SimpleNamespace(evaluated=np.arange(30)))
        >>> data = Dataset([0] * 120, tuple(map(str, range(120))), "vector")
        >>> round(judging_seconds(Cost(0.01, 10, 32), judged, data), 2)
        1.32
    """
    return cost.judging(len(train), len(train) // 5, len(judged.plan.evaluated))


def _verdict(pilot: Pilot, least: float) -> str:
    found = (
        f"a pilot on {pilot.items} items lowered the loss by {pilot.gain:.4f}, with 80% certainty by {pilot.low:.4f}"
    )
    if np.isnan(pilot.low):
        return f"a pilot on {pilot.items} items was inconclusive"
    if pilot.low > 0:
        return found if pilot.low > least else f"{found}: that is not worth a training"
    return f"{found.replace('lowered', 'changed')}: it may not pay"


def describe_forecast(name: str, forecast: Forecast) -> str:
    """The forecast in one line.

    Args:
        name: of the strategy.
        forecast: from `make_forecast`.

    Examples:
        >>> describe_forecast("lp_ft", Forecast(0.1, 0.12, None, None, 60.0, None, "a pilot gained", True))
        'lp_ft is tried, about 60 s: remaining error 10.0%; a pilot gained'
        >>> describe_forecast("lp_ft", Forecast(0.001, 0.003, None, None, 0.0, None, "nothing to gain", False))
        'the body stays frozen: remaining error 0.1%; nothing to gain'
    """
    head = f"{name} is tried, about {forecast.seconds:.0f} s" if forecast.go else "the body stays frozen"
    parts = [f"remaining error {forecast.error:.1%}"]
    if forecast.curve is not None and not np.isnan(forecast.curve.floor):
        parts.append(f"more items alone would lower the loss from {forecast.curve.losses[-1]:.3f} to "
                     f"{forecast.curve.floor:.3f}")  # fmt: skip
    if forecast.mismatch is not None and forecast.mismatch.mismatched:
        parts.append(f"'{forecast.mismatch.block}' serves better than the last layer")
    return f"{head}: {'; '.join([*parts, forecast.verdict])}"
