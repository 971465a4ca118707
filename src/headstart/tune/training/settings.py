"""How a body is trained: the numbers of the one training loop, and what it may use."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from headstart.params import check_choice, check_number
from headstart.reporting import Progress

if TYPE_CHECKING:
    from headstart.tune.training.processes import Parallel

__all__ = ["AugmentationName", "Budget", "OptimizerName", "Precision", "ScheduleName", "Training"]

ScheduleName = Literal["cosine", "one_cycle", "slanted", "constant"]
OptimizerName = Literal["adamw", "sgd"]
Precision = Literal["auto", "bf16", "fp32"]
AugmentationName = Literal["auto", "none", "light", "standard"]


@dataclass(frozen=True)
class Training:
    """The settings of a training.

    Attributes:
        epochs: passes over the training items, 5.
        batch_size: items whose gradients make one step, 32.
        micro_batch: items that go through the body together, where fewer than a batch fit into memory; 0 for all.
        learning_rate: the largest rate, of a group whose multiplier is 1; None for what suits the
            body, as `headstart.tune.training.optimizer.learning_rate_for` has it.
        optimizer: ``"adamw"`` (Loshchilov & Hutter 2019) or ``"sgd"`` with momentum 0.9.
        weight_decay: of AdamW, decoupled, or of SGD, added to the gradient; 0.01. Biases and gains have none.
        schedule: how the rate runs: ``"cosine"`` (Loshchilov & Hutter 2017), ``"one_cycle"`` (Smith 2018),
            ``"slanted"`` (triangular, Howard & Ruder 2018) or ``"constant"``; all but ``"one_cycle"`` and ``"slanted"``
            rise linearly at first.
        warmup: share of the steps in which the rate rises, 0.1.
        clip: largest norm of the gradient, 1; 0 for no limit.
        ema: decay of the running mean of the weights that is validated and kept, such as 0.999; 0 for none.
        patience: epochs without a better validation loss after which training stops; 0 for never.
        precision: ``"auto"`` computes in bf16 where the machine multiplies in it; weights are float32 always.
        augmentation: ``"none"``, ``"light"`` or ``"standard"``, see `headstart.tune.augmentation.choice`; ``"auto"`` is
            light for pictures and sounds and none for texts and rows.
        mixup: parameter of mixup's Beta distribution (Zhang et al. 2018), 0 for none.
        cutmix: parameter of CutMix's (Yun et al. 2019), 0 for none; with both, each batch draws one.
        label_smoothing: share of the probability that is spread over all classes, 0.1 in the paper (Szegedy et al.
            2016); independent labels are drawn towards a half by it. 0 for none, as for the values of a regression. It
            helps calibration, and hurts features that are transferred or distilled further (Kornblith et al. 2021).
        batch_statistics: whether batch normalisations that move use the statistics of each batch, and follow them;
            False keeps those of the pretraining, which small batches of a new task only disturb at first; where the
            training names no rate, a smaller one goes with it.
        dropout: share of the rows' entries that are dropped before the head, 0.

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

    def __post_init__(self) -> None:
        owner = "Training"
        for name, kind in (("schedule", ScheduleName), ("optimizer", OptimizerName), ("precision", Precision)):
            check_choice(getattr(self, name), name, owner, get_args(kind))
        check_choice(self.augmentation, "augmentation", owner, get_args(AugmentationName))
        for name in ("epochs", "batch_size"):
            check_number(getattr(self, name), name, owner, low=1, integer=True)
        for name in ("micro_batch", "patience"):
            check_number(getattr(self, name), name, owner, low=0, integer=True)
        if self.learning_rate is not None:
            check_number(self.learning_rate, "learning_rate", owner, low=0, open_low=True)
        for name in ("weight_decay", "clip", "mixup", "cutmix"):
            check_number(getattr(self, name), name, owner, low=0)
        for name in ("warmup", "ema", "label_smoothing", "dropout"):
            check_number(getattr(self, name), name, owner, low=0, high=0.9999)

    def describe(self) -> dict[str, object]:
        """The settings as plain values, for keys and manifests."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Budget:
    """What a training may use, and where it reports; nothing in it changes what is computed, but for ``seconds``.

    Attributes:
        seconds: the rate's schedule ends after this time at the latest; None for no limit. With a limit that binds,
            the outcome depends on the machine.
        folder: where a checkpoint is kept while training, so that the same call resumes after it was killed; None for
            none.
        checkpoint_seconds: time between two checkpoints, 30; there is one after each epoch too.
        logs: folder for ``training.csv`` and TensorBoard's file; None for none.
        progress: is called with the steps done and in all.
        parallel: how gradients are summed over processes; None for one process.

    Examples:
        >>> Budget(seconds=60).folder is None
        True
    """

    seconds: float | None = None
    folder: Path | None = None
    checkpoint_seconds: float = 30.0
    logs: Path | None = None
    progress: Progress | None = None
    parallel: Parallel | None = None
