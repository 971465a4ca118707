"""Data-parallel training: each process takes its share of every batch, and the gradients are summed."""

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
    """The sum of each number over all processes; the numbers themselves if there is only one process.

    Examples:
        >>> sum_numbers(None, [0.5, 2.0])
        [0.5, 2.0]
    """
    if parallel is None or parallel.size == 1:
        return list(numbers)
    sums = torch.tensor(numbers, dtype=torch.float64)
    parallel.sum([sums])
    return [float(value) for value in sums]


def synchronise_start(parallel: Parallel | None, module: nn.Module, step: int) -> None:
    """Give all processes the weights of the first one, and check that they start at the same step.

    Args:
        parallel: this process; None if it is the only one.
        module: what is trained; changed in place.
        step: the step that this process starts at.

    Raises:
        SaveError: if only some of them found a checkpoint.

    Examples:
        >>> synchronise_start(None, nn.Linear(1, 1), 0)
    """
    if parallel is None or parallel.size == 1:
        return
    # The steps are equal if and only if their variance E[s²] - E[s]² is 0; both sums are exact in float64.
    mean, square = (value / parallel.size for value in sum_numbers(parallel, [step, step**2]))
    if square != mean**2:
        raise SaveError(
            "Only some of the processes that train together found the checkpoint; give a folder on a file system that "
            "they all share, or no folder."
        )
    # A broadcast by the one operation that `Parallel` has: the first process adds its weights, all others add zeros.
    values = [value.detach() for value in (*module.parameters(), *module.buffers())]
    first = [value.clone() if parallel.rank == 0 else torch.zeros_like(value) for value in values]
    parallel.sum(first)
    for value, wanted in zip(values, first, strict=True):
        value.copy_(wanted)


def statistics_of(parallel: Parallel | None, module: nn.Module) -> list[Tensor]:
    """A copy of the running statistics, which each process updates on its own; empty if there is only one process.

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
    """Sum gradients and numbers over all processes; running statistics change by the mean change over the processes.

    Args:
        parallel: this process; None if it is the only one.
        parameters: the parameters whose gradients are summed; a missing gradient counts as zero.
        module: the module whose running statistics changed in this step.
        before: the running statistics before the step, from `statistics_of`.
        numbers: numbers of this process.

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
    changes = [(now - was) / parallel.size for now, was in zip(_statistics(module), before, strict=True)]
    sums = torch.tensor(numbers, dtype=torch.float64)
    parallel.sum([*(parameter.grad for parameter in parameters if parameter.grad is not None), *changes, sums])
    for value, was, change in zip(_statistics(module), before, changes, strict=True):
        value.copy_(was + change)
    return [float(value) for value in sums]


def _statistics(module: nn.Module) -> list[Tensor]:
    return [value.detach() for value in module.buffers() if value.is_floating_point()]
