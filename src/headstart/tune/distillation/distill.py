"""Distillation: train a smaller body to reproduce the features and predictions of larger ones.

A linear map per teacher is applied to the student's last rows, and the result has to match the teacher's last rows,
which are computed once. If predictions are distilled too, one more map has to match the teachers' softened logits. The
maps start from the ridge solution on the frozen student, so they need no training of their own first, and are dropped
at the end.

The teachers see clean items, and the student augmented ones, so that its rows become invariant to small crops, shifts
and flips.

References: Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network"; Romero et al. 2015, "FitNets:
Hints for Thin Deep Nets"; Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.engine.capabilities import with_all_blocks
from headstart.engine.options import Engine, refuse_int8
from headstart.errors import DataError, SourceError
from headstart.linear.ridge import gcv, lambda_grid, ridge_coefficients
from headstart.linear.spectrum import Spectrum
from headstart.model import TransferModel
from headstart.params import check_choice, check_number
from headstart.sources.bodies.copies import frozen_copy
from headstart.sources.bodies.trainable import Trainable, TrainableSource, body_key
from headstart.tune.augmentation.choice import augmentation_of
from headstart.tune.distillation.teachers import Teacher, teacher_targets
from headstart.tune.losses.distillation import RowLoss, kd_loss, row_loss
from headstart.tune.training.batches import Batch, ItemBatches
from headstart.tune.training.device import autocast, best_device, to_device
from headstart.tune.training.frozen_parts import check_parts, trained_groups
from headstart.tune.training.job import Job, Outcome, ParameterGroup, check_trained
from headstart.tune.training.optimizer import learning_rate_for
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget, Training
from headstart.types import FeatureMatrix, Source

__all__ = ["DistillationLoss", "Distilled", "distill", "distilled"]

VALIDATION, MAX_VALIDATION = 0.1, 1000  # share of the items that is held out, and the largest number of them
MAX_SOLVED = 8192  # items that the maps are solved on
SOLVE_BATCH_SIZE = 32  # smallest batch size in doing so
HELD_OUT = 3  # stream of random numbers that the seed opens; batches have 0 to 2


@dataclass(frozen=True)
class DistillationLoss:
    """The loss of the student: feature distillation, and logit distillation if there are logits.

    Attributes:
        rows: distance of its rows from the teachers', ``"mse"`` or ``"cosine"``.
        temperature: T of the softened logits, 4.
        weight: weight of the logit distillation relative to the rows, 1.

    Examples:
        >>> DistillationLoss().rows
        'mse'
    """

    rows: RowLoss = "mse"
    temperature: float = 4.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_choice(self.rows, "rows", type(self).__name__, get_args(RowLoss))
        check_number(self.temperature, "temperature", type(self).__name__, low=0, open_low=True)
        check_number(self.weight, "weight", type(self).__name__, low=0)


@dataclass(frozen=True, eq=False)
class Distilled:
    """The result of a distillation.

    Attributes:
        source: the student with its trained body.
        outcome: how the training went; its losses are those of held-out items.
        failures: for each item that a teacher could not read, its position and the reason.
    """

    source: Source
    outcome: Outcome
    failures: dict[int, str]


def distill(
    teachers: Sequence[Teacher],
    student: Source,
    items: Sequence[Any],
    *,
    loss: DistillationLoss = DistillationLoss(),
    logits: NDArray[Any] | None = None,
    training: Training = Training(epochs=20),
    seed: int = 0,
    budget: Budget = Budget(),
    engine: Engine = Engine(),
) -> Source:
    """The student trained by `distilled`, without the further results; the arguments are the same.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> teacher, student = shift.source, shift.source.untrained(0)
        >>> distill([teacher], student, shift.train.items, training=Training(epochs=3, learning_rate=0.01)).info.name
        'module:toy (untrained, seed 0) (distilled from module:toy)'
    """
    return distilled(
        teachers, student, items, loss=loss, logits=logits, training=training, seed=seed, budget=budget, engine=engine
    ).source


def distilled(
    teachers: Sequence[Teacher],
    student: Source,
    items: Sequence[Any],
    *,
    loss: DistillationLoss = DistillationLoss(),
    logits: NDArray[Any] | None = None,
    training: Training = Training(epochs=20),
    seed: int = 0,
    budget: Budget = Budget(),
    engine: Engine = Engine(),
    probe: Callable[[Source], float] | None = None,
) -> Distilled:
    """Train a student to reproduce its teachers, on items that need no labels.

    A tenth of the items, at most 1,000, is held out. The weights with the least loss on these are kept, which may be
    those of the start.

    Args:
        teachers: one or several sources, or fitted models; the logits of a fitted classifier are distilled too. Rows in
            the feature cache are not computed again.
        student: a source whose body can be fine-tuned.
        items: 4 or more; items that a teacher cannot read are left out and reported in ``failures``.
        loss: the loss of the student.
        logits: (n, classes) further logits to distil; None for those of fitted teachers alone.
        training: the training settings; the student's items are augmented as they say.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.
        engine: how the teachers encode items.
        probe: a score of the student after each epoch, which the log holds under ``"probe"``.

    Returns:
        The student with its trained body, and how the training went.

    Raises:
        SourceError: if the student has no body that can be fine-tuned, or there is no teacher.
        DataError: if there are fewer than 4 readable items, or not one row of logits per item.
        ItemError: if the student cannot read an item that its teachers could.
        TrainingError: if no epoch got below the validation loss of the start.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> teacher, student = shift.source, shift.source.untrained(0)
        >>> found = distilled([teacher], student, shift.train.items, training=Training(epochs=4, learning_rate=0.02))
        >>> found.outcome.loss < found.outcome.start_loss, found.failures
        (True, {})
    """
    if not isinstance(student, TrainableSource):
        raise SourceError(f"The student '{student.info.name}' has no body that can be fine-tuned; name another source.")
    refuse_int8(engine, "a distillation, whose teachers run the usual number format")
    _check(teachers, items, logits)
    if logits is None:
        _check_bodies(teachers, student)
    body = student.trainable()
    check_parts(body.module, body.groups, training)
    taught = teacher_targets(teachers, items, logits=logits, engine=engine, progress=budget.progress)
    order, seen = _order(len(taught.index), seed)
    items = [items[k] for k in taught.index[order]]  # training items, then held-out items
    targets = taught.targets[order]
    training = replace(training, learning_rate=learning_rate_for(body.module, training))

    def batches(part: slice, augment: Callable[[Any, np.random.Generator], Any] | None) -> ItemBatches:
        return ItemBatches(
            items[part], targets[part], student.prepare, body.collate, training, seed=seed, augment=augment
        )

    training_items = batches(slice(seen), augmentation_of(body.kind, training))
    held_out = batches(slice(seen, None), None)
    rows = _first_rows(body, training_items, training)
    network = _StudentWithMaps(body, _solved_maps(rows, targets[: len(rows)], taught.widths))
    if body.kind == "tokens":
        training_items.sort_by_length()
    measured = _Loss(network, loss, taught.of_rows)
    name = f"{student.info.name} (distilled from {', '.join(map(_name, teachers))})"

    def trained_student() -> Source:
        return student.with_module(frozen_copy(network.body), name)

    groups = trained_groups(network.groups, network.blocks, training)
    job = Job(
        network, groups, training_items, measured, lambda: measured.of_all(held_out, targets[seen:], training),
        measure=None if probe is None else lambda: {"probe": probe(trained_student())},
    )  # fmt: skip
    key = training_key(("distill", body_key(student), loss, training, seed), targets.data.cast("B"))
    outcome = run_training(job, training, key=key, items=seen, seed=seed, budget=budget)
    check_trained(outcome, student.info.name)
    return Distilled(trained_student(), outcome, {int(k): reason for k, reason in taught.failures.items()})


def _first_rows(body: Trainable, batches: ItemBatches, training: Training) -> FeatureMatrix:
    """Rows (m, d) of the first items, on which the maps are solved.

    Untrained batch normalisations have no useful statistics yet; they get the mean statistics of these batches.
    """
    device, size = best_device(), max(training.batch_size, SOLVE_BATCH_SIZE)
    body.module.to(device).eval()
    fresh = [part for part in body.module.modules() if _is_fresh(part)]
    momenta = [part.momentum for part in fresh]
    for part in fresh:
        part.train().momentum = None  # torch then takes the cumulative mean over batches
    rows: list[FeatureMatrix] = []
    with torch.no_grad(), autocast(device, training.precision):
        for start in range(0, min(len(batches), MAX_SOLVED), size):
            index = range(start, min(start + size, len(batches)))
            if len(index) > 1 or not rows:
                inputs = to_device(batches.inputs(index), device)
                rows.append(body.forward(body.module, inputs)[-1].float().cpu().numpy())
    for part, momentum in zip(fresh, momenta, strict=True):
        part.eval().momentum = momentum
    return np.concatenate(rows)


def _is_fresh(part: nn.Module) -> TypeGuard[nn.modules.batchnorm._BatchNorm]:
    """Whether this is a batch normalisation whose running statistics have never been updated."""
    if not isinstance(part, nn.modules.batchnorm._BatchNorm) or part.running_mean is None or part.running_var is None:
        return False
    return bool((part.running_mean == 0).all() and (part.running_var == 1).all())


def _name(teacher: Teacher) -> str:
    return (teacher.source if isinstance(teacher, TransferModel) else teacher).info.name


class _StudentWithMaps(nn.Module):
    """The student's body, and a linear map of its last rows to each part of the targets."""

    def __init__(self, trainable: Trainable, maps: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.body, self.maps, self._trainable = trainable.module, nn.ModuleList(maps), trainable

    @property
    def blocks(self) -> list[list[str]]:
        """Names of the body's parameters, by block."""
        known = dict(self.body.named_parameters())
        return [[f"body.{name}" for name in group if name in known] for group in self._trainable.groups]

    @property
    def groups(self) -> tuple[ParameterGroup, ...]:
        """The body's parameters, and those of the maps without weight decay."""
        body = [name for block in self.blocks for name in block]
        maps = [f"maps.{name}" for name, _ in self.maps.named_parameters()]
        return ParameterGroup(tuple(body)), ParameterGroup(tuple(maps), weight_decay=0.0)

    def forward(self, inputs: Any) -> list[Tensor]:
        """The last rows after each map, (n, width) for each part of the targets."""
        rows = self._trainable.forward(self.body, inputs)[-1].float()
        with torch.autocast(rows.device.type, enabled=False):
            return [part(rows) for part in self.maps]


class _Loss:
    """The mean row distance over the teachers, plus the weighted loss of each part of the logits."""

    def __init__(self, student: _StudentWithMaps, settings: DistillationLoss, teachers: int) -> None:
        self._student, self._settings, self._teachers = student, settings, teachers

    def __call__(self, batch: Batch) -> Tensor:
        return self._value(batch.inputs, batch.targets) * batch.share

    def _value(self, inputs: Any, targets: Tensor) -> Tensor:
        found = self._student(inputs)
        wanted = torch.split(targets, [part.shape[1] for part in found], dim=1)
        pairs = list(zip(found, wanted, strict=True))
        value = torch.stack([row_loss(*pair, self._settings.rows) for pair in pairs[: self._teachers]]).mean()
        for ours, theirs in pairs[self._teachers :]:
            value = value + self._settings.weight * kd_loss(ours, theirs, temperature=self._settings.temperature)
        return value

    def of_all(self, batches: ItemBatches, targets: NDArray[np.float32], training: Training) -> float:
        """The mean loss of all items, in evaluation mode."""
        device = next(self._student.parameters()).device.type
        self._student.eval()
        total = 0.0
        with torch.inference_mode(), autocast(device, training.precision):
            for start in range(0, len(batches), training.batch_size):
                index = np.arange(start, min(start + training.batch_size, len(batches)))
                inputs = to_device(batches.inputs(index.tolist()), device)
                wanted = torch.from_numpy(targets[index].astype(np.float32)).to(device)
                total += float(self._value(inputs, wanted)) * len(index)
        return total / len(batches)


def _solved_maps(rows: FeatureMatrix, targets: NDArray[np.float32], widths: Sequence[int]) -> list[nn.Linear]:
    """Ridge regression of the targets on the student's rows, with one λ per part by generalised cross-validation."""
    maps, start = [], 0
    for width in widths:
        spectrum = Spectrum.from_rows(rows, targets[:, start : start + width])
        grid = lambda_grid(spectrum)
        weight, bias = ridge_coefficients(spectrum, float(grid[gcv(spectrum, grid).mean(axis=1).argmin()]))
        layer = nn.Linear(rows.shape[1], width)
        with torch.no_grad():  # torch's weight is (out, in), the solution (in, out)
            layer.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.copy_(torch.from_numpy(bias))
        maps.append(layer)
        start += width
    return maps


def _order(n: int, seed: int) -> tuple[NDArray[np.intp], int]:
    """Shuffled positions of the items, with the held-out ones last, and the number of training items."""
    order = np.random.default_rng([seed, HELD_OUT]).permutation(n)
    count = max(1, min(round(VALIDATION * n), MAX_VALIDATION))
    return np.concatenate([order[count:], order[:count]]), n - count


def _check_bodies(teachers: Sequence[Teacher], student: Source) -> None:
    """Raise if every teacher is the student's own body: its rows are matched before any training."""
    own = body_key(with_all_blocks(student))
    bodies = [one.source if isinstance(one, TransferModel) else one for one in teachers]
    if all(body_key(with_all_blocks(one)) == own for one in bodies):
        raise SourceError(
            f"The student '{student.info.name}' has the same body as its teacher, so there is nothing to learn; name a "
            "larger or fine-tuned teacher, or another student."
        )


def _check(teachers: Sequence[Teacher], items: Sequence[Any], logits: NDArray[Any] | None) -> None:
    if not teachers:
        raise SourceError("Distillation needs a teacher. Got none; give one source or more.")
    if len(items) < 4:
        raise DataError(f"Distillation needs at least 4 items, of which one is held out. Got {len(items)}.")
    if logits is not None and (np.ndim(logits) != 2 or len(logits) != len(items)):
        raise DataError(
            f"Distillation needs a row of logits for each of {len(items)} items. Got {np.shape(logits)} instead."
        )
