"""Device, number format and mode of a training: CUDA or CPU, bf16 or float32, training or evaluation mode."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from headstart.engine.backends.cuda import cuda_half_precision
from headstart.engine.backends.torch_cpu import cpu_has_bf16
from headstart.tune.training.settings import Precision

M = TypeVar("M", bound=nn.Module)

__all__ = [
    "MovesToDevice", "autocast", "best_device", "channels_last", "number_format", "only_trained", "seed_draws",
    "set_training", "step_seed", "to_device", "training_mode",
]  # fmt: skip


@runtime_checkable
class MovesToDevice(Protocol):
    """A batch with a ``to`` method that moves its tensors to a device.

    Examples:
        >>> isinstance(torch.ones(1), MovesToDevice), isinstance("text", MovesToDevice)
        (True, False)
    """

    def to(self, device: str) -> Self:
        """The same batch on a device."""
        ...


def best_device() -> str:
    """``"cuda"`` if a CUDA GPU is available, else ``"cpu"``.

    Examples:
        >>> best_device() in ("cuda", "cpu")
        True
    """
    return "cuda" if torch.cuda.is_available() else "cpu"


def autocast(device: str, precision: Precision) -> AbstractContextManager[object]:
    """A context in which matrix products run in bf16, if `number_format` says so.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        precision: ``"auto"``, ``"bf16"`` or ``"fp32"``.

    Examples:
        >>> with autocast("cpu", "bf16"):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    short = number_format(device, precision) == "bf16"
    return torch.autocast(device, torch.bfloat16) if short else nullcontext()


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of the draws of a step, which differs from process to process.

    Args:
        seed: of the training.
        step: its number.
        rank: of the process.

    Examples:
        >>> step_seed(0, 1, 0) == step_seed(0, 1, 0), step_seed(0, 1, 0) == step_seed(0, 2, 0)
        (True, False)
    """
    parts = [seed, step, rank] if rank else [seed, step]
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def seed_draws(seed: int, device: str) -> None:
    """Seed what is drawn on a device, such as dropout.

    ``torch.manual_seed`` seeds devices of every kind. For a kind that is not in use it notes the call together with the
    stack, which takes longer than a step of a small body and is kept until the process ends.

    Args:
        seed: an integer.
        device: ``"cpu"`` or ``"cuda"``.

    Examples:
        >>> seed_draws(3, "cpu")
        >>> torch.rand(()) == torch.rand((), generator=torch.Generator().manual_seed(3))
        tensor(True)
    """
    if device == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def number_format(device: str, precision: Precision) -> Literal["bf16", "fp32"]:
    """The number format of matrix products: ``"auto"`` is bf16 if the hardware multiplies in it, else float32.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        precision: ``"auto"``, ``"bf16"`` or ``"fp32"``.

    Examples:
        >>> number_format("cpu", "fp32")
        'fp32'
    """
    if precision != "auto":
        return precision
    native = cpu_has_bf16() if device == "cpu" else cuda_half_precision() == "bf16"
    return "bf16" if native else "fp32"


def to_device(batch: Any, device: str) -> Any:
    """Move tensors, dictionaries and lists of them, and batches to a device; other values are returned unchanged.

    Examples:
        >>> to_device({"x": torch.ones(1)}, "cpu")
        {'x': tensor([1.])}
    """
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return type(batch)((name, to_device(value, device)) for name, value in batch.items())
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch.to(device) if isinstance(batch, MovesToDevice) else batch


def channels_last(module: M) -> M:
    """The module with the weights of its 2-d convolutions in channels-last layout, the fastest for bf16.

    Examples:
        >>> channels_last(nn.Conv2d(2, 3, 3)).weight.is_contiguous(memory_format=torch.channels_last)
        True
    """
    return module.to(memory_format=torch.channels_last)


@contextmanager
def only_trained(module: nn.Module, names: Collection[str]) -> Iterator[None]:
    """Only the named parameters require gradients; on exit the former state is restored, without gradients.

    Args:
        module: body and head.
        names: of the parameters that are trained.

    Examples:
        >>> body = nn.Linear(2, 2)
        >>> with only_trained(body, ["bias"]):
        ...     body.weight.requires_grad, body.bias.requires_grad
        (False, True)
        >>> body.weight.requires_grad
        True
    """
    before = {name: parameter.requires_grad for name, parameter in module.named_parameters()}
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in names)
    try:
        yield
    finally:
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(before.get(name, True))
            parameter.grad = None


@contextmanager
def training_mode(module: nn.Module, *, batch_statistics: bool = True) -> Iterator[None]:
    """Training mode for trained parts; frozen parts stay in evaluation mode, so that their statistics are not updated.

    Frozen batch normalisation in training mode is a common mistake: its statistics would drift while its gain stays.

    Examples:
        >>> body = nn.Sequential(nn.BatchNorm1d(2).requires_grad_(False), nn.Linear(2, 2))
        >>> with training_mode(body):
        ...     body[0].training, body[1].training
        (False, True)
        >>> body[1].training
        False
    """
    set_training(module, batch_statistics=batch_statistics)
    try:
        yield
    finally:
        module.eval()


def set_training(module: nn.Module, *, batch_statistics: bool = True) -> None:
    """Training mode for submodules with a parameter that requires a gradient, evaluation mode for all others.

    Args:
        module: body and head.
        batch_statistics: False puts all batch normalisations into evaluation mode; their gains and biases may still be
            trained.

    Examples:
        >>> body = nn.Sequential(nn.BatchNorm1d(2).requires_grad_(False), nn.Linear(2, 2))
        >>> set_training(body)
        >>> body[0].training, body[1].training
        (False, True)
    """
    module.train()
    for part in module.modules():
        own = list(part.parameters())
        kept = isinstance(part, nn.modules.batchnorm._BatchNorm) and not batch_statistics
        if own and (kept or not any(parameter.requires_grad for parameter in own)):
            part.eval()
