"""The record of a pretraining, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.evaluation import evaluate_predictions
from headstart.model import TransferModel
from headstart.tasks import task_methods
from headstart.transfer.pretraining.start import Start
from headstart.transfer.stages.context import RunContext
from headstart.tune.moving.candidates import ValidatedModel
from headstart.tune.pretraining import Pretrained
from headstart.tune.training.chosen import Chosen
from headstart.tune.training.job import Outcome
from headstart.types import Dataset, Task

__all__ = ["about_start", "figures_of", "figures_of_outputs", "labelled_record", "training_facts"]


def about_start(start: Start, parameters: int | None, licence: str | None) -> dict[str, Any]:
    """What training began with, and the licence of the weights.

    Args:
        start: the body before the training.
        parameters: of the trained body; None for those of the start.
        licence: as given; None for that of a source that was trained further.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> about_start(Start(ToySource(), "toy", is_random=False), 12, "CC0-1.0")["start"]
        'toy with its weights'
    """
    return {
        "start": start.words,
        "random_weights": start.is_random,
        "parameters": parameters or start.source.info.parameters,
        "license": licence or (None if start.is_random else start.source.info.license),
    }


def training_facts(outcome: Outcome, chosen: Chosen | None, seed: int) -> dict[str, Any]:
    """How a training went.

    Args:
        outcome: of the training.
        chosen: settings that the user gave.
        seed: of the training.

    Examples:
        >>> training_facts(Outcome("done", 2, 20, 0.1, 0.5, 3.0, 200.0, kept_epoch=2.0), {"epochs": 2}, 0)["settings"]
        {'epochs': 2}
    """
    return {
        "stopped": outcome.stopped, "epochs": outcome.epochs, "steps": outcome.steps, "seconds": outcome.seconds,
        "items_per_second": outcome.items_per_second, "seed": seed, "note": outcome.note, "kept": outcome.kept,
        "settings": dict(chosen or {}),
    }  # fmt: skip


def labelled_record(
    found: Pretrained, start: Start, parts: Mapping[str, Dataset], context: RunContext, *, name: str,
    settings: Chosen | None, licence: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The record of a pretraining on labels.

    Args:
        found: the pretraining.
        start: the body before it.
        parts: training part, and those of validation and test if given.
        context: seed and clock.
        name: of the data.
        settings: that the user gave.
        licence: that the user gave.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.pretraining import continued
        >>> shift = toy_shift()
        >>> part, start = shift.train.take(range(80)), Start(shift.source, "toy", is_random=False)
        >>> found, context = continued(shift.source, part), RunContext(SilentReporter())
        >>> record = labelled_record(found, start, {"train": part}, context, name="toy", settings=None, licence=None)
        >>> record["data"]["items"], record["held_out"]["items"], record["test"]
        (64, 16, None)
    """
    outcome, task = found.outcome, found.model.task
    own = "val" not in parts
    test = parts.get("test")
    return {
        "objective": "labels",
        **about_start(start, found.model.source.info.parameters, licence),
        "data": {
            "name": name, "modality": parts["train"].modality, "labels": list(task.labels), "task": task.kind,
            "items": len(parts["train"]) - (len(found.held_out) if own else 0),
        },
        "held_out": _judged(found.trained, found.held_out),
        "untrained": _judged(found.start, found.held_out),
        "test": None if test is None else figures_of(found.model, test),
        "training": training_facts(outcome, settings, context.seed),
        "seconds": context.clock.elapsed,
        "history": [dict(row) for row in outcome.history],
    }  # fmt: skip


def _judged(one: ValidatedModel, part: Dataset) -> dict[str, Any]:
    """The main metric of a judged network on the items that it was judged on."""
    task = one.model.task
    return figures_of_outputs(task, part, task_methods(task).outputs(one.scores, one.model.head.calibration))


def figures_of(model: TransferModel, part: Dataset) -> dict[str, Any]:
    """The main metric of a model on other items.

    Args:
        model: of the task of the items.
        part: labelled items.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.pretraining import continued
        >>> shift = toy_shift()
        >>> figures_of(continued(shift.source, shift.train.take(range(80))).model, shift.test.take(range(20)))["metric"]
        'accuracy'
    """
    return figures_of_outputs(model.task, part, model.predict_proba(part.items))


def figures_of_outputs(task: Task, part: Dataset, outputs: NDArray[np.float64]) -> dict[str, Any]:
    """The main metric of what a model says of labelled items.

    Args:
        task: of the items.
        part: labelled items.
        outputs: (m, k) of the model.

    Examples:
        >>> task = Task("classification", ("a", "b"))
        >>> part = Dataset("xy", ("0", "1"), "text", task, np.array([0, 1]))
        >>> figures_of_outputs(task, part, np.array([[0.9, 0.1], [0.7, 0.3]]))["value"]
        0.5
    """
    evaluation = evaluate_predictions(task, part.labelled()[1], outputs, groups=part.groups)
    main = evaluation.metrics[evaluation.main]
    return {"metric": evaluation.main, **main.to_dict(), "items": evaluation.n}
