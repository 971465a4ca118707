"""Where a training runs, and in which number format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, Protocol, Self, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from headstart.engine.backends.cuda import cuda_half_precision
from headstart.engine.backends.torch_cpu import cpu_has_bf16
from headstart.tune.training.settings import Precision

M = TypeVar("M", bound=nn.Module)

__all__ = [
    "MovesToDevice", "autocast", "best_device", "channels_last", "number_format", "set_training", "to_device",
    "training_mode",
]  # fmt: skip


@runtime_checkable
class MovesToDevice(Protocol):
    """A batch that knows which of its parts belong on a device.

    Examples:
        >>> isinstance(torch.ones(1), MovesToDevice), isinstance("text", MovesToDevice)
        (True, False)
    """

    def to(self, device: str) -> Self:
        """The same on a device."""
        ...


def best_device() -> str:
    """``"cuda"`` where there is such a GPU, else ``"cpu"``.

    Examples:
        >>> best_device() in ("cuda", "cpu")
        True
    """
    return "cuda" if torch.cuda.is_available() else "cpu"


def autocast(device: str, precision: Precision) -> AbstractContextManager[object]:
    """A context in which products run in bf16 where that is wanted and the machine multiplies in it by itself.

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


def number_format(device: str, precision: Precision) -> Literal["bf16", "fp32"]:
    """The format that products run in: ``"auto"`` is bf16 where the machine multiplies in it by itself.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        precision: what is wanted.

    Examples:
        >>> number_format("cpu", "fp32")
        'fp32'
    """
    if precision != "auto":
        return precision
    native = cpu_has_bf16() if device == "cpu" else cuda_half_precision() == "bf16"
    return "bf16" if native else "fp32"


def to_device(batch: Any, device: str) -> Any:
    """Tensors, mappings and lists of them, and batches on a device.

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
    """The module with its convolutions' weights laid out channels last, in which bf16 convolutions are quickest.

    Examples:
        >>> channels_last(nn.Conv2d(2, 3, 3)).weight.is_contiguous(memory_format=torch.channels_last)
        True
    """
    return module.to(memory_format=torch.channels_last)


@contextmanager
def training_mode(module: nn.Module, *, batch_statistics: bool = True) -> Iterator[None]:
    """Training mode for what moves; what is frozen stays in evaluation mode, so that its statistics do not move.

    The frozen normalisation in training mode is the classic trap: it forgets its statistics while its gain stays.

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
    """Training mode for the parts of which a parameter requires a gradient, evaluation mode for all others.

    Args:
        module: body and head.
        batch_statistics: False leaves all batch normalisations in evaluation mode too; their gains and biases move.

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
