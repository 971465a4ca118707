"""What the training loop is given, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from headstart.errors import TrainingError

__all__ = ["Batches", "Job", "Outcome", "ParameterGroup", "Stopped", "check_trained"]

Stopped = Literal["done", "no longer better", "time", "diverged"]


class Batches(Protocol):
    """Batches that are the same for the same seed, whatever was asked for before."""

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        ...

    def epoch(self, number: int, start: int) -> Iterator[Sequence[Any]]:
        """The batches of an epoch from number ``start`` on; each is a list of micro-batches whose gradients add up."""
        ...


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that move at one rate.

    Attributes:
        names: of the job's module.
        rate: multiplies the learning rate.
        weight_decay: None for that of the training.
        begin: share of the training from which they move, 0.

    Examples:
        >>> ParameterGroup(("head.weight",)).rate
        1.0
    """

    names: tuple[str, ...]
    rate: float = 1.0
    weight_decay: float | None = None
    begin: float = 0.0


@dataclass(frozen=True, eq=False)
class Job:
    """What is trained.

    Attributes:
        module: its parameters are moved in place; at the end it holds the weights that were kept.
        groups: the parameters that move; all others are frozen.
        batches: the training items.
        loss: gives the part that a micro-batch contributes to the mean loss of its whole batch; draws from torch's own
            generator only, which the loop seeds for each step.
        validate: gives the validation loss of the module as it is; None where the last weights are kept.
        blame: names the items of a micro-batch that are no numbers, in a few words; None where nothing can be said.
        measure: gives more values for the log after each epoch; the module is left as it is.
        finish: is called on the trained module, such as to merge what was inserted.

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
    blame: Callable[[Any], str] | None = None
    measure: Callable[[], Mapping[str, float]] | None = None
    finish: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Outcome:
    """How a training went.

    Attributes:
        stopped: why it ended: ``"done"``, ``"no longer better"`` (early stopping), ``"time"`` or ``"diverged"``.
        epochs: that were begun.
        steps: that were made.
        loss: validation loss of the weights that were kept; nan without validation.
        start_loss: validation loss before the first step; nan without validation.
        seconds: that it took, those before a kill included.
        items_per_second: training items through the body a second.
        history: a row an epoch, as in ``training.csv``.
        note: what else should be said, in one sentence; empty for nothing.
        kept_epoch: epochs after which the weights were as they are kept; 0 for those of the start.

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
        """Which weights were kept, and why."""
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
    """Raise where a training whose body is to be a source kept the weights of its start.

    Args:
        outcome: with validation.
        name: of the body.

    Raises:
        TrainingError: saying what was kept, why, and what to change.

    Examples:
        >>> check_trained(Outcome("done", 2, 20, 0.5, 0.5, 3.0, 200.0), "resnet18")
        Traceback (most recent call last):
        headstart.errors.TrainingError: The training of 'resnet18' taught it nothing, so there is no source to keep: ...
    """
    if outcome.kept_epoch == 0:
        why = f" {outcome.note}" if outcome.note else ""
        raise TrainingError(
            f"The training of '{name}' taught it nothing, so there is no source to keep: left are "
            f"{outcome.kept} ({outcome.steps} steps).{why} Train for more epochs, at a higher learning rate, in "
            "smaller batches, or on more items."
        )
