"""A pretraining on the items alone; labels, where there are some, only judge what it gave."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.gain import Gain, transfer_gain
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import TrainableSource
from headstart.transfer.pretraining.record import about_start, figures_of, figures_of_outputs, training_facts
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

__all__ = [
    "OBJECTIVES", "JudgedBody", "JudgedByLabels", "body_of", "judged_body", "judged_by_labels", "train_on_items",
    "unlabelled_record",
]  # fmt: skip

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


@dataclass(frozen=True, eq=False)
class JudgedBody:
    """A body with a closed-form head that was solved on the items of the training.

    Attributes:
        model: body and head.
        outputs: (m, k) of the model for the held-out items.
        seconds: that solving and judging took.
    """

    model: TransferModel
    outputs: NDArray[np.float64] = field(repr=False)
    seconds: float = 0.0


def body_of(start: Start, part: Dataset, seed: int) -> Source:
    """The body to begin with; random weights are drawn here.

    Args:
        start: an architecture or a source.
        part: the items.
        seed: of the weights.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> body_of(Start(ToySource(), "toy", is_random=False), Dataset("a", ("0",), "text"), 0).info.name
        'toy'
    """
    return SCRATCH.source_for(start.source, part, seed) if start.is_random else start.source


def judged_body(body: Source, part: Dataset, held_out: NDArray[np.bool_], context: RunContext) -> JudgedBody:
    """Solve a head on the items of the training, and ask the model for the others.

    Args:
        body: before or after the training.
        part: labelled items.
        held_out: (n,) which of them are held out.
        context: engine and seed.

    Examples:
        >>> import numpy as np
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> judged_body(
        ...     shift.source, shift.train.take(range(80)), np.arange(80) >= 60, RunContext(SilentReporter())
        ... ).outputs.shape
        (20, 2)
    """
    began = time.perf_counter()
    here = replace(context.engine, cache=False)  # the rows of a body that may not be kept
    seen, others = (part.take(np.flatnonzero(which)) for which in (~held_out, held_out))
    model = solved_start(body, seen, search=HeadSearch(), seed=context.seed, engine=here)
    outputs = model.predict_proba(others.items)
    return JudgedBody(model, outputs, time.perf_counter() - began)


def train_on_items(
    name: str, start: Start, body: Source, part: Dataset, chosen: Chosen | None, *, held_out: NDArray[np.bool_],
    seed: int = 0, budget: Budget = Budget(),
) -> WithoutLabels:  # fmt: skip
    """Train a body on an objective without labels.

    Args:
        name: in `OBJECTIVES`.
        start: what the body is.
        body: from `body_of`.
        part: the items.
        chosen: settings that replace those of the objective.
        held_out: (n,) which of them choose the epoch.
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
        >>> body, held_out = body_of(start, part, 0), np.arange(24) >= 20
        >>> found = train_on_items("masked", start, body, part, {"epochs": 1}, held_out=held_out)
        >>> found.source.info.name
        'timm:test_resnet (masked parts, seed 0)'
    """
    objective: Objective = OBJECTIVES[name]
    settings = {**({} if start.is_random else FURTHER), **(chosen or {})}
    objective = with_chosen(objective, settings)
    found = trained_without_labels(objective, body, part.items, held_out=held_out, seed=seed, budget=budget)
    base = start.name.partition(" (")[0]
    shown = f"{base} ({objective.name}, seed {seed})"
    named = cast("TrainableSource", found.source.with_module(found.source.trainable().module, shown))
    return replace(found, source=named)


def judged_by_labels(
    before: JudgedBody, after: JudgedBody, held_out: Dataset, test: Dataset | None, context: RunContext
) -> JudgedByLabels:
    """Compare the trained body with its start by labels, each with a closed-form head.

    Args:
        before: the start.
        after: the trained body.
        held_out: the items that both were asked for, with labels.
        test: a given test part.
        context: seed.

    Examples:
        >>> import numpy as np
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift, context = toy_shift(), RunContext(SilentReporter())
        >>> part, held_out = shift.train.take(range(80)), np.arange(80) >= 60
        >>> same = judged_body(shift.source, part, held_out, context)
        >>> judged_by_labels(same, same, part.take(range(60, 80)), None, context).gain.value
        0.0
    """
    task, y = held_out.labelled()
    gain = transfer_gain(
        task, y, after.outputs, before.outputs, groups=held_out.groups, seed=context.seed, reference="start"
    )
    theirs, ours = (figures_of_outputs(task, held_out, one.outputs) for one in (before, after))
    return JudgedByLabels(after.model, gain, ours, theirs, None if test is None else figures_of(after.model, test))


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
