"""A pretraining on the items alone; labels, where there are some, only judge what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from headstart.evaluate.gain import Gain, transfer_gain
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import TrainableSource
from headstart.transfer.pretraining.record import about_start, figures_of, training_facts
from headstart.transfer.pretraining.start import Start
from headstart.transfer.stages.context import RunContext
from headstart.tune.moving.move import solved_start
from headstart.tune.objectives.contract import Objective, WithoutLabels, trained_without_labels
from headstart.tune.objectives.contrastive import CONTRASTIVE
from headstart.tune.objectives.masked import MASKED
from headstart.tune.scratch import SCRATCH
from headstart.tune.training.chosen import Chosen, with_chosen
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source

__all__ = ["OBJECTIVES", "JudgedByLabels", "judged_by_labels", "train_on_items", "unlabelled_record"]

OBJECTIVES: dict[str, Any] = {"contrastive": CONTRASTIVE, "masked": MASKED}
FURTHER = {"epochs": 10, "learning_rate": 1e-4}  # of a body that has weights to lose
WORDS = {
    "contrastive": "contrastive views of the items, without labels",
    "masked": "hidden parts of the items, without labels",
}


@dataclass(frozen=True, eq=False)
class JudgedByLabels:
    """What labels say about a body that was trained without them.

    Attributes:
        model: the trained body with a closed-form head, solved on the items of the training.
        gain: over the start with such a head, on the held-out items.
        held_out: figures of the model on them.
        untrained: figures of the start on them.
        test: figures of the model on a given test part; None without one.
    """

    model: TransferModel
    gain: Gain
    held_out: Mapping[str, Any] = field(repr=False)
    untrained: Mapping[str, Any] = field(repr=False)
    test: Mapping[str, Any] | None = field(default=None, repr=False)


def train_on_items(
    name: str, start: Start, part: Dataset, chosen: Chosen | None, *, seed: int = 0, budget: Budget = Budget()
) -> tuple[Source, WithoutLabels]:
    """The body before and after a training on an objective without labels.

    Args:
        name: in `OBJECTIVES`.
        start: the body to begin with; random weights are drawn here.
        part: the items.
        chosen: settings that replace those of the objective.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.

    Raises:
        DataError: if there are too few items, or the objective is not made for items of their kind.
        TrainingError: if no epoch got below the validation loss of the start.

    Examples:
        >>> from headstart.data import read
        >>> import numpy as np
        >>> from headstart.sources import open_source
        >>> from headstart.sources.timm_architecture import timm_architecture
        >>> items = list(np.random.default_rng(0).integers(0, 255, (24, 32, 32, 3)).astype(np.uint8))
        >>> part = Dataset(items, tuple(map(str, range(24))), "image")
        >>> start = Start(timm_architecture("test_resnet", side=32), "timm:test_resnet", is_random=True)
        >>> before, found = train_on_items("masked", start, part, {"epochs": 1})
        >>> found.source.info.name
        'timm:test_resnet (masked parts, seed 0)'
    """
    objective: Objective = OBJECTIVES[name]
    body = SCRATCH.source_for(start.source, part, seed) if start.is_random else start.source
    settings = {**({} if start.is_random else FURTHER), **(chosen or {})}
    objective = with_chosen(objective, settings)
    found = trained_without_labels(objective, body, part.items, groups=part.group_codes, seed=seed, budget=budget)
    base = start.name.partition(" (")[0]
    shown = f"{base} ({objective.name}, seed {seed})"
    named = cast("TrainableSource", found.source.with_module(found.source.trainable().module, shown))
    return body, replace(found, source=named)


def judged_by_labels(
    before: Source, found: WithoutLabels, part: Dataset, test: Dataset | None, context: RunContext
) -> JudgedByLabels:
    """Compare the trained body with its start by labels, each with a closed-form head.

    Args:
        before: the start.
        found: the training.
        part: its items, with labels.
        test: a given test part.
        context: engine and seed.

    Examples:
        >>> import numpy as np
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.training.job import Outcome
        >>> shift, done = toy_shift(), Outcome("done", 2, 20, 0.1, 0.5, 3.0, 200.0)
        >>> same = WithoutLabels(shift.source, done, np.arange(60), np.arange(60, 80))
        >>> part, context = shift.train.take(range(80)), RunContext(SilentReporter())
        >>> judged_by_labels(shift.source, same, part, None, context).gain.value
        0.0
    """
    seen, held_out = part.take(found.seen), part.take(found.held_out)
    here = replace(context.engine, cache=False)
    after, first = (
        solved_start(one, seen, search=HeadSearch(), seed=context.seed, engine=here) for one in (found.source, before)
    )
    task, y = held_out.labelled()
    outputs = after.predict_proba(held_out.items), first.predict_proba(held_out.items)
    gain = transfer_gain(task, y, *outputs, groups=held_out.groups, seed=context.seed, reference="start")
    return JudgedByLabels(
        after, gain, figures_of(after, held_out), figures_of(first, held_out),
        None if test is None else figures_of(after, test),
    )  # fmt: skip


def unlabelled_record(
    found: WithoutLabels, judged: JudgedByLabels | None, start: Start, part: Dataset, context: RunContext, *,
    objective: str, name: str, settings: Chosen | None, licence: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The record of a pretraining on the items alone.

    Args:
        found: the training.
        judged: what labels say; None without labels.
        start: the body before it.
        part: the items.
        context: seed and clock.
        objective: in `OBJECTIVES`.
        name: of the data.
        settings: that the user gave.
        licence: that the user gave.

    Examples:
        >>> import numpy as np
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.training.job import Outcome
        >>> shift, done = toy_shift(), Outcome("done", 2, 20, 0.1, 0.5, 3.0, 200.0)
        >>> same = WithoutLabels(shift.source, done, np.arange(60), np.arange(60, 80))
        >>> start = Start(shift.source, "toy", is_random=False)
        >>> part, context = shift.train.take(range(80)), RunContext(SilentReporter())
        >>> record = unlabelled_record(
        ...     same, None, start, part, context, objective="masked", name="toy", settings=None, licence=None
        ... )
        >>> record["objective"], record["data"]["items"], record["held_out"]
        ('hidden parts of the items, without labels', 60, None)
    """
    labels, kind = ([], None) if part.task is None else (list(part.task.labels), part.task.kind)
    return {
        "objective": WORDS[objective],
        **about_start(start, found.source.info.parameters, licence),
        "data": {
            "name": name, "modality": part.modality, "labels": labels, "task": kind,
            "items": len(found.seen),
        },
        "held_out": None if judged is None else judged.held_out,
        "untrained": None if judged is None else judged.untrained,
        "test": None if judged is None else judged.test,
        "training": training_facts(found.outcome, settings, context.seed),
        "seconds": context.clock.elapsed,
        "history": [dict(row) for row in found.outcome.history],
        "gain_over_start": None if judged is None else judged.gain.to_dict(),
    }  # fmt: skip
