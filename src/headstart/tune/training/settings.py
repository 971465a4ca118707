"""The settings of a training (`Training`), and its limits and outputs (`Budget`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.params import check_choice, check_number
from headstart.reporting import Progress

if TYPE_CHECKING:
    from headstart.tune.training.processes import Parallel

__all__ = ["AugmentationName", "Budget", "OnEpoch", "OptimizerName", "Precision", "ScheduleName", "Training", "Watch"]

ScheduleName = Literal["cosine", "one_cycle", "slanted", "constant"]
OptimizerName = Literal["adamw", "sgd"]
Precision = Literal["auto", "bf16", "fp32"]
AugmentationName = Literal["auto", "none", "light", "standard"]

OnEpoch = Callable[[Mapping[str, float]], object]
"""Called with the row of an epoch; returns False to end the training."""

MOST = 100_000  # epochs, and items in a batch: beyond it a slip of the pen is likelier
LARGEST = 100.0  # learning rate, weight decay and parameters of mixup: 5e4 is 5e-4 without its sign


@dataclass(frozen=True)
class Training:
    """The settings of a training.

    Attributes:
        epochs: passes over the training items, 5.
        batch_size: items whose gradients make one step, 32.
        micro_batch: items in one forward and backward pass, if a batch does not fit into memory; 0 for the batch size.
        learning_rate: the largest learning rate, of a group with multiplier 1; None for the default of the body, see
            `headstart.tune.training.optimizer.learning_rate_for`.
        optimizer: ``"adamw"`` (Loshchilov & Hutter 2019) or ``"sgd"`` with momentum 0.9.
        weight_decay: decoupled for AdamW, added to the gradient for SGD; 0.01. Biases and gains have none.
        schedule: of the learning rate: ``"cosine"`` (Loshchilov & Hutter 2017), ``"one_cycle"`` (Smith 2018),
            ``"slanted"`` (triangular, Howard & Ruder 2018) or ``"constant"``. Cosine and constant begin with a linear
            warm-up.
        warmup: share of the steps in the warm-up, 0.1.
        clip: largest norm of the gradient, 1; 0 for no clipping.
        ema: decay of the exponential moving average of the weights, which is validated and kept in place of the
            weights, such as 0.999; 0 for none.
        patience: early stopping after this many epochs without a better validation loss; 0 for none.
        precision: ``"auto"`` computes in bf16 if the hardware multiplies in it; the weights are always float32.
        augmentation: ``"none"``, ``"light"`` or ``"standard"``, see `headstart.tune.augmentation.choice`; ``"auto"`` is
            light for pictures and sounds and none for texts and rows.
        mixup: parameter of mixup's Beta distribution (Zhang et al. 2018), 0 for none.
        cutmix: parameter of CutMix's Beta distribution (Yun et al. 2019), 0 for none; with both, each batch draws one.
        label_smoothing: share of the probability that is spread over all classes, 0.1 in the paper (Szegedy et al.
            2016). For independent labels it pulls each target towards one half. 0 for none, and always for a
            regression. It helps calibration, but hurts features that are transferred or distilled further (Kornblith et
            al. 2021).
        batch_statistics: whether trained batch normalisations use and follow the statistics of each batch. False keeps
            the pretrained statistics, since small batches of a new task disturb the features at first. The default
            learning rate is smaller then.
        dropout: share of the rows' entries that are dropped before the head, 0.
        freeze: how many blocks of the body stay frozen, counted from the first, 0; or the name of a part that
            does, such as ``"layer1"``; ``"layer1"`` is not also ``"layer10"``.
        unfreeze: exceptions to ``freeze``: how many blocks, counted from the last, or a part; without
            ``freeze`` all others stay frozen. 0 for none. Both only leave out parameters that the strategy trains.
        keep_trained: whether the best epoch is kept even if the weights of the start have a lower validation loss.

    Examples:
        >>> Training(epochs=2).batch_size
        32
        >>> Training(schedule="linear")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'schedule' parameter of Training must be one of 'cosine', ...
    """

    epochs: int = 5
    batch_size: int = 32
    micro_batch: int = 0
    learning_rate: float | None = None
    optimizer: OptimizerName = "adamw"
    weight_decay: float = 0.01
    schedule: ScheduleName = "cosine"
    warmup: float = 0.1
    clip: float = 1.0
    ema: float = 0.0
    patience: int = 0
    precision: Precision = "auto"
    augmentation: AugmentationName = "auto"
    mixup: float = 0.0
    cutmix: float = 0.0
    label_smoothing: float = 0.0
    dropout: float = 0.0
    batch_statistics: bool = True
    freeze: int | str = 0
    unfreeze: int | str = 0
    keep_trained: bool = False

    def __post_init__(self) -> None:
        owner = "Training"
        for name, kind in (("schedule", ScheduleName), ("optimizer", OptimizerName), ("precision", Precision)):
            check_choice(getattr(self, name), name, owner, get_args(kind))
        check_choice(self.augmentation, "augmentation", owner, get_args(AugmentationName))
        for name in ("epochs", "batch_size"):
            check_number(getattr(self, name), name, owner, low=1, high=MOST, integer=True)
        for name in ("micro_batch", "patience"):
            check_number(getattr(self, name), name, owner, low=0, high=MOST, integer=True)
        if self.learning_rate is not None:
            check_number(self.learning_rate, "learning_rate", owner, low=0, high=LARGEST, open_low=True)
        for name in ("weight_decay", "mixup", "cutmix"):
            check_number(getattr(self, name), name, owner, low=0, high=LARGEST)
        check_number(self.clip, "clip", owner, low=0)
        for name in ("warmup", "ema", "label_smoothing", "dropout"):
            check_number(getattr(self, name), name, owner, low=0, high=0.9999)
        for name in ("freeze", "unfreeze"):
            _check_part(getattr(self, name), name, owner)

    def describe(self) -> dict[str, object]:
        """The settings as plain values, for keys and manifests."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _check_part(value: object, name: str, owner: str) -> None:
    """Raise unless this is a number of blocks or the name of a part."""
    if not isinstance(value, str):
        check_number(value, name, owner, low=0, integer=True)
    elif not value:
        raise ParameterError(
            f"The '{name}' parameter of {owner} must be a number of blocks or the name of a part. Got an "
            "empty text instead."
        )


class Watch(Protocol):
    """What is told of the validation losses during a training, and may end it early."""

    def note(self, losses: NDArray[np.float64]) -> None:
        """The losses (m,) of the validation items, at the start and after each epoch."""
        ...

    @property
    def decided(self) -> bool:
        """Whether no further step is needed."""
        ...


@dataclass(frozen=True)
class Budget:
    """The time limit and the outputs of a training; only ``seconds``, ``judging`` and ``watch`` can change the result.

    Attributes:
        seconds: time limit, by which the learning rate schedule ends at the latest; None for no limit. If the limit is
            reached, the result depends on the speed of the machine.
        folder: folder of the checkpoint, from which the same call resumes after a kill; None for no checkpoints.
        checkpoint_seconds: seconds between two checkpoints, 30; each epoch ends with a checkpoint too.
        logs: folder for ``training.csv`` and TensorBoard's event file; None for no logs.
        progress: called with the number of steps done, the total number and a detail.
        parallel: sums gradients over several processes; None for one process.
        judging: seconds after ``seconds`` in which the candidates are judged; those that would not fit are left out.
            None for no limit.
        again: how many times what precedes the training (encoding items, solving the head of the start) is needed after
            it too, such as 1 if the trained body is judged as its start was; `less` leaves time for it.
        watch: told of the validation losses, and may end the training early; None for none, and on a cluster.
        on_epoch: called after each epoch with its row of ``training.csv``: epoch, step, loss, validation loss, rate and
            seconds. If it returns False, the training ends there and keeps the best weights so far; any other value,
            None among them, lets it go on. Not on a cluster, to which functions of this process are not sent.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> shift, rows = toy_shift(), []
        >>> model = LP_FT.fit(shift.source, shift.train.take(range(60)), budget=Budget(on_epoch=rows.append))
        >>> [row["epoch"] for row in rows]
        [1.0, 2.0, 3.0, 4.0, 5.0]
        >>> moved = []
        >>> limit = Budget(on_epoch=lambda row: moved.append(row["step"]) or row["epoch"] < 2)
        >>> model = LP_FT.fit(shift.source, shift.train.take(range(60)), budget=limit)
        >>> len(moved)
        2
    """

    seconds: float | None = None
    folder: Path | None = None
    checkpoint_seconds: float = 30.0
    logs: Path | None = None
    progress: Progress | None = None
    parallel: Parallel | None = None
    on_epoch: OnEpoch | None = None
    judging: float | None = None
    watch: Watch | None = None
    again: float = 0.0

    def end_of_judging(self, began: float) -> float:
        """When the candidates must be judged if the training began at this time; infinite without a limit.

        Examples:
            >>> Budget(seconds=60, judging=20).end_of_judging(100.0), Budget().end_of_judging(100.0)
            (180.0, inf)
        """
        return math.inf if self.seconds is None or self.judging is None else began + self.seconds + self.judging

    def less(self, spent: float) -> Budget:
        """The same budget after ``spent`` seconds of other work, with a limit of 0 seconds at least.

        ``again`` times as many are kept for later, but at most half of what is left.

        Examples:
            >>> Budget(seconds=60).less(15).seconds, Budget(seconds=60).less(75).seconds, Budget().less(75).seconds
            (45.0, 0.0, None)
            >>> Budget(seconds=60, again=1.0).less(15)
            Budget(seconds=30.0, ...again=0.0)
        """
        if self.seconds is None:
            return self
        rest = max(self.seconds - spent, 0.0)
        return replace(self, seconds=max(rest - self.again * spent, rest / 2 if self.again else rest), again=0.0)
