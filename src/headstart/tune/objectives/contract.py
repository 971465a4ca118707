"""What an objective without labels is, and the one way in which bodies are trained on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.engine.pipeline.digest import item_digest
from headstart.errors import DataError
from headstart.sources.bodies.copies import frozen_copy
from headstart.sources.bodies.trainable import Trainable, TrainableSource, body_key, trainable
from headstart.tune.training.batches import Batch, ItemBatches
from headstart.tune.training.device import autocast, best_device
from headstart.tune.training.frozen_parts import trained_groups
from headstart.tune.training.job import Job, Outcome, ParameterGroup, check_trained
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget, Training
from headstart.types import Source

__all__ = ["FEWEST", "MadeTask", "Objective", "WithoutLabels", "held_out_items", "trained_without_labels"]

FEWEST = 20  # items
VALIDATION, MAX_VALIDATION = 0.2, 1500  # share of the items that is held out, and the largest number of them
HELD_OUT = 3  # stream of random numbers that the seed opens; batches have 0 to 2


@dataclass(frozen=True, eq=False)
class MadeTask:
    """A task that is made of items.

    Attributes:
        change: makes of a prepared item, given a random generator, what the body sees and what is asked.
        collate: makes a batch of n of these: a dictionary whose ``"inputs"`` are those of the body.
        decoder: gives answers from the body's last rows; it is not kept.
        loss: the mean loss of answers to a batch.

    Examples:
        >>> from headstart.sources import open_source
        >>> from headstart.tune.objectives.contrastive import CONTRASTIVE
        >>> source = open_source("headstart:text")
        >>> task = CONTRASTIVE.task(source.trainable(), 384, [])
        >>> first, second = task.change(source.prepare("a film that I liked"), np.random.default_rng(0))
        >>> first[0] == second[0] == 101
        np.True_
    """

    change: Callable[[Any, np.random.Generator], Any]
    collate: Callable[[Sequence[Any]], dict[str, Any]]
    decoder: nn.Module
    loss: Callable[[Tensor, dict[str, Any]], Tensor]


class Objective(Protocol):
    """Makes a task of items without labels."""

    @property
    def name(self) -> str:
        """For records and names of sources."""
        ...

    @property
    def training(self) -> Training:
        """The settings."""
        ...

    def task(self, body: Trainable, width: int, prepared: Sequence[Any]) -> MadeTask:
        """The task.

        Args:
            body: says what a prepared item is, and collates.
            width: of the body's last rows.
            prepared: the prepared items of the training.
        """
        ...


@dataclass(frozen=True, eq=False)
class WithoutLabels:
    """A body that was trained without labels.

    Attributes:
        source: the trained body.
        outcome: how the training went; its losses are those of the objective on held-out items.
        seen: (n,) positions of the items of the training.
        held_out: (m,) positions of the others, which chose the epoch.
    """

    source: TrainableSource
    outcome: Outcome
    seen: NDArray[np.intp] = field(repr=False)
    held_out: NDArray[np.intp] = field(repr=False)


def held_out_items(count: int, groups: NDArray[np.int64] | None, seed: int) -> NDArray[np.bool_]:
    """Which items are held out: a fifth, at most 1,500; items of a group stay together.

    Args:
        count: n, of all items.
        groups: (n,) codes of items that belong together; None for none.
        seed: of the choice.

    Examples:
        >>> int(held_out_items(50, None, 0).sum())
        10
        >>> held_out_items(4, np.array([0, 0, 1, 1]), 0)
        array([ True,  True, False, False])
    """
    codes = np.arange(count) if groups is None else groups
    names, sizes = np.unique(codes, return_counts=True)
    order = np.random.default_rng([seed, HELD_OUT]).permutation(len(names))
    wanted = max(2, min(round(VALIDATION * count), MAX_VALIDATION))
    chosen = names[order[: int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1]]
    found: NDArray[np.bool_] = np.isin(codes, chosen)
    return found


def trained_without_labels(
    objective: Objective,
    source: Source,
    items: Sequence[Any],
    *,
    held_out: NDArray[np.bool_] | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
) -> WithoutLabels:
    """Train a body on an objective without labels, from the weights that it has.

    Args:
        objective: makes the task.
        source: gives body and weights.
        items: 20 or more.
        held_out: (n,) which items choose the epoch; None for those of `held_out_items`.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.

    Raises:
        SourceError: if there is no body that can be trained.
        DataError: if there are too few items, or the objective is not made for items of their kind.
        TrainingError: if no epoch got below the validation loss of the start.

    Examples:
        >>> from headstart.sources.timm_architecture import timm_architecture
        >>> from headstart.tune.objectives.masked import Masked
        >>> pictures = list(np.random.default_rng(0).integers(0, 255, (24, 32, 32, 3)).astype(np.uint8))
        >>> short = Masked(Training(epochs=2, batch_size=12, learning_rate=1e-3))
        >>> found = trained_without_labels(short, timm_architecture("test_resnet", side=32), pictures)
        >>> found.source.info.name, len(found.held_out)
        ('timm:test_resnet (untrained, seed 0) (masked parts)', 5)
    """
    began = time.perf_counter()
    body = trainable(source)
    if len(items) < FEWEST:
        raise DataError(f"A training without labels needs at least {FEWEST} items. Got {len(items)}.")
    out = held_out_items(len(items), None, seed) if held_out is None else held_out
    seen, others = np.flatnonzero(~out), np.flatnonzero(out)
    training = objective.training
    sample = [source.prepare(items[k]) for k in seen[:2].tolist()]
    with torch.inference_mode():
        width = int(body.forward(body.module, body.collate(sample))[-1].shape[1])
    prepared = [source.prepare(items[k]) for k in seen.tolist()] if body.kind == "tokens" else sample
    torch.manual_seed(seed)
    task = objective.task(body, width, prepared)

    def batches(part: NDArray[np.intp]) -> ItemBatches:
        return ItemBatches(
            [items[k] for k in part], np.zeros((len(part), 1)), source.prepare, task.collate, training, seed=seed,
            augment=task.change,
        )  # fmt: skip

    network = _Decoded(body, task.decoder)
    judging = batches(others)

    def loss(batch: Batch) -> Tensor:
        return task.loss(network(batch.inputs["inputs"]), batch.inputs) * batch.share

    def validate() -> float:
        """The loss of the held-out items, whose task is the same in each epoch."""
        device, total, count = best_device(), 0.0, 0
        network.eval()
        with torch.inference_mode(), autocast(device, training.precision):
            for parts in judging.epoch(0, 0):
                for part in parts:
                    n = len(part.positions)
                    total += float(loss(replace(part, batch_size=n).to(device))) * n
                    count += n
        return total / max(count, 1)

    groups_of = trained_groups(network.parameter_groups, network.blocks, training)
    job = Job(network, groups_of, batches(seen), loss, validate)
    contents = (item_digest(item, source.info.modality) or b"unreadable" for item in items)
    key = training_key((objective, body_key(source), seed), *contents, seen.tobytes())
    left = budget.less(time.perf_counter() - began)
    outcome = run_training(job, training, key=key, items=len(seen), seed=seed, budget=left)
    check_trained(outcome, source.info.name.partition(" (")[0])
    trained = cast("TrainableSource", source)  # `trainable` raised otherwise
    made = trained.with_module(frozen_copy(network.body), f"{source.info.name} ({objective.name})")
    return WithoutLabels(cast("TrainableSource", made), outcome, seen, others)


class _Decoded(nn.Module):
    """A body, and a small network that answers from its last rows."""

    def __init__(self, body: Trainable, decoder: nn.Module) -> None:
        super().__init__()
        self.body, self.decoder, self._trainable = body.module, decoder, body

    @property
    def blocks(self) -> list[list[str]]:
        """Names of the body's parameters, by block."""
        known = dict(self.body.named_parameters())
        return [[f"body.{name}" for name in group if name in known] for group in self._trainable.groups]

    @property
    def parameter_groups(self) -> tuple[ParameterGroup, ...]:
        """The body's parameters, and those of the decoder."""
        decoder = tuple(f"decoder.{name}" for name, _ in self.decoder.named_parameters())
        return ParameterGroup(tuple(name for block in self.blocks for name in block)), ParameterGroup(decoder)

    def forward(self, inputs: Any) -> Tensor:
        """The answers, in float32."""
        rows = self._trainable.forward(self.body, inputs)[-1]
        answers: Tensor = self.decoder(rows.float()).float()
        return answers
