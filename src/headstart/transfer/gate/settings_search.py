"""A small search of the settings of a named strategy: learning rate, weight decay and epochs.

Settings are drawn at random by a seed (with so few trials the usual Bayesian samplers draw at random too) and compared
by successive halving on the parts of the pilot: half of the training items train, a third quarter validates and
chooses, and the fourth, which chose nothing, decides. The items that are evaluated in the end are not seen. The default
settings are always among them, and are kept unless the chosen ones have a lower loss on the fourth quarter by the lower
bound of a paired interval.

References: Bergstra & Bengio 2012, "Random Search for Hyper-Parameter Optimization"; Li et al. 2018, "Hyperband".
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.bootstrap import paired_difference
from headstart.heads import HeadSearch
from headstart.reporting import Reporter
from headstart.search.successive_halving import successive_halving
from headstart.transfer.gate.pilot import judged_losses, pilot_parts
from headstart.transfer.gate.time_plan import Countdown
from headstart.transfer.stages.prepare import Prepared
from headstart.tune.moving.contract import MovingStrategy, with_settings
from headstart.tune.training.chosen import Chosen
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset

__all__ = ["TABLE", "draw_settings", "with_searched_settings"]

TABLE = "trials.csv"  # in the folder of the training logs
STREAM = 7  # of random numbers that the seed opens
RATES, DECAYS, EPOCHS = (
    (1 / 8, 8.0),
    (1e-3, 0.3),
    (0.5, 2.0),
)  # of the default rate, of the decay, of the default epochs
RUNGS = (0.25, 0.5, 1.0)  # shares of a trial's epochs
NO_TIME = "no time was left"
SHARE = 0.4  # of the remaining time that the search may take
LEVEL = 0.6  # two-sided: the lower bound is that of a one-sided 80% interval

Losses = NDArray[np.float64]


@dataclass(eq=False)
class _SettingsTrial:
    """One choice of settings with its losses on the validation items so far."""

    number: int
    settings: Mapping[str, Any]  # numbers, by name
    losses: Losses | None = None
    tested: Losses | None = None  # on the items that decide, after all epochs
    epochs: int = 0
    seconds: float = 0.0
    stopped: str = ""

    @property
    def loss(self) -> float:
        return math.inf if self.losses is None else float(self.losses.mean())

    def row(self) -> dict[str, Any]:
        found = None if self.losses is None else self.loss
        return {
            "trial": self.number, **self.settings, "epochs_trained": self.epochs, "validation_loss": found,
            "seconds": self.seconds, "stopped": self.stopped,
        }  # fmt: skip


def draw_settings(
    training: Training, rate: float, count: int, seed: int, fixed: Chosen | None = None
) -> list[dict[str, float | int]]:
    """The default settings and ``count - 1`` random ones: log-uniform rates, decays and epochs.

    Args:
        training: the default settings.
        rate: the default learning rate of the body.
        count: number of trials, 2 or more.
        seed: of the draws.
        fixed: settings that the user chose, which are not searched.

    Examples:
        >>> drawn = draw_settings(Training(epochs=4), 1e-4, 3, 0, {"epochs": 4})
        >>> drawn[0]
        {'learning_rate': 0.0001, 'weight_decay': 0.01, 'epochs': 4}
        >>> [one["epochs"] for one in drawn], all(1e-5 < one["learning_rate"] < 1e-3 for one in drawn)
        ([4, 4, 4], True)
    """
    rng = np.random.default_rng([seed, STREAM])
    default = {"learning_rate": rate, "weight_decay": training.weight_decay, "epochs": training.epochs}
    found = [default]
    for _ in range(count - 1):
        # all are drawn for each trial, so that a fixed one does not change the others
        times, decay, longer = (
            math.exp(rng.uniform(math.log(low), math.log(high))) for low, high in (RATES, DECAYS, EPOCHS)
        )
        drawn = {
            "learning_rate": rate * times, "weight_decay": decay, "epochs": max(1, round(training.epochs * longer)),
        }  # fmt: skip
        found.append({name: default[name] if name in (fixed or {}) else value for name, value in drawn.items()})
    return found


def with_searched_settings(
    strategy: MovingStrategy,
    prepared: Prepared,
    train: Dataset,
    search: HeadSearch,
    *,
    count: int,
    seed: int,
    countdown: Countdown,
    logs: Path | None,
    reporter: Reporter,
    fixed: Chosen | None = None,
) -> tuple[MovingStrategy, Mapping[str, Any]]:
    """The strategy with the settings that the search keeps, and all trials as plain JSON values.

    Args:
        strategy: with its default settings, or those that the user chose.
        prepared: holds the source and the engine that encodes.
        train: the training items.
        search: which heads are compared for the start.
        count: number of trials, the default among them.
        seed: of all random numbers.
        countdown: the remaining seconds, of which the search takes at most two fifths; without time for all epochs of
            the default settings these stay.
        logs: folder of ``trials.csv``; None writes none.
        reporter: receives progress and the result.
        fixed: settings that the user chose, which are not searched.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.tune.bitfit import BITFIT
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(40)), shift.source, RunContext(silent))
        >>> short = with_settings(BITFIT, training=Training(epochs=2))
        >>> found, record = with_searched_settings(
        ...     short, prepared, prepared.dataset, HeadSearch(("ridge",)), count=2, seed=0, countdown=Countdown(None),
        ...     logs=None, reporter=silent,
        ... )
        >>> len(record["trials"]), record["items"], record["valid"], record["test"]
        (2, 20, 10, 10)
    """
    from headstart.tune.moving.move import class_weights_of
    from headstart.tune.training.optimizer import learning_rate_for

    half, valid, test = pilot_parts(train, seed)
    left = countdown.left()
    until = math.inf if left is None else time.perf_counter() + SHARE * left
    rate = learning_rate_for(_body(prepared), strategy.training)
    drawn = draw_settings(strategy.training, rate, count, seed, fixed)
    trials = [_SettingsTrial(number, settings) for number, settings in enumerate(drawn)]
    weights = class_weights_of(train, search.class_weight)
    runs = _Trainings(strategy, prepared, (half, valid, test), search, seed, until, weights)
    with reporter.progress("searching settings") as step:

        def measure(some: Sequence[_SettingsTrial], rung: int) -> None:
            for place, one in enumerate(some):
                step(place, len(some), f"part {rung + 1} of {len(RUNGS)}, trial {one.number + 1}")
                runs.measure(one, RUNGS[rung])

        successive_halving(
            trials, len(RUNGS), measure=measure, stop_worse=_stop_worse, is_going=lambda t: not t.stopped
        )
    best, sentence = _decide(trials, test)
    reporter.line("settings", sentence)
    rows = [one.row() for one in trials]
    if logs is not None:
        _write(logs / TABLE, rows)
    kept = with_settings(strategy, training=replace(strategy.training, **best.settings)) if best.number else strategy
    record = {
        "trials": rows, "kept": best.number, "items": len(half), "valid": len(valid), "test": len(test),
        "sentence": sentence,
    }  # fmt: skip
    return kept, record


def _body(prepared: Prepared) -> Any:
    from headstart.sources.bodies.trainable import trainable

    return trainable(prepared.source).module


@dataclass(eq=False)
class _Trainings:
    """Trains trials on half of the items, while time is left."""

    strategy: MovingStrategy
    prepared: Prepared
    parts: tuple[Dataset, Dataset, Dataset]  # trained on, chosen by, decided by
    search: HeadSearch
    seed: int
    until: float
    weights: Losses | None
    slowest: float = 0.0  # seconds of an epoch so far

    def measure(self, trial: _SettingsTrial, share: float) -> None:
        """Train with a share of the trial's epochs; without time for them it stops."""
        from headstart.tune.moving.move import move

        half, valid, test = self.parts
        epochs = max(1, round(float(trial.settings["epochs"]) * share))
        now = time.perf_counter()
        known = epochs == trial.epochs and (share < 1.0 or trial.tested is not None)
        left = self.until - now
        if not known and left <= self.slowest * epochs:
            self._stop(trial)
        if known or trial.stopped:
            return
        chosen: dict[str, Any] = {**trial.settings, "epochs": epochs}
        training = replace(self.strategy.training, **chosen)
        moved = move(
            with_settings(self.strategy, training=training), self.prepared.source, half, valid=valid, seed=self.seed,
            budget=Budget(seconds=left if math.isfinite(left) else None), search=self.search,
            engine=self.prepared.engine, most=2,
        )  # fmt: skip
        if moved.outcome.stopped == "time":  # of a shorter training nothing can be compared
            self._stop(trial)
            return
        if share == 1.0:
            trial.tested = judged_losses(moved.best.model, test, self.prepared.engine, self.weights)
        trial.losses, trial.epochs, trial.seconds = moved.best.losses, epochs, time.perf_counter() - now
        self.slowest = max(self.slowest, trial.seconds / epochs)

    def _stop(self, trial: _SettingsTrial) -> None:
        trial.stopped = NO_TIME
        if not trial.number:  # without the default nothing can be compared
            self.until = -math.inf


def _stop_worse(trials: Sequence[_SettingsTrial], rung: int) -> None:
    """Stop the worse half by mean loss; the default settings go on."""
    ranked = sorted(trials, key=lambda one: one.loss)
    for one in ranked[math.ceil(len(ranked) / 2) :]:
        if one.number:
            one.stopped = f"among the worse half after {RUNGS[rung]:.0%} of its epochs"


def _decide(trials: Sequence[_SettingsTrial], test: Dataset) -> tuple[_SettingsTrial, str]:
    """The trial that is kept, and why: the validation items choose the best one, the test items decide."""
    default = trials[0]
    others = [one for one in trials[1:] if not one.stopped and one.tested is not None]
    if default.tested is None:
        return default, "The default settings stay: there was no time for all of their epochs."
    if not others:
        late = sum(one.stopped == NO_TIME for one in trials[1:])
        why = "were worse before their last epoch" if not late else f"were stopped, {late} of them for want of time"
        return default, f"The default settings stay: the {len(trials) - 1} other trials {why}."
    best = min(others, key=lambda one: one.loss)
    assert best.tested is not None  # noqa: S101 (`others` were tested)
    gain, low, high = paired_difference(default.tested, best.tested, groups=test.groups, level=LEVEL)
    change = (
        f"loss {best.tested.mean():.4f} against {default.tested.mean():.4f} by default on {len(test)} items that "
        f"chose nothing (gain {gain:+.4f} [{low:+.4f}, {high:+.4f}])"
    )
    listed = ", ".join(f"{name.replace('_', ' ')} {value:.2g}" for name, value in best.settings.items())
    if low > 0:
        return best, f"Of {len(trials)} trials {listed} is kept: {change}."
    return default, f"The default settings stay: the best of {len(trials) - 1} others, {listed}, has {change}."


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
