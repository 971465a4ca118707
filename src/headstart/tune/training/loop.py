"""The one training loop, for strategies, source tasks and distillation.

The order of items, dropout and all other random numbers depend only on the seed and the number of the step. So a killed
training that resumes from its checkpoint ends with the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from headstart.tune.training.checkpoint import read_state, write_state
from headstart.tune.training.clock import TrainingClock
from headstart.tune.training.device import (
    autocast,
    number_format,
    only_trained,
    seed_draws,
    set_training,
    step_seed,
    to_device,
    training_mode,
)
from headstart.tune.training.job import Job, Outcome, Stopped
from headstart.tune.training.log import TrainingLog
from headstart.tune.training.optimizer import base_rate, make_optimizer, optimizer_state, restore_optimizer
from headstart.tune.training.processes import statistics_of, sum_numbers, sum_step, synchronise_start
from headstart.tune.training.schedules import schedule_factor
from headstart.tune.training.settings import Budget, Training

__all__ = ["train"]

DIVERGED = 10.0  # the running mean of the loss relative to the first losses, above which training stops
MEMORY = 0.95  # decay of that running mean


def train(
    job: Job, training: Training, *, seed: int = 0, budget: Budget = Budget(), key: str = "", items: int = 0
) -> Outcome:
    """Train a module; at the end it holds the weights with the least validation loss, which may be those of the start.

    Training stops if the loss is not finite or rises to ten times its first values; the best weights so far are kept.

    Args:
        job: what is trained.
        training: the settings.
        seed: of the order of the items and of all other random numbers.
        budget: time limit, checkpoints and logs.
        key: identifies this training; a checkpoint with another key, or in another number format, is not resumed.
        items: training items in an epoch; only the reported speed depends on it.

    Returns:
        How it went.

    Raises:
        SaveError: if a checkpoint cannot be written; the one before is still there.

    Examples:
        >>> from headstart.tune.training.batches import ItemBatches
        >>> from headstart.tune.training.job import ParameterGroup
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> body, settings = nn.Linear(1, 1), Training(epochs=50, learning_rate=0.1, precision="fp32")
        >>> batches = ItemBatches(list(x), 3 * x.numpy(), lambda item: item, torch.stack, settings, seed=0)
        >>> def loss(batch):
        ...     return ((body(batch.inputs) - batch.targets) ** 2).mean()
        >>> job = Job(body, (ParameterGroup(("weight", "bias")),), batches, loss)
        >>> train(job, settings).stopped
        'done'
        >>> abs(body.weight.item() - 3) < 0.2
        True
    """
    run = _Run(job, training, seed, budget, key)
    devices = [torch.cuda.current_device()] if run.device == "cuda" else []
    logs = budget.logs if budget.parallel is None or budget.parallel.rank == 0 else None
    random, frozen = torch.random.fork_rng(devices=devices), only_trained(job.module, run.trained)
    with random, frozen, TrainingLog(logs, run.history, budget.on_epoch) as log:
        run.begin()
        while run.stopped is None:
            run.epoch(log)
        run.end()
    return run.outcome(items)


class _Run:
    """A training in progress, with the state that a checkpoint holds."""

    def __init__(self, job: Job, training: Training, seed: int, budget: Budget, key: str) -> None:
        self._job, self._training, self._seed, self._budget, self._key = job, training, seed, budget, key
        self._parameters = dict(job.module.named_parameters())
        self.trained = {name: self._parameters[name] for group in job.groups for name in group.names}
        self.device = next(iter(self._parameters.values())).device.type
        self._format = number_format(self.device, training.precision)
        self._optimizer = make_optimizer(self._parameters, job.groups, training)
        self._steps = job.batches.steps
        self._total = training.epochs * self._steps
        self._ema: dict[str, Tensor] | None = None
        self._best: dict[str, Tensor] = {}
        self._best_loss = self._start_loss = math.inf
        self._running = self._first = math.nan
        self.history: list[dict[str, float]] = []
        self._losses: list[float] = []  # of the steps of this epoch
        self._stale, self._note = 0, ""
        self._clock, self._written = TrainingClock(budget.seconds, budget.watch), time.perf_counter()
        self.step = 0
        self.stopped: Stopped | None = None
        if budget.folder is not None:
            self._restore(read_state(budget.folder))

    @property
    def _share(self) -> float:
        """How much of the training is over, by steps or by time, whichever is larger."""
        return max(self.step / max(self._total, 1), self._clock.share)

    def begin(self) -> None:
        """Validate the start, whose weights are kept until better ones are found."""
        synchronise_start(self._budget.parallel, self._job.module, self.step)
        if self.step == 0 and not self._best:
            if self._training.ema:
                self._ema = {name: value.detach().clone() for name, value in self._averaged_tensors().items()}
            self._timed_validation()
            self._start_loss = self._best_loss
            self._best_loss = math.inf if self._training.keep_trained else self._start_loss
        if self._clock.is_over and self.step < self._total:
            self.stopped = self.stopped or self._clock.reason

    def epoch(self, log: TrainingLog) -> None:
        """Train to the end of the current epoch, which a resumed training enters in the middle."""
        number, start = divmod(self.step, self._steps)
        with training_mode(self._job.module, batch_statistics=self._training.batch_statistics):
            for batch in self._job.batches.epoch(number, start):
                loss = self._train_step(batch)
                if self.stopped is not None:
                    break
                self._losses.append(loss)
                self._report_progress(loss)
                if self._clock.is_over and self.step < self._total:
                    self.stopped = self._clock.reason
                    break
                if time.perf_counter() - self._written > self._budget.checkpoint_seconds and self.step % self._steps:
                    self._write()
        if self.stopped != "diverged":
            self._close_epoch(log)
        self._write()

    def _close_epoch(self, log: TrainingLog) -> None:
        better = self._timed_validation()
        self._stale = 0 if better else self._stale + 1
        row = {
            "epoch": self.step / self._steps,
            "step": float(self.step),
            "loss": float(np.mean(self._losses)) if self._losses else math.nan,
            "validation_loss": self._last_loss,
            "rate": self._rate(),
            "seconds": self._clock.seconds,
            **self._measured(),
        }
        self.history.append(row)
        self._losses = []
        go_on = log.row(row)
        if self.stopped is None and self.step >= self._total:
            self.stopped = "done"
        elif self.stopped is None and self._clock.is_over:
            self.stopped = self._clock.reason
        elif self.stopped is None and (not go_on or 0 < self._training.patience <= self._stale):
            self.stopped = "no longer better" if go_on else "asked to end"

    def _measured(self) -> Mapping[str, float]:
        if self._job.measure is None or self._rank > 0:
            return {}
        with self._averaged():
            return self._job.measure()

    def _rate(self) -> float:
        return base_rate(self._training) * schedule_factor(self._training.schedule, self._share, self._training.warmup)

    def _train_step(self, batch: Sequence[Any]) -> float:
        """One step of the optimiser; returns the loss of the batch."""
        seed_draws(step_seed(self._seed, self.step, self._rank), self.device)
        self._unfreeze_due()
        rate = self._rate()
        for group in self._optimizer.param_groups:
            group["lr"] = rate * self._job.groups[group["number"]].rate
        self._optimizer.zero_grad(set_to_none=True)
        total, reason, before = 0.0, "", statistics_of(self._budget.parallel, self._job.module)
        for part in batch:
            moved = to_device(part, self.device)
            with autocast(self.device, self._training.precision):
                loss = self._job.loss(moved)
            total += float(loss.detach())
            if not math.isfinite(total):
                reason = self._reason(moved, float(loss.detach()))
                break
            if loss.requires_grad:  # False if every parameter in it is still frozen
                loss.backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
        total = self._sum_over_processes(total, before)
        if not math.isfinite(total):
            return self._diverge(reason or f"the loss became {total} in another process")
        norm = nn.utils.clip_grad_norm_(self.trained.values(), self._training.clip or math.inf)
        if not torch.isfinite(norm):
            return self._diverge("the gradient is no longer finite; a smaller learning rate may help")
        self._skip_zero_rates()
        self._optimizer.step()
        self.step += 1
        self._update_average()
        return self._check_divergence(total)

    def _skip_zero_rates(self) -> None:
        """Do not step parameters at rate 0, as at the start of a warm-up: AdamW would update its moments and count."""
        for group in self._optimizer.param_groups:
            if group["lr"] == 0.0:
                for parameter in group["params"]:
                    parameter.grad = None

    def _unfreeze_due(self) -> None:
        """Unfreeze the groups that are due; until then a group has no gradients, and its statistics stay fixed."""
        frozen = tuple(group.begin > self._share for group in self._job.groups)
        if frozen == self._frozen:
            return
        self._frozen = frozen
        for group, is_frozen in zip(self._job.groups, frozen, strict=True):
            for name in group.names:
                self._parameters[name].requires_grad_(not is_frozen)
        set_training(self._job.module, batch_statistics=self._training.batch_statistics)

    _frozen: tuple[bool, ...] = ()

    @property
    def _rank(self) -> int:
        return 0 if self._budget.parallel is None else self._budget.parallel.rank

    def _sum_over_processes(self, total: float, before: Sequence[Tensor]) -> float:
        """Sum loss and gradients of the batch over all processes, and take the mean of their clocks."""
        trained = [parameter for parameter in self.trained.values() if parameter.requires_grad]
        own = (total, self._clock.seconds)
        loss, seconds = sum_step(self._budget.parallel, trained, self._job.module, before, own)
        self._clock.finish_step(seconds / self._processes)
        return loss

    @property
    def _processes(self) -> int:
        return 1 if self._budget.parallel is None else self._budget.parallel.size

    def _update_average(self) -> None:
        """Update the moving average of the weights: m <- d m + (1 - d) w."""
        if self._ema is None:
            return
        decay = min(self._training.ema, (1 + self.step) / (10 + self.step))  # less at first, to forget the start
        for name, value in self._averaged_tensors().items():
            self._ema[name].lerp_(value.detach(), 1 - decay)

    def _averaged_tensors(self) -> dict[str, Tensor]:
        """What is averaged: the trained parameters, and the normalisation statistics that belong to them."""
        buffers = {name: value for name, value in self._job.module.named_buffers() if value.is_floating_point()}
        return {**self.trained, **buffers}

    def _check_divergence(self, loss: float) -> float:
        """Compare the running mean of the loss with the largest of the first five losses."""
        self._running = loss if math.isnan(self._running) else MEMORY * self._running + (1 - MEMORY) * loss
        self._first = loss if math.isnan(self._first) else max(self._first, loss) if self.step <= 5 else self._first
        if self._running > DIVERGED * max(self._first, 0.1):
            reason = f"the loss rose from {self._first:.3g} to {self._running:.3g}; lower the learning rate"
            return self._diverge(reason, self.step)
        return loss

    def _reason(self, part: Any, loss: float) -> str:
        found = self._job.diagnose(part) if self._job.diagnose is not None else ""
        return found or f"the loss became {loss}; a smaller learning rate may help"

    def _diverge(self, reason: str, step: int | None = None) -> float:
        self.stopped = "diverged"
        kept = "those of the start" if self._kept_epoch == 0 else "the best ones before it"
        if self._job.validate is None and self.history:
            kept = "those of the last complete epoch"
        self._note = f"Training stopped in step {step or self.step + 1}: {reason}. The weights kept are {kept}."
        return math.nan

    def _timed_validation(self) -> bool:
        """Validate as in `_validate`, and note how long it took."""
        began = self._clock.seconds
        better = self._validate()
        own = [self._clock.seconds - began, self._clock.seconds]
        total = sum_numbers(self._budget.parallel, own)
        self._clock.validation, self._clock.now = (value / self._processes for value in total)
        return better

    def _validate(self) -> bool:
        """Validate, and keep the weights if they are the best so far; returns whether they are."""
        with self._averaged():
            if self._job.validate is None:
                self._last_loss, self._kept_epoch = math.nan, self.step / self._steps
                self._best = self._snapshot()
                return True
            own = self._job.validate() if self._rank == 0 else 0.0
            self._last_loss = sum_numbers(self._budget.parallel, [own])[0]
            better = not self._best or self._last_loss < self._best_loss
            if better:
                self._kept_epoch = self.step / self._steps
                self._best, self._best_loss = self._snapshot(), self._last_loss
            return better

    _last_loss = math.nan
    _kept_epoch = 0.0

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The module holds the moving average of the weights, if there is one, until the context is left."""
        if self._ema is None:
            yield
            return
        averaged = self._averaged_tensors()
        own = {name: value.detach().clone() for name, value in averaged.items()}
        _copy(self._ema, averaged)
        try:
            yield
        finally:
            _copy(own, averaged)

    def _snapshot(self) -> dict[str, Tensor]:
        values = {**self.trained, **dict(self._job.module.named_buffers())}
        return {name: value.detach().clone() for name, value in values.items()}

    def _report_progress(self, loss: float) -> None:
        if self._budget.progress is not None:
            share = self._share
            left = self._clock.seconds * (1 - share) / max(share, 1e-9)
            detail = f"epoch {self.step // self._steps + 1}, loss {loss:.3f}, {left:.0f} s left"
            self._budget.progress(self.step, self._total, detail)

    def _write(self) -> None:
        self._written = time.perf_counter()
        if self._budget.folder is None or self._rank > 0:
            return
        groups: dict[str, Mapping[str, Tensor]] = {
            "now": self._snapshot(), "best": self._best, "mean": self._ema or {},
            "optimizer": optimizer_state(self._optimizer),
        }  # fmt: skip
        tensors = {f"{group}:{name}": value for group, found in groups.items() for name, value in found.items()}
        facts = {name: getattr(self, name) for name in FACTS} | {"clock": self._clock.facts()}
        facts |= {"key": self._key, "format": self._format, "step": self.step, "spent": self._clock.seconds}
        write_state(self._budget.folder, tensors, facts)

    def _restore(self, state: tuple[dict[str, Tensor], dict[str, Any]] | None) -> None:
        if state is None or not state[1].keys() >= {*FACTS, "key", "format", "step", "spent"}:
            return
        tensors, facts = state
        if (facts["key"], facts["format"]) != (self._key, self._format):
            return

        def group(name: str) -> dict[str, Tensor]:
            return {k.split(":", 1)[1]: v.to(self.device) for k, v in tensors.items() if k.split(":", 1)[0] == name}

        self._put(group("now"))
        self._best, self._ema = group("best"), group("mean") or None
        restore_optimizer(self._optimizer, group("optimizer"))
        for name in FACTS:
            setattr(self, name, facts[name])
        self.step = facts["step"]
        self._clock.resume(facts["spent"], facts.get("clock", {}))
        if self.stopped == "time" and not self._clock.is_over:
            self.stopped = None  # this call has a longer time limit

    def _put(self, values: Mapping[str, Tensor]) -> None:
        _copy(values, {**self._parameters, **dict(self._job.module.named_buffers())})

    def end(self) -> None:
        """Hand out the last weights where others are kept, and load those that are kept into the module."""
        if self._kept_epoch != self.step / max(self._steps, 1) and self.stopped != "diverged":
            with self._averaged():
                self._job.last(self._snapshot())
        self._put(self._best)

    def outcome(self, items: int) -> Outcome:
        """How it went."""
        seconds, kept = self._clock.seconds, self._best_loss if self._kept_epoch else self._start_loss
        seen = items * self.step / max(self._steps, 1)
        return Outcome(
            self.stopped or "done", math.ceil(self.step / max(self._steps, 1)), self.step,
            kept if self._job.validate else math.nan, self._start_loss if self._job.validate else math.nan,
            seconds, seen / max(seconds, 1e-9), tuple(self.history), self._note, self._kept_epoch,
        )  # fmt: skip


FACTS = (  # plain values that a checkpoint holds
    "_best_loss", "_start_loss", "_running", "_first", "_stale", "_losses", "_note", "_kept_epoch", "history",
    "stopped",
)  # fmt: skip


def _copy(values: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in values.items():
            targets[name].copy_(value)
