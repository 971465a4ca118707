"""The input and the result of the training loop: `Job` and `Outcome`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from headstart.errors import TrainingError

__all__ = ["Batches", "Job", "Outcome", "ParameterGroup", "Stopped", "check_trained"]

Stopped = Literal["done", "no longer better", "asked to end", "time", "decided", "diverged"]


class Batches(Protocol):
    """Batches that depend on the seed alone, not on which ones were read before."""

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        ...

    def epoch(self, number: int, start: int) -> Iterator[Sequence[Any]]:
        """The batches of an epoch from number ``start`` on; each is a list of micro-batches whose gradients add up."""
        ...


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are trained at one learning rate.

    Attributes:
        names: their names in the job's module.
        rate: multiplies the learning rate.
        weight_decay: None for the weight decay of the training.
        begin: share of the training, in [0, 1], after which they are unfrozen, 0.
    """

    names: tuple[str, ...]
    rate: float = 1.0
    weight_decay: float | None = None
    begin: float = 0.0


@dataclass(frozen=True, eq=False)
class Job:
    """What is trained.

    Attributes:
        module: its parameters are updated in place; at the end it holds the weights that are kept.
        groups: the parameters to train; all others are frozen.
        batches: the training items.
        loss: returns what a micro-batch adds to the mean loss of its batch. Its random numbers must come from torch's
            global generator, which the loop seeds for each step.
        validate: returns the validation loss of the module with its current weights; None keeps the last weights.
        diagnose: names in a few words the items of a micro-batch that hold values that are not finite; empty if none
            do. None if this cannot be found out.
        measure: returns more values for the log, after each epoch; it must leave the module unchanged.
        finish: called after training, for example to merge inserted modules.
        last: called before that with the weights of the last step, by name, where earlier ones are kept, unless the
            training diverged; not on a cluster.

    Examples:
        >>> body = nn.Linear(1, 1)
        >>> job = Job(body, (ParameterGroup(("weight",)),), batches=..., loss=lambda batch: body(batch).mean())
        >>> job.validate is None, job.groups[0].names
        (True, ('weight',))
    """

    module: nn.Module
    groups: tuple[ParameterGroup, ...]
    batches: Batches
    loss: Callable[[Any], Tensor]
    validate: Callable[[], float] | None = None
    diagnose: Callable[[Any], str] | None = None
    measure: Callable[[], Mapping[str, float]] | None = None
    finish: Callable[[], None] = lambda: None
    last: Callable[[Mapping[str, Tensor]], None] = lambda _: None


@dataclass(frozen=True)
class Outcome:
    """How a training went.

    Attributes:
        stopped: why it ended: ``"done"``, ``"no longer better"`` (early stopping), ``"asked to end"`` (by
            `Budget.on_epoch`), ``"time"``,
            ``"decided"`` (by the watch of the budget) or ``"diverged"``.
        epochs: number of epochs that were begun.
        steps: number of optimiser steps.
        loss: validation loss of the weights that were kept; nan without validation.
        start_loss: validation loss before the first step; nan without validation.
        seconds: training time, including the time before a kill and resume.
        items_per_second: training items per second.
        history: one row per epoch, as in ``training.csv``.
        note: a sentence on what went wrong; empty if nothing did.
        kept_epoch: number of epochs after which the kept weights were reached; 0 for the weights of the start.

    Examples:
        >>> Outcome("done", 2, 20, 0.1, 0.5, 3.0, 200.0, kept_epoch=2.0).kept
        'the weights after epoch 2 of 2, with the least validation loss: 0.1000, 0.5000 at the start'
        >>> Outcome("done", 2, 20, 0.5, 0.5, 3.0, 200.0).kept
        'the weights of the start: no epoch of 2 got below its validation loss of 0.5000'
    """

    stopped: Stopped
    epochs: int
    steps: int
    loss: float
    start_loss: float
    seconds: float
    items_per_second: float
    history: tuple[Mapping[str, float], ...] = field(default=(), repr=False)
    note: str = ""
    kept_epoch: float = 0.0

    @property
    def kept(self) -> str:
        """Which weights were kept, and why, in words."""
        if math.isnan(self.loss):
            return f"the weights after epoch {self.kept_epoch:g} of {self.epochs}, the last ones"
        if self.kept_epoch == 0:
            return (
                f"the weights of the start: no epoch of {self.epochs} got below its validation loss of {self.loss:.4f}"
            )
        return (
            f"the weights after epoch {self.kept_epoch:g} of {self.epochs}, with the least validation loss: "
            f"{self.loss:.4f}, {self.start_loss:.4f} at the start"
        )


def check_trained(outcome: Outcome, name: str) -> None:
    """Raise an error if a training that should yield a new source kept the weights of its start.

    Args:
        outcome: the outcome of a training with validation.
        name: name of the body.

    Raises:
        TrainingError: says what was kept, why, and what to change.

    Examples:
        >>> check_trained(Outcome("done", 2, 20, 0.5, 0.5, 3.0, 200.0), "resnet18")
        Traceback (most recent call last):
        headstart.errors.TrainingError: The training of 'resnet18' did not improve it, so there is no source to keep...
        >>> check_trained(Outcome("time", 0, 0, 0.5, 0.5, 3.0, 0.0), "resnet18")
        Traceback (most recent call last):
        headstart.errors.TrainingError: ...The time limit ended it; a longer --time-limit, fewer ...
    """
    if outcome.kept_epoch == 0:
        why = f" {outcome.note}" if outcome.note else ""
        what = "Train for more epochs, at a higher learning rate, in smaller batches, or on more items."
        if outcome.stopped == "time":
            what = "The time limit ended it; a longer --time-limit, fewer items or a smaller body allow more steps."
        raise TrainingError(
            f"The training of '{name}' did not improve it, so there is no source to keep: the best weights are "
            f"{outcome.kept} ({outcome.steps} steps).{why} {what}"
        )
