"""Decide whether to fine-tune the body, do it, and keep the best validated model.

The closed-form head on frozen features is always a candidate, and so is the same head fitted on the validation part
as well. The model that is kept is therefore not worse than either, beyond the noise of the validation part.

The best candidate is tested on the items that chose it, so its bound is one for all candidates of the trained body
together. It does not cover the choice of the epoch, nor that of head and λ inside a candidate, which use the same
items; the pilot of ``"auto"`` is tested on items that chose nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.evaluate.intervals.simultaneous import Differences, simultaneous_differences
from headstart.model import TransferModel
from headstart.reporting import Reporter
from headstart.transfer.gate.forecast import Forecast, describe_forecast, judging_seconds, make_forecast
from headstart.transfer.gate.head_on_all_items import LeaveOneOutLosses, leave_one_out_losses
from headstart.transfer.gate.pilot import Trial
from headstart.transfer.gate.strategy_choice import AUTO, moving_strategy, sized, strategy_for
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared
from headstart.tune.moving.contract import MovingStrategy, ReplaysSource, with_settings
from headstart.tune.registry import MOVING, Strategy
from headstart.tune.training.chosen import Chosen, own_settings, with_chosen
from headstart.tune.training.settings import Budget
from headstart.types import Dataset

if TYPE_CHECKING:
    from headstart.tune.moving.candidates import Moved, ValidatedModel

__all__ = ["Decision", "decide"]

Losses = NDArray[np.float64]
LEVEL = 0.6  # two-sided: the lower bound is that of a one-sided 80% interval, for all candidates together
COVERS = "all candidates of the trained body together; not the choice of the epoch"


@dataclass(frozen=True, eq=False)
class Decision:
    """What the gate decided.

    Attributes:
        model: the model with the fine-tuned body; None where the frozen features stay.
        record: strategy, forecast, candidates and the kept one, as plain JSON values.

    Examples:
        >>> Decision(None, {"kept": "head"}).model is None
        True
    """

    model: TransferModel | None
    record: dict[str, Any]


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
    began = time.perf_counter()

    def time_left() -> float | None:
        return None if seconds is None else seconds - (time.perf_counter() - began)

    train = _training_part(prepared, judged)
    forecast: Forecast | None = None
    if wanted == AUTO:
        kind, weighted = _body_kind(prepared), judged.search.class_weight is not None
        if not kind:
            reporter.line(
                "strategy", f"frozen features: the body of '{prepared.source.info.name}' cannot be fine-tuned"
            )
            return Decision(None, {"name": "frozen", "forecast": None, "candidates": [], "kept": "head"})
        name = strategy_for(train, kind, alone=prepared.engine.ray is None, weighted=weighted)
        trial = Trial(sized(moving_strategy(name), train, training), prepared, train, seed)
        name = trial.strategy.name
        forecast = make_forecast(trial, judged, seconds=seconds, reporter=reporter)
        reporter.line("strategy", describe_forecast(name, forecast))
        if not forecast.go:
            record = {"name": name, "forecast": forecast.to_dict(), "candidates": [], "kept": "head"}
            return Decision(None, record)
    else:
        trial = Trial(_named(wanted, train, source_data, training), prepared, train, seed)
        name = trial.strategy.name
    reserve = 0.0  # seconds kept for encoding with the trained body and evaluating it
    if seconds is not None:
        with reporter.progress("timing a few steps"):
            reserve = judging_seconds(trial.cost(), judged, train)
    with reporter.progress(f"training ({name})") as step:
        limit = time_left()
        limit = None if limit is None else max(limit - reserve, 1.0)
        budget = Budget(seconds=limit, folder=folder, logs=logs, progress=step)
        moved = trial.run(replace(judged.search, heads=_linear(judged.search.heads)), budget)
    on_all_items = None
    # a cross-fitted training (one process only) fits every candidate on all items, so the comparison is already fair
    if prepared.engine.ray is not None or not trial.cross_fitted:
        on_all_items = leave_one_out_losses(judged.model.head, train, moved.valid)
    kept = _keep(moved, name, forecast, on_all_items, forced=wanted != AUTO, reporter=reporter)
    return replace(kept, record={**kept.record, **_settings(trial.strategy, moved, training)})


def _settings(strategy: MovingStrategy, moved: Moved, chosen: Chosen | None) -> dict[str, Any]:
    """The settings of the training, with the learning rate that the body got, and those that the user chose."""
    from headstart.tune.training.optimizer import learning_rate_for

    settings = replace(strategy.training, learning_rate=learning_rate_for(moved.network.body, strategy.training))
    return {"settings": {**own_settings(strategy), **settings.describe()}, "chosen": dict(chosen or {})}


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


def _linear(heads: Sequence[str] | None) -> tuple[str, ...] | None:
    """Heads that a training can start from: it needs a weight matrix and a bias."""
    linear = ("ridge", "lda", "logistic")
    kept = tuple(name for name in heads or () if name in linear)
    return kept or None


def _keep(
    moved: Moved,
    name: str,
    forecast: Forecast | None,
    on_all_items: LeaveOneOutLosses | None,
    *,
    forced: bool,
    reporter: Reporter,
) -> Decision:
    """The best candidate if it beats the frozen features with certainty, or if the strategy was requested by name.

    With certainty: the lower bound of its gain, which holds for all candidates at once, is above 0.
    """
    start, best, groups = moved.start, moved.best, moved.valid.groups
    place = moved.candidates.index(best) - 1
    gains = _gains(start.losses, moved, groups)
    gain, low, high = gains.of(place)
    verdict = f"{best.name} {_change(gain, low, high)} against the frozen features"
    report = reporter.warning if moved.outcome.kept_epoch == 0 else partial(reporter.line, "training")
    report(f"The training with '{name}' kept {moved.outcome.kept}.")
    if moved.outcome.note:
        reporter.warning(moved.outcome.note)
    described = [_described(start.name, start.losses, (0.0, 0.0, 0.0))]
    described += [_described(one.name, one.losses, gains.of(k)) for k, one in enumerate(moved.candidates[1:])]
    if on_all_items is not None and len(on_all_items.losses) > 1:
        places, own = on_all_items.places, None if groups is None else groups[on_all_items.places]
        whole = simultaneous_differences(start.losses[places], [on_all_items.losses], groups=own, level=LEVEL).of(0)
        described.insert(1, _described("head, fitted on all items", on_all_items.losses, whole))
        over, least, most = _gains(on_all_items.losses, moved, own, places).of(place)
        verdict += f", and {_change(over, least, most)} against their head on all items"
        gain = min(gain, over)
        low = float(np.minimum(low, least))  # unlike min(), np.minimum keeps a nan, and nan > 0 is False
    for one in described:
        reporter.line("candidate", f"{one['name']}: validation loss {one['validation_loss']:.4f}")
    pays = low > 0
    kept = best if forced or pays else start
    reporter.result("kept", f"{kept.name}: {verdict}")
    if forced and not pays:
        doubt = "it is not certain that it pays" if gain > 0 else "it did not pay"
        reporter.warning(f"The strategy '{name}' was requested and is kept, but {doubt}: {verdict}.")
    if forced and not kept.is_trained:
        reporter.warning(_untrained(moved, kept))
    record = {
        "name": name,
        "forecast": None if forecast is None else forecast.to_dict(),
        "candidates": described,
        "intervals": {"level": LEVEL, "covers": COVERS},
        "kept": kept.name,
        "kept_is_trained": kept.is_trained,
        "verdict": verdict,
        "training": {
            **asdict(moved.outcome),
            "history": [dict(row) for row in moved.outcome.history],
            "kept": moved.outcome.kept,
        },
        "validation_items": len(moved.valid),
    }
    return Decision(None if kept is start else kept.model, record)


def _untrained(moved: Moved, kept: ValidatedModel) -> str:
    """That the start is kept, which trained weights were the best, and how to keep them."""
    trained = min((one for one in moved.candidates if one.is_trained), key=lambda one: one.loss, default=None)
    if trained is None:
        return f"The model has the weights of the start ('{kept.name}'): the training left no others."
    return (
        f"The model has the weights of the start ('{kept.name}'): the best trained ones are those of '{trained.name}', "
        f"with validation loss {trained.loss:.4f}, {kept.loss:.4f} at the start; --keep-trained keeps trained weights."
    )


def _gains(
    before: Losses, moved: Moved, groups: NDArray[Any] | None, places: NDArray[np.intp] | None = None
) -> Differences:
    """Mean of before - after over the items, for each candidate of the trained body, with intervals for all of them."""
    losses = [one.losses if places is None else one.losses[places] for one in moved.candidates[1:]]
    return simultaneous_differences(before, losses, groups=groups, level=LEVEL)


def _change(gain: float, low: float, high: float) -> str:
    """A gain in words, and its interval: of the reduction, or of the increase if the loss is higher."""
    if gain > 0:
        doubt = "" if low > 0 else ", which is not certain,"
        return f"lowers the validation loss by {gain:.4f} [{low:+.4f}, {high:+.4f}]{doubt}"
    return f"raises the validation loss by {abs(gain):.4f} [{-high:+.4f}, {-low:+.4f}]"


def _described(name: str, losses: Losses, found: tuple[float, float, float]) -> dict[str, Any]:
    gain, low, high = found
    bounds = [low, high] if np.isfinite([low, high]).all() else [None, None]
    return {"name": name, "validation_loss": float(losses.mean()), "gain": gain, "interval": bounds}
