"""Learning rate range test: the loss over one short training in which the rate grows exponentially.

References: Smith 2017, "Cyclical Learning Rates for Training Neural Networks"; Howard & Gugger 2020, "fastai: A Layered
API for Deep Learning", whose rules "valley" and "steep" choose a rate from the smoothed curve.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from headstart.io import atomic_file
from headstart.reporting import Progress
from headstart.tune.training.device import (
    autocast,
    best_device,
    only_trained,
    seed_draws,
    set_training,
    step_seed,
    to_device,
    training_mode,
)
from headstart.tune.training.job import Job
from headstart.tune.training.optimizer import make_optimizer
from headstart.tune.training.settings import Training

__all__ = ["RangeTest", "range_test", "smoothed", "steepest", "valley"]

LOWEST, HIGHEST, STEPS = 1e-7, 1.0, 100
SGD_FACTOR = 10.0  # its rates are about ten times as large, as in the defaults
MEMORY = 0.98  # decay of the running mean of the losses
DIVERGED = 4.0  # times the least smoothed loss, above which the test ends
FIRST, LAST = 0.1, 5  # share of the steps at the start and number at the end that no rate is taken from
ERRORS = 2.0  # standard errors of the first losses, by which the loss has to fall

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RangeTest:
    """The curve of a range test and the rate that it suggests.

    Attributes:
        rates: (m,) learning rate of each step.
        losses: (m,) loss of each step's batch.
        smoothed: (m,) running means of the losses.
        rate: by the rule "valley"; None where the loss did not fall.
        steepest: by the rule "steep", for comparison; None as for ``rate``.
        cut: whether the time limit ended the test, so that no rate is taken from it.

    Examples:
        >>> rates = np.geomspace(1e-4, 1.0, 50)
        >>> losses = 1.0 - 0.5 * np.exp(-((np.log10(rates) + 1.5) ** 2))
        >>> found = RangeTest.of(rates, losses)
        >>> 1e-3 < found.rate < 1e-1, RangeTest.of(rates, np.ones(50)).sentence[:42]
        (True, 'The range test found no rate at which the ')
    """

    rates: Array
    losses: Array
    smoothed: Array
    rate: float | None
    steepest: float | None
    cut: bool = False

    @classmethod
    def of(cls, rates: Sequence[float] | Array, losses: Sequence[float] | Array, *, cut: bool = False) -> RangeTest:
        """The suggestion of a curve.

        Args:
            rates: (m,) learning rate of each step, rising.
            losses: (m,) loss of each step's batch.
            cut: whether the time limit ended the test.
        """
        x, y = np.asarray(rates, dtype=np.float64), np.asarray(losses, dtype=np.float64)
        mean = smoothed(y)
        first = math.ceil(FIRST * len(x))
        part = slice(first, max(len(x) - LAST, first))
        if cut or not _falls(y, mean, part):
            return cls(x, y, mean, None, None, cut)
        return cls(x, y, mean, valley(x[part], mean[part]), steepest(x[part], mean[part]))

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        if self.cut:
            return f"The time limit ended the range test after {len(self.rates)} steps, so the default rate is used."
        if not len(self.rates):
            return "The range test found no loss at its first step that is a number, so the default rate is used."
        tried = f"{len(self.rates)} steps from {self.rates[0]:.1e} to {self.rates[-1]:.1e}"
        if self.rate is None or self.steepest is None:
            return f"The range test found no rate at which the loss falls ({tried}), so the default rate is used."
        return (
            f"The range test suggests the learning rate {self.rate:.1e} (the middle of the longest fall of the loss, "
            f"which is steepest at {self.steepest:.1e}; {tried})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the record of a run."""
        columns = {name: getattr(self, name).tolist() for name in ("rates", "losses", "smoothed")}
        return {**columns, "rate": self.rate, "steepest": self.steepest, "sentence": self.sentence}

    def write(self, path: Path) -> None:
        """Write the curve as a table of CSV: rate, loss and smoothed loss of each step."""
        with atomic_file(path) as scratch, scratch.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("rate", "loss", "smoothed"))
            writer.writerows(zip(self.rates.tolist(), self.losses.tolist(), self.smoothed.tolist(), strict=True))


def _falls(losses: Array, mean: Array, part: slice) -> bool:
    """Whether the smoothed loss falls below the losses of the first steps, at rates too small to change anything."""
    first = losses[: part.start]
    if len(first) < 2 or part.stop - part.start < 3:
        return False
    error = float(first.std(ddof=1)) / math.sqrt(len(first))
    return bool(mean[part].min() < first.mean() - max(ERRORS * error, 1e-6 * abs(float(first.mean()))))


def smoothed(losses: Array, memory: float = MEMORY) -> Array:
    """Running means whose weights fall by ``memory`` from step to step, corrected for their start at 0.

    Args:
        losses: (m,) losses.
        memory: decay in [0, 1).

    Examples:
        >>> smoothed(np.array([1.0, 1.0, 4.0]), 0.5).round(4).tolist()
        [1.0, 1.0, 2.7143]
    """
    total, found = 0.0, []
    for step, loss in enumerate(np.asarray(losses, dtype=np.float64).tolist(), start=1):
        total = memory * total + (1 - memory) * loss
        found.append(total / (1 - memory**step))
    return np.array(found)


def valley(rates: Array, losses: Array) -> float:
    """The rate at half the length of the longest falling part of a curve.

    The falling part is the longest sequence of ever smaller losses, not necessarily of neighbours.

    Args:
        rates: (m,) rising.
        losses: (m,) smoothed.

    Examples:
        >>> valley(np.arange(1.0, 9.0), np.array([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 5.0]))
        3.0
    """
    n = len(losses)
    lengths = np.ones(n, dtype=np.intp)
    end = 0
    for k in range(1, n):
        earlier = lengths[:k][losses[:k] > losses[k]]
        lengths[k] = 1 + (int(earlier.max()) if len(earlier) else 0)
        if lengths[k] > lengths[end]:
            end = k
    start = end - int(lengths[end])
    third = (end - start) / 3
    return float(rates[max(start + int(third) + int(third / 2), 0)])


def steepest(rates: Array, losses: Array) -> float:
    """The rate at which the loss falls fastest over the logarithm of the rate.

    Args:
        rates: (m,) rising.
        losses: (m,) smoothed.

    Examples:
        >>> steepest(np.array([1.0, 10.0, 100.0]), np.array([3.0, 2.9, 1.0]))
        10.0
    """
    return float(rates[int((np.diff(losses) / np.diff(np.log(rates))).argmin())])


def range_test(
    job: Job,
    training: Training,
    *,
    seed: int = 0,
    steps: int = STEPS,
    lowest: float = LOWEST,
    highest: float | None = None,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> RangeTest:
    """Train for a few steps at an exponentially growing rate, and put the weights of the start back.

    The test ends early where the smoothed loss is more than four times its least value, or is not finite.

    Args:
        job: what would be trained.
        training: the settings; its schedule, epochs, moving average and learning rate are not used.
        seed: of the order of the items and of all other random numbers.
        steps: at most.
        lowest: first rate.
        highest: last rate; None for 1, and for 10 with SGD.
        seconds: time limit, after which the test is given up; None for no limit.
        progress: called with the number of steps done and the total number.

    Examples:
        >>> from headstart.tune.training.batches import ItemBatches
        >>> from headstart.tune.training.job import ParameterGroup
        >>> x, _ = torch.linspace(-1, 1, 64)[:, None], torch.manual_seed(0)
        >>> body, settings = nn.Linear(1, 1), Training(precision="fp32", batch_size=64)
        >>> before = body.weight.item()
        >>> batches = ItemBatches(list(x), 3 * x.numpy(), lambda item: item, torch.stack, settings, seed=0)
        >>> def loss(batch):
        ...     return ((body(batch.inputs) - batch.targets) ** 2).mean()
        >>> found = range_test(Job(body, (ParameterGroup(("weight", "bias")),), batches, loss), settings)
        >>> 1e-4 < found.rate < 1, body.weight.item() == before
        (True, True)
    """
    top = HIGHEST * (SGD_FACTOR if training.optimizer == "sgd" else 1.0) if highest is None else highest
    rates = np.geomspace(lowest, top, steps)
    job.module.to(best_device())
    names = dict(job.module.named_parameters())
    trained = {name: names[name] for group in job.groups for name in group.names}
    devices = [torch.cuda.current_device()] if best_device() == "cuda" else []
    losses: list[float] = []
    cut, began = False, time.perf_counter()
    with torch.random.fork_rng(devices=devices), only_trained(job.module, trained), _restored(job.module):
        optimizer = make_optimizer(names, job.groups, replace(training, learning_rate=None))
        with training_mode(job.module, batch_statistics=training.batch_statistics):
            set_training(job.module, batch_statistics=training.batch_statistics)
            for step, batch in zip(range(steps), _batches(job), strict=False):
                for group in optimizer.param_groups:
                    group["lr"] = float(rates[step]) * job.groups[group["number"]].rate
                seed_draws(step_seed(seed, step, 0), best_device())
                losses.append(_step(job, training, optimizer, trained, batch))
                if progress is not None:
                    progress(step + 1, steps, f"rate {rates[step]:.1e}, loss {losses[-1]:.3f}")
                mean = smoothed(np.array(losses))
                if not math.isfinite(losses[-1]) or mean[-1] > DIVERGED * abs(mean.min()):
                    break
                cut = seconds is not None and step + 1 < steps and time.perf_counter() - began > seconds
                if cut:
                    break
    kept = len(losses) - (not math.isfinite(losses[-1])) if losses else 0
    job.module.to("cpu").eval()
    return RangeTest.of(rates[:kept], np.array(losses[:kept]), cut=cut)


def _batches(job: Job) -> Iterator[Sequence[Any]]:
    """The batches of one epoch after the other."""
    number = 0
    while job.batches.steps:
        yield from job.batches.epoch(number, 0)
        number += 1


def _step(
    job: Job, training: Training, optimizer: torch.optim.Optimizer, trained: Mapping[str, nn.Parameter],
    batch: Sequence[Any],
) -> float:  # fmt: skip
    """One step of the optimiser; returns the loss of the batch, which is not finite where the step was not made."""
    device = best_device()
    optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for part in batch:
        with autocast(device, training.precision):
            loss = job.loss(to_device(part, device))
        total += float(loss.detach())
        if not math.isfinite(total):
            return total
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
    norm = nn.utils.clip_grad_norm_(trained.values(), training.clip or math.inf)
    if not torch.isfinite(norm):
        return math.nan
    optimizer.step()
    return total


@contextmanager
def _restored(module: nn.Module) -> Iterator[None]:
    """Parameters, statistics and gradients are what they were when the context is left."""
    before = {name: value.detach().clone() for name, value in [*module.named_parameters(), *module.named_buffers()]}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, value in [*module.named_parameters(), *module.named_buffers()]:
                value.copy_(before[name])
        module.zero_grad(set_to_none=True)
