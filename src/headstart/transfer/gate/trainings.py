"""The complete trainings of the gate, one after the other, within the time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.heads import HeadSearch
from headstart.reporting import Reporter
from headstart.transfer.gate.forecast import TIMING, Forecast, Tried, plan_of_trial
from headstart.transfer.gate.pilot import Trial
from headstart.transfer.gate.time_plan import FINISHING, Countdown, TimePlan
from headstart.transfer.stages.judge import Judged
from headstart.tune.training.chosen import own_settings
from headstart.tune.training.settings import Budget

if TYPE_CHECKING:
    from headstart.tune.moving.candidates import Moved
    from headstart.tune.moving.contract import MovingStrategy
    from headstart.tune.training.settings import OnEpoch

__all__ = ["StrategyRun", "affordable", "settings_of", "train_all"]

NO_LIMIT = TimePlan(0.0, 0.0, 1)


@dataclass(frozen=True, eq=False)
class StrategyRun:
    """A strategy that was trained on all items but the validation part.

    Attributes:
        strategy: with its settings.
        moved: its candidates and its outcome.

    Examples:
        >>> from headstart.tune.lora import LORA
        >>> StrategyRun(LORA, None).name
        'lora'
    """

    strategy: MovingStrategy
    moved: Moved

    @property
    def name(self) -> str:
        """The name of the strategy."""
        return self.strategy.name


def affordable(
    trial: Trial, judged: Judged, countdown: Countdown, reporter: Reporter
) -> tuple[tuple[Tried, ...], Forecast | None]:
    """The named strategy with what it takes; none of it, and why, if the time limit does not allow one epoch.

    Args:
        trial: the strategy and its items.
        judged: the head on frozen features.
        countdown: the remaining seconds.
        reporter: receives a warning where the training is shortened or left out.

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
        >>> chosen, forecast = affordable(trial, judged, Countdown(0.0), silent)
        >>> chosen, forecast.verdict
        ((), 'the time limit was over before the training')
    """
    left = countdown.left()
    if left is None:
        return (Tried(trial, NO_LIMIT),), None
    verdict = "the time limit was over before the training"
    if trial.at_least + FINISHING > left > 0:
        verdict = _needed(trial.at_least, left)
    elif left > FINISHING:
        with reporter.progress("timing a few steps"):
            plan = plan_of_trial(trial, judged, TIMING * left)
        left = countdown.left() or 0.0
        if plan.allows_epoch(left):
            if plan.whole > left:
                reporter.warning(
                    f"The time limit leaves {left:.0f} s; '{trial.name}' would take about {plan.whole:.0f} s with its "
                    "judging. Its learning rate schedule ends by the clock; a longer --time-limit allows more epochs."
                )
            return (Tried(trial, plan),), None
        verdict = _needed(plan.training / plan.epochs + plan.judging, left)
    reporter.warning(
        f"The strategy '{trial.name}' was not trained, and the features stay frozen: {verdict}; --time-limit allows "
        "more."
    )
    return (), Forecast(judged.model.head.loss, judged.model.head.loss, None, None, 0.0, None, verdict, go=False)


def _needed(seconds: float, left: float) -> str:
    return f"one epoch and its judging would take about {seconds:.0f} s, more than the remaining {max(left, 0.0):.0f} s"


def train_all(
    chosen: Sequence[Tried],
    search: HeadSearch,
    countdown: Countdown,
    *,
    folder: Path | None,
    logs: Path | None,
    reporter: Reporter,
    on_epoch: OnEpoch | None = None,
) -> list[StrategyRun]:
    """Train each strategy; the remaining time is shared in proportion to what they take.

    Args:
        chosen: the strategies; all have the same items.
        search: the candidates of the choice of head.
        countdown: the remaining seconds.
        folder: for checkpoints; None keeps none.
        logs: for the training logs, those of each strategy in a folder of its own if there are several; None for none.
        reporter: receives the progress.
        on_epoch: called after each epoch; see `headstart.tune.Budget`.

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
        >>> chosen = [Tried(trial, TimePlan(0.0, 0.0, 5))]
        >>> [run] = train_all(chosen, judged.search, Countdown(None), folder=None, logs=None, reporter=silent)
        >>> run.name, run.moved.outcome.epochs, settings_of(run)["learning_rate"]
        ('lp_ft', 5, 0.0002)
    """
    done: list[StrategyRun] = []
    linear = replace(search, heads=_linear(search.heads))
    for number, (trial, plan) in enumerate(chosen):
        seconds, judging = plan.budget(_share(chosen[number:], countdown.left()))
        own = logs if logs is None or len(chosen) == 1 else logs / trial.name
        with reporter.progress(f"training ({trial.name})") as step:
            budget = Budget(seconds=seconds, folder=folder, logs=own, progress=step, judging=judging, on_epoch=on_epoch)
            moved = trial.run(linear, budget)
        if moved.left_out:
            listed = ", ".join(f"'{one}'" for one in moved.left_out)
            reporter.line("skipped", f"for want of time these candidates were not judged: {listed}")
        done.append(StrategyRun(trial.strategy, moved))
    return done


def _share(rest: Sequence[Tried], left: float | None) -> float | None:
    """Seconds of the first of the trainings to come, with its judging."""
    if left is None or len(rest) == 1:
        return left
    spare = left - FINISHING - sum(one.plan.judging for one in rest)
    own = rest[0].plan
    return spare * own.training / sum(one.plan.training for one in rest) + own.judging + FINISHING


def _linear(heads: Sequence[str] | None) -> tuple[str, ...] | None:
    """Heads that a training can start from: it needs a weight matrix and a bias."""
    linear = ("ridge", "lda", "logistic")
    kept = tuple(name for name in heads or () if name in linear)
    return kept or None


def settings_of(training: StrategyRun) -> dict[str, Any]:
    """The settings of a training, with the learning rate that the body got.

    Args:
        training: of a strategy.

    Examples:
        >>> from types import SimpleNamespace
        >>> from torch import nn
        >>> from headstart.tune.lora import LORA
        >>> network = SimpleNamespace(body=nn.Linear(1, 1))
        >>> found = settings_of(StrategyRun(LORA, SimpleNamespace(network=network)))
        >>> found["rank"], found["learning_rate"]
        (8, 0.0001)
    """
    from headstart.tune.training.optimizer import learning_rate_for

    strategy = training.strategy
    rate = learning_rate_for(training.moved.network.body, strategy.training)
    return {**own_settings(strategy), **replace(strategy.training, learning_rate=rate).describe()}
