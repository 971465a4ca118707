"""Forecast of a fine-tuning: its expected gain and cost, from the cheapest evidence that decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from headstart.evaluate.intervals.simultaneous import simultaneous_differences
from headstart.reporting import Reporter
from headstart.rows import take_rows
from headstart.tasks import is_classification, is_regression
from headstart.transfer.gate.headroom import LossCurve, Mismatch, headroom, loss_curve, mismatch
from headstart.transfer.gate.pilot import LEVEL, Cost, Pilot, Trial
from headstart.transfer.gate.time_plan import Countdown, TimePlan
from headstart.transfer.stages.judge import Judged
from headstart.tune.moving.contract import TrainsSeveral
from headstart.types import Dataset

__all__ = ["Forecast", "Tried", "describe_forecast", "judging_seconds", "make_forecast", "plan_of_trial"]


@dataclass(frozen=True)
class Forecast:
    """The evidence that the gate decides on.

    Attributes:
        error: leave-one-out error of the closed-form head (a share of the items); for other tasks than
            classification its loss.
        error_high: its upper bound, which no strategy can gain more than.
        curve: the head's learning curve; None if it was not computed.
        mismatch: whether an earlier block serves the target better than the last one; None if it was not computed.
        seconds: expected time of the training and its judging, from a few timed steps, or from the pilot after one.
        pilot: the short training on half of the items, of the strategy with the largest gain; None if cheaper evidence
            decided.
        verdict: whether to fine-tune, and why, in one sentence.
        go: whether to fine-tune.
        pilots: of several strategies, by name; empty for a single one.

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
    pilots: dict[str, Pilot] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain JSON values."""
        plain = asdict(replace(self, pilot=None, pilots={}))
        pilots = {name: pilot.to_dict() for name, pilot in self.pilots.items()}
        return plain | {"pilot": None if self.pilot is None else self.pilot.to_dict(), "pilots": pilots}


class Tried(NamedTuple):
    """A strategy, and what its training takes.

    Examples:
        >>> Tried(None, TimePlan(100.0, 20.0, 5)).plan.whole
        123.0
    """

    trial: Trial
    plan: TimePlan


LITTLE = 0.005  # share of items: a smaller error leaves too little to gain
LITTLE_LOSS = 0.001  # nats: a smaller gain of the pilot is not worth a training
LIMIT = 1800.0  # seconds that "auto" may train if no time limit was given
EXPLAINING = 0.1  # share of the spare time that the learning curve and the losses of earlier blocks may take
FITS = 5  # a cross-fitted training costs 5 x 4/5 + 1 = 5 trainings on all items
TIMING = 0.1  # of the remaining time may go into timing a few steps
PILOT = 0.25  # of the complete training: half of the epochs on half of the items
FEWEST = 80  # items: with fewer, the quarter that judges a pilot has under 20 items


def make_forecast(
    trials: Sequence[Trial], judged: Judged, *, seconds: float | None, reporter: Reporter
) -> tuple[Forecast, tuple[Tried, ...]]:
    """The evidence for or against fine-tuning the body, cheapest first; a pilot runs only if nothing cheaper decides.

    In order: the error of the head leaves little to gain; the items are too few; the training would exceed the time;
    the training cross-fits and therefore judges itself; the lower bound of the pilot's gain.

    Of several strategies the first has its pilot first. Another one follows unless that excluded a gain, or the time is
    short. Both are tested on the same items, with bounds that hold for all of them together.

    Args:
        trials: one or several strategies, with the same items.
        judged: the head on frozen features.
        seconds: remaining time; None for 1,800.
        reporter: receives the expected cost, and the pilot's progress.

    Returns:
        The forecast, and the strategies to train: that with the best pilot, and others whose pilots gained too, if
        there is time for all of them.

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
        >>> make_forecast([trial], judged, seconds=None, reporter=silent)[0].verdict
        '48 items are too few to tell'
    """
    first, countdown = trials[0], Countdown(LIMIT if seconds is None else seconds)
    task, y = first.train.labelled()
    error, high = headroom(judged.model.head, y, task)
    forecast = Forecast(error, high, None, None, 0.0, None, "", False)
    if is_classification(task) and high < LITTLE and judged.search.class_weight is None:
        return replace(forecast, verdict=f"at most {high:.1%} of the items could be gained"), ()
    if len(first.train) < FEWEST and not first.cross_fitted:
        return replace(forecast, verdict=f"{len(first.train)} items are too few to tell"), ()
    if first.at_least > _left(countdown):
        return replace(forecast, verdict=_too_long(first.at_least, _left(countdown))), ()
    with reporter.progress("estimating gain and cost"):
        tried = [Tried(trial, plan_of_trial(trial, judged, TIMING * _left(countdown))) for trial in trials]
        forecast = replace(forecast, seconds=sum(_expected(one) for one in tried))
        least = _least(tried[0])
        if least > _left(countdown):
            return replace(forecast, verdict=_too_long(least, _left(countdown))), ()
        forecast = _explained(forecast, first, judged, countdown, reporter)
    if first.cross_fitted:
        verdict = "each item is judged by a body that was trained without it"
        return replace(forecast, verdict=verdict, go=True), (*tried,)
    if len(tried) > 1:
        reporter.line("cost", _cost_in_words(tried, countdown))
    return _piloted(forecast, tried, judged, countdown, reporter)


def _too_long(seconds: float, left: float) -> str:
    needed = f"it would take about {seconds:.0f} s at least"
    return f"{needed}, more than the remaining {max(left, 0):.0f} s; --time-limit allows more"


def _left(countdown: Countdown) -> float:
    left = countdown.left()
    return math.inf if left is None else left


def plan_of_trial(trial: Trial, judged: Judged, seconds: float | None = None) -> TimePlan:
    """What a strategy takes, by a few steps of its training, which are timed.

    Args:
        trial: the strategy and its items.
        judged: its plan gives the items of the final evaluation.
        seconds: time limit of the timing; None for no limit.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.heads import HeadSearch
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.tune.lp_ft import LP_FT
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(60)), shift.source, RunContext(silent))
        >>> judged = judge(prepared, HeadSearch(("ridge",)), 0, silent, once=True)
        >>> trial = Trial(LP_FT, prepared, prepared.dataset.take(judged.plan.fitted), 0)
        >>> plan = plan_of_trial(trial, judged)
        >>> plan.epochs, plan.training > plan.judging > 0
        (5, True)
    """
    cost = trial.cost(seconds)
    runs = trial.strategy.runs if isinstance(trial.strategy, TrainsSeveral) else 1
    training, judging = runs * cost.training(len(trial.train)), judging_seconds(cost, judged, trial.train)
    if trial.cross_fitted:  # each of its trainings is judged before the next one begins
        training = FITS * (training + judging)
    return TimePlan(training, judging, trial.strategy.training.epochs, runs)


def _pilot_seconds(one: Tried) -> float:
    return 0.0 if one.trial.cross_fitted else PILOT * one.plan.training / one.plan.runs + one.plan.judging


def _expected(one: Tried) -> float:
    return _pilot_seconds(one) + one.plan.whole


def _least(one: Tried) -> float:
    return _pilot_seconds(one) + one.plan.least


def _cost_in_words(tried: Sequence[Tried], countdown: Countdown) -> str:
    each = [
        f"{one.trial.name}: about {_pilot_seconds(one):.0f} s for a pilot and {one.plan.whole:.0f} s for the training"
        for one in tried
    ]
    return f"{'; '.join(each)}; {_left(countdown):.0f} s are left"


def _explained(forecast: Forecast, trial: Trial, judged: Judged, countdown: Countdown, reporter: Reporter) -> Forecast:
    """With learning curve and mismatch, which only explain the verdict: they may not take time from the training."""
    prepared, (task, y) = trial.prepared, trial.train.labelled()
    rows, blocks = take_rows(prepared.rows, judged.plan.fitted), prepared.source.info.blocks
    share = EXPLAINING * (_left(countdown) - forecast.seconds)
    if judged.seconds > share:
        reporter.line("skipped", "the learning curve of the frozen features does not fit into the time limit")
        return forecast
    curve = loss_curve(rows, y, task, blocks=blocks, search=judged.search, seed=trial.seed, seconds=share / 2)
    return replace(
        forecast, curve=curve, mismatch=mismatch(rows, y, task, blocks=blocks, seed=trial.seed, seconds=share / 2)
    )


def _piloted(
    forecast: Forecast, tried: Sequence[Tried], judged: Judged, countdown: Countdown, reporter: Reporter
) -> tuple[Forecast, tuple[Tried, ...]]:
    """The forecast after the pilots, and the strategies to train, the best first."""
    worth = 0.0 if is_regression(judged.model.task) else LITTLE_LOSS
    done: list[tuple[Tried, Pilot]] = []
    for number, one in enumerate(tried):
        name, left = one.trial.name, _left(countdown)
        if done and done[0][1].high < 0:
            reporter.line("skipped", f"no pilot of {name}: that of {done[0][0].trial.name} excluded a gain")
            break
        if done and _least(one) > left:
            reporter.line("skipped", f"no pilot of {name}: it would take the time of the training")
            break
        with reporter.progress(f"a pilot of {name} on half of the items") as step:
            share = left / (2 * (len(tried) - number) + 1)
            pilot = one.trial.pilot(
                judged.search, seconds=max(share - one.plan.judging / 2, 1.0), judging=one.plan.judging, least=worth,
                progress=step,
            )  # fmt: skip
        if pilot.stopped:
            reporter.line("pilot", f"{name} ended early: {pilot.stopped}")
        done.append((Tried(one.trial, one.plan.after(pilot)), pilot))
    pilots = _together([pilot for _, pilot in done])
    order = sorted(range(len(done)), key=lambda k: -pilots[k].gain)
    ranked = [(done[k][0], pilots[k]) for k in order]
    chosen, verdict = _chosen(ranked, worth, _left(countdown))
    named = {one.trial.name: pilot for one, pilot in ranked} if len(tried) > 1 else {}
    seconds = sum(one.plan.whole for one in chosen) if chosen else forecast.seconds
    return replace(
        forecast, seconds=seconds, pilot=ranked[0][1], pilots=named, verdict=verdict, go=bool(chosen)
    ), chosen


def _together(pilots: Sequence[Pilot]) -> list[Pilot]:
    """The pilots with bounds that hold for all of them at once: they were tested on the same items."""
    if len(pilots) < 2:
        return list(pilots)
    losses = [pilot.losses for pilot in pilots if pilot.losses is not None]
    found = simultaneous_differences(losses[0][0], [after for _, after in losses], groups=pilots[0].groups, level=LEVEL)
    bounds = [found.of(k) for k in range(len(pilots))]
    return [
        replace(pilot, gain=gain, low=low, high=high) for pilot, (gain, low, high) in zip(pilots, bounds, strict=True)
    ]


def _chosen(ranked: Sequence[tuple[Tried, Pilot]], worth: float, left: float) -> tuple[tuple[Tried, ...], str]:
    """The strategies to train, and why, given the pilots, the best first, and the remaining seconds."""
    (best, pilot), *others = ranked
    verdict = _verdict(pilot, worth)
    if len(ranked) > 1:
        rest = ", ".join(f"{one.trial.name} by {found.gain:.4f}" for one, found in others)
        verdict = f"{verdict} ({best.trial.name}; {rest})"
    if not pilot.low > worth:  # nan too
        return (), verdict
    if not best.plan.fits(left):
        reason = f"{verdict}, but the training and its judging would take about {best.plan.whole:.0f} s, more "
        return (), f"{reason}than the remaining {max(left, 0):.0f} s; --time-limit allows more"
    chosen, rest_of_time = [best], left - best.plan.whole
    for one, found in others:
        if found.low > worth and one.plan.whole <= rest_of_time:
            chosen.append(one)
            rest_of_time -= one.plan.whole
    return tuple(chosen), verdict


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
