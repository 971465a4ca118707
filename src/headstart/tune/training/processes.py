"""Training on several processes: each takes its share of every batch, and their gradients are summed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from headstart.errors import SaveError

__all__ = ["Parallel", "statistics_of", "sum_numbers", "sum_step", "synchronise_start"]


class Parallel(Protocol):
    """One process among several that train together."""

    @property
    def rank(self) -> int:
        """This process's number, from 0."""
        ...

    @property
    def size(self) -> int:
        """How many processes there are."""
        ...

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes; all of them call it in the same order."""
        ...


def sum_numbers(parallel: Parallel | None, numbers: Sequence[float]) -> list[float]:
    """The sum of each number over all processes; the numbers themselves where there is one.

    Examples:
        >>> sum_numbers(None, [0.5, 2.0])
        [0.5, 2.0]
    """
    if parallel is None or parallel.size == 1:
        return list(numbers)
    whole = torch.tensor(numbers, dtype=torch.float64)
    parallel.sum([whole])
    return [float(value) for value in whole]


def synchronise_start(parallel: Parallel | None, module: nn.Module, step: int) -> None:
    """Give all processes the weights of the first, and see that they begin in the same step.

    Args:
        parallel: this process; None for the only one.
        module: what is trained; changed.
        step: that this process begins with.

    Raises:
        SaveError: if only some of them found a checkpoint.

    Examples:
        >>> synchronise_start(None, nn.Linear(1, 1), 0)
    """
    if parallel is None or parallel.size == 1:
        return
    mean, square = (value / parallel.size for value in sum_numbers(parallel, [step, step**2]))
    if square != mean**2:
        raise SaveError(
            "The processes that train together do not all find the checkpoint; name a folder for it on a file system "
            "that they share, or none."
        )
    values = [value.detach() for value in (*module.parameters(), *module.buffers())]
    first = [value.clone() if parallel.rank == 0 else torch.zeros_like(value) for value in values]
    parallel.sum(first)
    for value, wanted in zip(values, first, strict=True):
        value.copy_(wanted)


def statistics_of(parallel: Parallel | None, module: nn.Module) -> list[Tensor]:
    """A copy of what a step of each process may move by itself (running means), where there are several.

    Examples:
        >>> statistics_of(None, nn.BatchNorm1d(2))
        []
    """
    if parallel is None or parallel.size == 1:
        return []
    return [value.clone() for value in _statistics(module)]


def sum_step(
    parallel: Parallel | None,
    parameters: Sequence[nn.Parameter],
    module: nn.Module,
    before: Sequence[Tensor],
    numbers: Sequence[float],
) -> list[float]:
    """Sum gradients and numbers over all processes; running means move by the mean of what each one's did.

    Args:
        parallel: this process; None for the only one.
        parameters: whose gradients are summed; where one has none it counts as zero.
        module: whose running means moved in this step.
        before: them, as `statistics_of` gave them before the step.
        numbers: of this process.

    Returns:
        The sums of the numbers.

    Examples:
        >>> sum_step(None, [], nn.BatchNorm1d(2), [], [1.5])
        [1.5]
    """
    if parallel is None or parallel.size == 1:
        return list(numbers)
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    moved = [(now - was) / parallel.size for now, was in zip(_statistics(module), before, strict=True)]
    whole = torch.tensor(numbers, dtype=torch.float64)
    parallel.sum([*(parameter.grad for parameter in parameters if parameter.grad is not None), *moved, whole])
    for value, was, by in zip(_statistics(module), before, moved, strict=True):
        value.copy_(was + by)
    return [float(value) for value in whole]


def _statistics(module: nn.Module) -> list[Tensor]:
    return [value.detach() for value in module.buffers() if value.is_floating_point()]
