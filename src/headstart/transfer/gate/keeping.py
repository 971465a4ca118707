"""Which candidate is kept: the best of all trained ones if it beats the frozen features with certainty.

The best candidate is tested on the items that chose it, so its bound is one for all candidates of all trainings
together. It does not cover the choice of the epoch, nor that of head and λ inside a candidate, which use the same
items; the pilots of ``"auto"`` are tested on items that chose nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.simultaneous import simultaneous_differences
from headstart.model import TransferModel
from headstart.reporting import Reporter
from headstart.transfer.gate.forecast import Forecast
from headstart.transfer.gate.head_on_all_items import LeaveOneOutLosses
from headstart.transfer.gate.trainings import StrategyRun, settings_of

if TYPE_CHECKING:
    from headstart.tune.moving.candidates import ValidatedModel

__all__ = ["Decision", "keep"]

Losses = NDArray[np.float64]
LEVEL = 0.6  # two-sided: the lower bound is that of a one-sided 80% interval, for all candidates together
COVERS = "all candidates of the trained body together; not the choice of the epoch"
COVERS_ALL = "all candidates of all strategies together; not the choice of the epoch"


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


def keep(
    runs: Sequence[StrategyRun],
    forecast: Forecast | None,
    on_all_items: LeaveOneOutLosses | None,
    *,
    forced: bool,
    reporter: Reporter,
) -> Decision:
    """The best candidate if it beats the frozen features with certainty, or if the strategy was requested by name.

    With certainty: the lower bound of its gain, which holds for all candidates of all trainings at once, is above 0.

    Args:
        runs: the trainings; all were judged on the same items.
        forecast: of the gate; None for a named strategy.
        on_all_items: losses of the head that was fitted on all items, which has to be beaten too; None for none.
        forced: whether the strategy was requested by name.
        reporter: receives the candidates and what is kept.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.move import move
        >>> shift = toy_shift()
        >>> run = StrategyRun(LP_FT, move(LP_FT, shift.source, shift.train.take(range(60))))
        >>> kept = keep([run], None, None, forced=False, reporter=SilentReporter())
        >>> kept.record["name"], kept.record["kept"] == "head", kept.model is None      # 12 items show no gain
        ('lp_ft', True, True)
    """
    start, groups = runs[0].moved.start, runs[0].moved.valid.groups
    candidates = [(one, run) for run in runs for one in run.moved.candidates[1:]]
    place = min(range(len(candidates)), key=lambda k: candidates[k][0].loss)
    best, run = candidates[place]
    models = [one.losses for one, _ in candidates]
    gains = simultaneous_differences(start.losses, models, groups=groups, level=LEVEL)
    gain, low, high = gains.of(place)
    verdict = f"{best.name} {_change(gain, low, high)} against the frozen features"
    for one in runs:
        _report_training(one, reporter)
    described = [_described(start.name, start.losses, (0.0, 0.0, 0.0))]
    described += [_described(one.name, one.losses, gains.of(k)) for k, (one, _) in enumerate(candidates)]
    if on_all_items is not None and len(on_all_items.losses) > 1:
        places, own = on_all_items.places, None if groups is None else groups[on_all_items.places]
        whole = simultaneous_differences(start.losses[places], [on_all_items.losses], groups=own, level=LEVEL).of(0)
        described.insert(1, _described("head, fitted on all items", on_all_items.losses, whole))
        again = simultaneous_differences(
            on_all_items.losses, [losses[places] for losses in models], groups=own, level=LEVEL
        )
        over, least, most = again.of(place)
        verdict += f", and {_change(over, least, most)} against their head on all items"
        gain = min(gain, over)
        low = float(np.minimum(low, least))  # unlike min(), np.minimum keeps a nan, and nan > 0 is False
    for line in described:
        reporter.line("candidate", f"{line['name']}: validation loss {line['validation_loss']:.4f}")
    pays = low > 0
    kept = best if forced or pays else start
    reporter.result("kept", f"{kept.name}: {verdict}")
    if forced and not pays:
        doubt = "it is not certain that it pays" if gain > 0 else "it did not pay"
        reporter.warning(f"The strategy '{run.name}' was requested and is kept, but {doubt}: {verdict}.")
    if forced and not kept.is_trained:
        reporter.warning(_untrained([one for one, _ in candidates], kept))
    record = {
        "name": " and ".join(one.name for one in runs),
        "forecast": None if forecast is None else forecast.to_dict(),
        "candidates": described,
        "intervals": {"level": LEVEL, "covers": COVERS if len(runs) == 1 else COVERS_ALL},
        "kept": kept.name,
        "kept_is_trained": kept.is_trained,
        "verdict": verdict,
        "training": _described_training(run),
        "other_trainings": {one.name: _described_training(one) for one in runs if one is not run},
        "validation_items": len(run.moved.valid),
        "settings": settings_of(run),
    }
    return Decision(None if kept is start else kept.model, record)


def _report_training(run: StrategyRun, reporter: Reporter) -> None:
    outcome = run.moved.outcome
    report = reporter.warning if outcome.kept_epoch == 0 else partial(reporter.line, "training")
    report(f"The training with '{run.name}' kept {outcome.kept}.")
    if outcome.note:
        reporter.warning(outcome.note)


def _described_training(run: StrategyRun) -> dict[str, Any]:
    outcome = run.moved.outcome
    return {
        **asdict(outcome),
        "history": [dict(row) for row in outcome.history],
        "kept": outcome.kept,
        "left_out": list(run.moved.left_out),
    }


def _untrained(candidates: Sequence[ValidatedModel], kept: ValidatedModel) -> str:
    """That the start is kept, which trained weights were the best, and how to keep them."""
    trained = min((one for one in candidates if one.is_trained), key=lambda one: one.loss, default=None)
    if trained is None:
        return f"The model has the weights of the start ('{kept.name}'): the training left no others."
    return (
        f"The model has the weights of the start ('{kept.name}'): the best trained ones are those of '{trained.name}', "
        f"with validation loss {trained.loss:.4f}, {kept.loss:.4f} at the start; --keep-trained keeps trained weights."
    )


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
