"""Distillation: a smaller body learns to give what larger ones know.

The student's last rows, through a linear map for each teacher, are to match the teachers' last rows, which are computed
once; and, where wanted, through one more map the teachers' softened answers to a task. The maps begin as the ridge
solution on the frozen student, so that nothing of them has to be learnt at first, and are dropped at the end.

References: Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network"; Romero et al. 2015, "FitNets:
Hints for Thin Deep Nets"; Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent"
(teacher and student see the same item: since the teacher's rows are computed once, items come as they are).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DataError, SourceError
from headstart.linear.ridge import gcv, lambda_grid, ridge_coefficients
from headstart.linear.spectrum import Spectrum
from headstart.params import check_number
from headstart.sources.trainable import Trainable, TrainableSource
from headstart.tune.batches import Batch, ItemBatches
from headstart.tune.device import autocast, best_device, to_device
from headstart.tune.distillation_losses import RowLoss, kd_loss, row_loss
from headstart.tune.job import Job, Outcome, ParameterGroup
from headstart.tune.loop import train
from headstart.tune.optimizing import learning_rate_for
from headstart.tune.settings import Budget, Training
from headstart.types import FeatureMatrix, Source

__all__ = ["DistillationLoss", "Distilled", "distill", "distilled"]

VALIDATION, MOST_VALIDATION = 0.1, 1000  # share of the items that no step sees, and most of them
MOST_SOLVED = 8192  # items on which the maps are solved
MAP_RATE = 10.0  # of the maps, in learning rates of the body: they follow it
HELD_OUT = 3  # what the seed is used for; batches have 0 to 2


@dataclass(frozen=True)
class DistillationLoss:
    """What the student is held to.

    Attributes:
        rows: how its rows are compared with the teachers', ``"mse"`` or ``"cosine"``.
        temperature: T of the teachers' softened answers, 4.
        weight: of the softened answers beside the rows, where there are any; 1.

    Examples:
        >>> DistillationLoss().rows
        'mse'
    """

    rows: RowLoss = "mse"
    temperature: float = 4.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_number(self.temperature, "temperature", type(self).__name__, low=0, open_low=True)
        check_number(self.weight, "weight", type(self).__name__, low=0)


@dataclass(frozen=True, eq=False)
class Distilled:
    """What a distillation gave.

    Attributes:
        source: the student with its moved body.
        outcome: how the training went; its losses are those of items that no step saw.

    Examples:
        >>> sorted(Distilled.__dataclass_fields__)
        ['outcome', 'source']
    """

    source: Source
    outcome: Outcome


def distill(
    teachers: Sequence[Source],
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
    """The student with a body that gives what the teachers' rows hold, as `distilled` trains it.

    Examples:
        >>> from headstart.tune.toys import toy_shift
        >>> shift = toy_shift()
        >>> found = distill([shift.source], shift.source, shift.train.items[:32], training=Training(epochs=1))
        >>> found.info.name
        'module:toy (distilled from module:toy)'
    """
    return distilled(
        teachers, student, items, loss=loss, logits=logits, training=training, seed=seed, budget=budget, engine=engine
    ).source


def distilled(
    teachers: Sequence[Source],
    student: Source,
    items: Sequence[Any],
    *,
    loss: DistillationLoss = DistillationLoss(),
    logits: NDArray[Any] | None = None,
    training: Training = Training(epochs=20),
    seed: int = 0,
    budget: Budget = Budget(),
    engine: Engine = Engine(),
) -> Distilled:
    """Train a student towards its teachers on items that need no labels.

    A tenth of the items, at most 1,000, is held out: the weights of least loss on it are kept, those of the start among
    them.

    Args:
        teachers: one or several sources; their rows are taken from the feature store where it has them.
        student: a source whose body can be moved.
        items: n items that student and teachers can read, 4 or more.
        loss: what the student is held to.
        logits: (n, classes) of the teachers for a task, to be matched softened; None for rows alone.
        training: how it trains. Items are not augmented, whatever it says.
        seed: of all chance.
        budget: time, checkpoints, logs.
        engine: how the teachers encode.

    Returns:
        The student with its moved body, and how the training went.

    Raises:
        SourceError: if the student has no body that can be moved, or there is no teacher.
        DataError: if there are fewer than 4 items, or not a row of logits for each.
        ItemError: if an item cannot be read.

    Examples:
        >>> distilled.__name__
        'distilled'
    """
    if not isinstance(student, TrainableSource):
        raise SourceError(f"The student '{student.info.name}' has no body that can be moved; name another source.")
    _check(teachers, items, logits)
    targets, widths = _targets(teachers, items, logits, engine)
    held_out, seen = _parted(len(items), seed)
    body = student.trainable()
    training = replace(training, learning_rate=learning_rate_for(body.module, training), augmentation="none")
    rows = last_rows(student, items, engine)[seen]
    pupil = _Pupil(body, _solved_maps(rows[:MOST_SOLVED], targets[seen][:MOST_SOLVED], widths)).to(best_device())
    read = [
        ItemBatches(
            [items[k] for k in part],
            targets[part].astype(np.float64),
            student.prepare,
            body.collate,
            training,
            seed=seed,
        )
        for part in (seen, held_out)
    ]
    if body.kind == "tokens":
        read[0].sort_by_length()
    measured = _Loss(pupil, loss, len(teachers))
    job = Job(pupil, pupil.groups, read[0], measured, lambda: measured.of_all(read[1], targets[held_out], training))
    key = _key(student, loss, training, targets, seed)
    budget = budget if budget.folder is None else replace(budget, folder=budget.folder / key[:20])
    outcome = train(job, training, seed=seed, budget=budget, key=key, items=len(seen))
    moved = copy.deepcopy(pupil.to("cpu").body).eval().requires_grad_(requires_grad=False)
    names = ", ".join(teacher.info.name for teacher in teachers)
    return Distilled(student.with_module(moved, f"{student.info.name} (distilled from {names})"), outcome)


def last_rows(source: Source, items: Sequence[Any], engine: Engine) -> FeatureMatrix:
    """The last block's rows (n, d), float32."""
    rows = extract(source, items, engine=engine, on_error="raise").rows
    width = source.info.num_features or rows.shape[1]
    return np.ascontiguousarray(rows[:, rows.shape[1] - width :], dtype=np.float32)


class _Pupil(nn.Module):
    """The student's body, and a linear map of its last rows to each thing that it is held to."""

    def __init__(self, trainable: Trainable, maps: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.body, self.maps, self._trainable = trainable.module, nn.ModuleList(maps), trainable

    @property
    def groups(self) -> tuple[ParameterGroup, ...]:
        """The body at the learning rate, the maps at ten times that."""
        known = dict(self.body.named_parameters())
        body = [f"body.{name}" for group in self._trainable.groups for name in group if name in known]
        maps = [f"maps.{name}" for name, _ in self.maps.named_parameters()]
        return ParameterGroup(tuple(body)), ParameterGroup(tuple(maps), MAP_RATE, weight_decay=0.0)

    def forward(self, inputs: Any) -> list[Tensor]:
        """What each map makes of the last rows."""
        rows = self._trainable.forward(self.body, inputs)[-1].float()
        with torch.autocast(rows.device.type, enabled=False):
            return [part(rows) for part in self.maps]


class _Loss:
    """The mean over teachers of the distance of rows, and the softened answers' loss."""

    def __init__(self, pupil: _Pupil, held_to: DistillationLoss, teachers: int) -> None:
        self._pupil, self._held_to, self._teachers = pupil, held_to, teachers

    def __call__(self, batch: Batch) -> Tensor:
        return self._value(batch.inputs, batch.targets) * batch.share

    def _value(self, inputs: Any, targets: Tensor) -> Tensor:
        found = self._pupil(inputs)
        wanted = torch.split(targets, [part.shape[1] for part in found], dim=1)
        pairs = list(zip(found, wanted, strict=True))
        value = torch.stack([row_loss(*pair, self._held_to.rows) for pair in pairs[: self._teachers]]).mean()
        for student, teacher in pairs[self._teachers :]:
            value = value + self._held_to.weight * kd_loss(student, teacher, temperature=self._held_to.temperature)
        return value

    def of_all(self, batches: ItemBatches, targets: NDArray[np.float32], training: Training) -> float:
        """The mean loss of items, in evaluation mode."""
        device = next(self._pupil.parameters()).device.type
        self._pupil.eval()
        total = 0.0
        with torch.inference_mode(), autocast(device, training.precision):
            for start in range(0, len(batches), training.batch_size):
                index = np.arange(start, min(start + training.batch_size, len(batches)))
                inputs = to_device(batches.inputs(index.tolist()), device)
                wanted = torch.from_numpy(targets[index].astype(np.float32)).to(device)
                total += float(self._value(inputs, wanted)) * len(index)
        return total / len(batches)


def _targets(
    teachers: Sequence[Source], items: Sequence[Any], logits: NDArray[Any] | None, engine: Engine
) -> tuple[NDArray[np.float32], list[int]]:
    """The teachers' rows, each column standardised, and the logits, side by side; and the widths of the parts."""
    parts = [_standardised(last_rows(teacher, items, engine)) for teacher in teachers]
    if logits is not None:
        parts.append(np.asarray(logits, dtype=np.float32))
    return np.concatenate(parts, axis=1), [part.shape[1] for part in parts]


def _standardised(rows: FeatureMatrix) -> FeatureMatrix:
    deviation = rows.std(axis=0)
    standardised: FeatureMatrix = (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return standardised


def _solved_maps(rows: FeatureMatrix, targets: NDArray[np.float32], widths: Sequence[int]) -> list[nn.Linear]:
    """Ridge regression of every target on the student's rows; λ by generalised cross-validation, one for each part."""
    maps, start = [], 0
    for width in widths:
        spectrum = Spectrum.from_rows(rows, targets[:, start : start + width])
        grid = lambda_grid(spectrum)
        weight, bias = ridge_coefficients(spectrum, float(grid[gcv(spectrum, grid).mean(axis=1).argmin()]))
        layer = nn.Linear(rows.shape[1], width)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.copy_(torch.from_numpy(bias))
        maps.append(layer)
        start += width
    return maps


def _parted(n: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the items that no step sees, and of the others."""
    order = np.random.default_rng([seed, HELD_OUT]).permutation(n)
    count = max(1, min(round(VALIDATION * n), MOST_VALIDATION))
    return order[:count], order[count:]


def _check(teachers: Sequence[Source], items: Sequence[Any], logits: NDArray[Any] | None) -> None:
    if not teachers:
        raise SourceError("Distillation needs a teacher. Got none; give one source or more.")
    if len(items) < 4:
        raise DataError(f"Distillation needs at least 4 items, of which one is held out. Got {len(items)}.")
    if logits is not None and (np.ndim(logits) != 2 or len(logits) != len(items)):
        raise DataError(
            f"Distillation needs a row of logits for each of {len(items)} items. Got {np.shape(logits)} instead."
        )


def _key(student: Source, loss: DistillationLoss, training: Training, targets: NDArray[np.float32], seed: int) -> str:
    """Tells this training from others; the teachers' rows stand for the teachers and the items."""
    body = getattr(getattr(getattr(student, "body", None), "recipe", None), "key", student.info.name)
    digest = hashlib.sha256(repr(("distill", body, loss, training, seed)).encode())
    digest.update(targets.tobytes())
    return digest.hexdigest()
