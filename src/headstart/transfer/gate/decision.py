"""Decide whether to fine-tune the body, do it, and keep the best validated model.

The closed-form head on frozen features is always a candidate, and so is the same head fitted on the validation part
as well. The model that is kept is therefore not worse than either, beyond the noise of the validation part
(`headstart.transfer.gate.keeping`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.errors import SourceError
from headstart.reporting import Reporter
from headstart.transfer.gate.forecast import Forecast, describe_forecast, make_forecast
from headstart.transfer.gate.head_on_all_items import leave_one_out_losses
from headstart.transfer.gate.keeping import Decision, keep
from headstart.transfer.gate.pilot import Trial
from headstart.transfer.gate.rate_search import with_tested_rate
from headstart.transfer.gate.settings_search import with_searched_settings
from headstart.transfer.gate.strategy_choice import auto_names, moving_strategy, sized, strategy_for
from headstart.transfer.gate.time_plan import Countdown
from headstart.transfer.gate.trainings import affordable, train_all
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared
from headstart.tune.moving.contract import MovingStrategy, ReplaysSource, with_settings
from headstart.tune.registry import MOVING, Strategy
from headstart.tune.training.chosen import Chosen, asks_for_rate, trials_of, with_chosen, without_find
from headstart.tune.training.settings import OnEpoch
from headstart.types import Dataset

__all__ = ["Decision", "decide"]


def decide(
    prepared: Prepared,
    judged: Judged,
    wanted: str | Strategy | MovingStrategy,
    *,
    seed: int,
    seconds: float | None,
    reporter: Reporter,
    folder: Path | None,
    logs: Path | None = None,
    source_data: Dataset | None = None,
    training: Chosen | None = None,
    on_epoch: OnEpoch | None = None,
) -> Decision:
    """Fine-tune the body if a strategy was requested, or if it is expected to pay.

    Args:
        prepared: encoded items.
        judged: the head on frozen features, evaluated on a held-out part.
        wanted: ``"auto"``, a strategy's name, or a strategy; the latter two are run without a forecast.
        seed: random seed.
        seconds: remaining time; None for no limit except the 1,800 s of ``"auto"``.
        reporter: receives progress and results.
        folder: for checkpoints; None keeps none.
        logs: for the training logs; None writes none.
        source_data: for a strategy that replays the source task and has no data of its own.
        training: settings that the user chose, by name; they replace those of the strategy.
        on_epoch: called after each epoch of a training; see `headstart.tune.Budget`.

    Raises:
        SourceError: if a strategy was named and the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.heads import HeadSearch
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(60)), shift.source, RunContext(silent))
        >>> judged = judge(prepared, HeadSearch(), 0, silent, once=True)
        >>> found = decide(prepared, judged, "auto", seed=0, seconds=None, reporter=silent, folder=None)
        >>> found.record["kept"], found.record["forecast"]["verdict"]
        ('head', '48 items are too few to tell')
    """
    countdown, train = Countdown(seconds), _training_part(prepared, judged)
    forecast: Forecast | None = None
    tested: Mapping[str, Any] | None = None
    searched: Mapping[str, Any] | None = None
    names = auto_names(wanted)
    if names is not None:
        kind, weighted = _body_kind(prepared), judged.search.class_weight is not None
        if not kind:
            reporter.line(
                "strategy", f"frozen features: the body of '{prepared.source.info.name}' cannot be fine-tuned"
            )
            return Decision(None, {"name": "frozen", "forecast": None, "candidates": [], "kept": "head"})
        names = names or (strategy_for(train, kind, alone=prepared.engine.ray is None, weighted=weighted),)
        made = [_named(name, train, source_data, training) for name in names]
        trials = [Trial(one, prepared, train, seed, alone=len(names) == 1) for one in made]
        forecast, chosen = make_forecast(trials, judged, seconds=seconds, reporter=reporter)
        name = " or ".join(one.trial.name for one in chosen) or " or ".join(one.name for one in trials)
        reporter.line("strategy", describe_forecast(name, forecast))
    else:
        named = _named(wanted, train, source_data, without_find(training))
        if asks_for_rate(training):
            named, tested = with_tested_rate(
                named, prepared, train, judged.search, seed=seed, countdown=countdown, logs=logs, reporter=reporter
            )
        if count := trials_of(training):
            named, searched = with_searched_settings(
                named, prepared, train, judged.search, count=count, seed=seed, countdown=countdown, logs=logs,
                reporter=reporter, fixed=training,
            )  # fmt: skip
        trial = Trial(named, prepared, train, seed)
        name = trial.name
        chosen, forecast = affordable(trial, judged, countdown, reporter)
    if not chosen:
        shown = None if forecast is None else forecast.to_dict()
        return Decision(None, {"name": name, "forecast": shown, "candidates": [], "kept": "head"})
    runs = train_all(chosen, judged.search, countdown, folder=folder, logs=logs, reporter=reporter, on_epoch=on_epoch)
    on_all_items = None
    # a cross-fitted training (one process only) fits every candidate on all items, so the comparison is already fair
    if prepared.engine.ray is not None or not chosen[0].trial.cross_fitted:
        on_all_items = leave_one_out_losses(judged.model.head, train, runs[0].moved.valid)
    kept = keep(runs, forecast, on_all_items, forced=names is None, reporter=reporter)
    found = {} if tested is None else {"range_test": dict(tested)}
    found |= {} if searched is None else {"settings_search": dict(searched)}
    return replace(kept, record={**kept.record, "chosen": dict(training or {}), **found})


def _body_kind(prepared: Prepared) -> str:
    """The kind of input of the body; empty if it cannot be fine-tuned."""
    from headstart.sources.bodies.trainable import trainable

    try:
        return trainable(prepared.source).kind
    except SourceError:
        return ""


def _named(
    wanted: str | Strategy | MovingStrategy, train: Dataset, source_data: Dataset | None, chosen: Chosen | None
) -> MovingStrategy:
    """A named strategy with epochs for this number of items, or the given one; with source data if it lacks them."""
    strategy = with_chosen(moving_strategy(wanted), chosen)
    if isinstance(wanted, str) and wanted in MOVING:
        strategy = sized(strategy, train, chosen)
    if source_data is not None and isinstance(strategy, ReplaysSource) and strategy.source_data is None:
        strategy = with_settings(strategy, source_data=source_data)
    return strategy


def _training_part(prepared: Prepared, judged: Judged) -> Dataset:
    """The items that the head was fitted on; near duplicates and groups become groups of the data set."""
    part = prepared.dataset.take(judged.plan.fitted)
    groups = None if judged.groups is None else judged.groups[judged.plan.fitted].astype(str)
    return replace(part, groups=groups, split=None, times=None)
