"""Whether a trained decoder of masks replaces the closed-form head: trained on most pictures, compared on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.annotations import Mask
from headstart.evaluate.annotations.masks import evaluate_masks, mask_gain
from headstart.evaluate.formatting import metric_name
from headstart.heads.masks.solve import solve_masks
from headstart.sources.positions.maps import MapSource
from headstart.transfer.annotating.contract import Solved
from headstart.transfer.stages.context import RunContext
from headstart.tune.training.chosen import Chosen, with_chosen
from headstart.types import Dataset

if TYPE_CHECKING:
    from headstart.tune.masks.train import MaskTraining, TrainedMasks

__all__ = ["STRATEGIES", "choosing_and_judging", "held_out_pictures", "train_if_better", "training_for"]

STRATEGIES = ("auto", "decoder", "frozen")
"""What may be trained for masks: a decoder where it pays, a decoder in any case, or nothing."""

FEWEST = 15  # pictures, below which none can be held out of a training
SHARE, MOST_HELD_OUT = 0.2, 100
FEWEST_JUDGES = 12  # held-out pictures that choose, and that judge, where they are not the same
SATURATED = 0.99  # left-out metric beyond which there is little to gain
LIMIT = 1200.0  # seconds of a training that was not asked for by name
LEVEL = 0.6  # two-sided: the lower bound is that of a one-sided 80% interval
FEWEST_EPOCHS, MOST_EPOCHS = 16, 60  # of 25 steps each


def train_if_better(
    train: Dataset,
    start: Solved,
    name: str,
    maps: MapSource,
    context: RunContext,
    *,
    training: Chosen | None = None,
) -> tuple[Solved, dict[str, Any]]:
    """The trained decoder if it is better than the closed-form head on held-out pictures, else the closed-form head.

    Where enough pictures are held out, half of them choose the epoch and the decoder's levels, and the others compare;
    else the same pictures do both, which favours the trained decoder and is recorded as ``"optimistic"``.
    The comparison is by the F1 of objects where they are told apart, else by mIoU.

    Args:
        train: pictures with masks.
        start: the closed-form head on all of them.
        name: of `STRATEGIES`.
        maps: how the pictures are read.
        context: of the run.
        training: settings that the user chose, by name; None for none.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> kept, record = train_if_better(None, "the head", "frozen", None, RunContext(SilentReporter()))
        >>> kept, record["reason"]
        ('the head', 'nothing is to be trained')
    """
    reason = _why_not(train, start, name, context)
    if reason:
        context.reporter.line("strategy", f"frozen features: {reason}")
        return start, {"name": "frozen", "forecast": None, "candidates": [], "kept": "head", "reason": reason}
    inner, held = held_out_pictures(train, context.seed)
    choosing, outer = choosing_and_judging(held, context.seed)
    settings = with_chosen(training_for(len(inner.items)), training)
    made = _trained(inner, choosing, name, maps, context, settings=settings)
    trained: Sequence[Mask] = made.found
    if outer is not choosing and made.head is not None:
        trained = made.head.annotate(maps.source, outer.items, engine=context.engine)
    again = solve_masks(inner, maps, engine=context.engine, seed=context.seed).head
    solved = again.annotate(maps.source, outer.items, engine=context.engine)
    task, y = outer.labelled()
    groups = outer.group_codes
    metric = "instance_f1" if made.decoder.boundary else "miou"
    gain = mask_gain(
        task, list(y), trained, solved, name="closed-form head", groups=groups, seed=context.seed, level=LEVEL,
        metric=metric,
    )  # fmt: skip
    figures = {
        who: {key: value.value for key, value in evaluate_masks(task, list(y), found, resamples=1).metrics.items()}
        for who, found in (("closed-form head", solved), ("trained decoder", trained))
    }
    kept = gain.low > 0  # a gain without an interval is no evidence: nan is not above zero
    record = {
        "name": "decoder", "forecast": None, "kept": "trained" if kept else "head", "held_out": len(outer.items),
        "chosen_on": len(choosing.items), "optimistic": outer is choosing,
        "candidates": [{"name": who, **values} for who, values in figures.items()], "gain": gain.to_dict(),
        "epochs": made.outcome.epochs, "seconds": made.outcome.seconds, "weights": made.outcome.kept,
        "chosen": dict(training or {}),
    }  # fmt: skip
    context.reporter.line(
        "strategy",
        f"decoder: {metric_name(metric)} {figures['trained decoder'][metric]:.3f} on {len(outer.items)} held-out "
        f"pictures, {figures['closed-form head'][metric]:.3f} by the closed-form head; "
        f"{'the trained decoder is kept' if kept else 'the closed-form head stays'}",
    )
    if not kept or made.head is None:
        return start, record
    seen = "the same pictures judge it, so that its figures are optimistic"
    other = f"{len(outer.items)} others judge it"
    notes = (
        f"The decoder's epoch and levels are chosen on {len(choosing.items)} held-out pictures, of which none was "
        f"trained on; {seen if outer is choosing else other}",
    )
    title = f"trained decoder, {made.outcome.epochs} epochs"
    return Solved(made.head, start.source, title, figures["trained decoder"]["miou"], start.record, notes), record


def held_out_pictures(train: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """The pictures to train on and those that judge; groups stay together.

    Args:
        train: all of them.
        seed: of the choice.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> [len(part.items) for part in held_out_pictures(toy_masks(20), 0)]
        [16, 4]
    """
    codes = train.group_codes
    codes = np.arange(len(train.items)) if codes is None else codes
    wanted = min(max(2, round(SHARE * len(train.items))), MOST_HELD_OUT)
    chosen: list[int] = []
    for code in np.random.default_rng(seed).permutation(np.unique(codes)):
        if len(chosen) >= wanted:
            break
        chosen += np.flatnonzero(codes == code).tolist()
    outer = np.sort(np.array(chosen, np.intp))
    return train.take(np.setdiff1d(np.arange(len(train.items)), outer)), train.take(outer)


def choosing_and_judging(held: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Halves of the held-out pictures, of which the first choose and the second judge; all for both if they are few.

    Args:
        held: the held-out pictures; groups stay together.
        seed: of the choice.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> [len(part.items) for part in choosing_and_judging(toy_masks(30), 0)]
        [15, 15]
        >>> few = toy_masks(6)
        >>> [part is few for part in choosing_and_judging(few, 0)]
        [True, True]
    """
    codes = np.arange(len(held.items)) if held.group_codes is None else held.group_codes
    groups = np.random.default_rng([seed, 1]).permutation(np.unique(codes))
    chosen = np.isin(codes, groups[: len(groups) // 2])
    if min(chosen.sum(), (~chosen).sum()) < FEWEST_JUDGES:
        return held, held
    return held.take(np.flatnonzero(chosen)), held.take(np.flatnonzero(~chosen))


def training_for(count: int) -> MaskTraining:
    """The settings of a training: more epochs for more pictures.

    Args:
        count: training pictures.

    Examples:
        >>> training_for(16).training.epochs, training_for(400).training.epochs
        (16, 50)
    """
    from headstart.tune.masks.train import MaskTraining

    usual = MaskTraining()
    epochs = int(np.clip(count // 8, FEWEST_EPOCHS, MOST_EPOCHS))
    return replace(usual, training=replace(usual.training, epochs=epochs))


def _why_not(train: Dataset, start: Solved, name: str, context: RunContext) -> str:
    """Why nothing is trained; empty if something is."""
    if name == "frozen":
        return "nothing is to be trained"
    if len(train.items) < FEWEST:
        return f"{len(train.items)} pictures are too few to hold some out of a training"
    if context.clock.is_over:
        return "the time is over"
    if name == "auto" and start.left_out is not None and start.left_out > SATURATED:
        return f"the left-out mIoU of {start.left_out:.3f} leaves little to gain"
    return ""


def _trained(
    inner: Dataset, outer: Dataset, name: str, maps: MapSource, context: RunContext, *, settings: MaskTraining
) -> TrainedMasks:
    from headstart.tune.masks.train import train_masks
    from headstart.tune.training.settings import Budget

    left = context.clock.left()
    limits = [LIMIT] if name == "auto" else []
    limits += [0.7 * left] if left is not None else []  # the rest is for the comparison
    with context.reporter.progress("training") as step:
        budget = Budget(seconds=min(limits, default=None), progress=step)
        return train_masks(maps, inner, outer, settings, engine=context.engine, seed=context.seed, budget=budget)
