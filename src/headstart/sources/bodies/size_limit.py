"""Limits on the size of a body: a configuration may ask for any size, so it is checked against the stored weights."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import SourceError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["check_finite_tensors", "limited_to", "stored_numbers"]

SPARE = 2**24  # numbers that a file need not hold: unused layers, computed tables
FACTOR = 2  # weights shared by two layers are counted at both


def stored_numbers(files: Sequence[Path]) -> int:
    """How many numbers safetensors files hold, read from their headers.

    Args:
        files: the files.

    Raises:
        SourceError: if one is damaged.

    Examples:
        >>> import tempfile
        >>> from headstart.io import write_tensors
        >>> import numpy as np
        >>> file = Path(tempfile.mkdtemp()) / "a.safetensors"
        >>> write_tensors(file, {"w": np.eye(3)})
        >>> stored_numbers([file])
        9
    """
    from math import prod

    from safetensors import SafetensorError, safe_open

    total = 0
    for file in files:
        try:
            with safe_open(file, "np") as opened:
                total += sum(prod(opened.get_slice(name).get_shape()) for name in opened.keys())  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise SourceError(f"The weights in '{file}' are damaged ({reason}); copy the model again.") from error
    return total


@contextmanager
def limited_to(numbers: int, where: str) -> Iterator[None]:
    """Raise as soon as the modules created by this thread have far more weights than a file holds.

    Each weight is counted when it is registered, before it is filled, so a refused body takes no memory.

    Args:
        numbers: how many numbers the file holds.
        where: what asks for the body, for the message.

    Raises:
        SourceError: if the modules hold more than twice as many, plus 2^24.

    Examples:
        >>> from torch import nn
        >>> with limited_to(6, "The configuration 'config.json'"):
        ...     layer = nn.Linear(5000, 5000)
        Traceback (most recent call last):
        headstart.errors.SourceError: The configuration 'config.json' asks for a body of 25,000,000 numbers or more, ...
    """
    from torch.nn.modules.module import (
        register_module_buffer_registration_hook,
        register_module_parameter_registration_hook,
    )

    most, thread, seen = FACTOR * numbers + SPARE, threading.get_ident(), 0

    # The hooks are global to torch: modules that other threads build meanwhile must not be counted.
    def count(_module: nn.Module, _name: str, tensor: Tensor | None) -> None:
        nonlocal seen
        if tensor is None or threading.get_ident() != thread:
            return
        seen += tensor.numel()
        if seen > most:
            raise SourceError(
                f"{where} asks for a body of {seen:,} numbers or more, but its weights hold {numbers:,}; they do not "
                "belong together: copy the model again."
            )

    handles = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def check_finite_tensors(tensors: Mapping[str, Tensor], where: Path) -> None:
    """Raise if a weight is NaN or infinite: every feature would be NaN, and every prediction the first label.

    Args:
        tensors: the weights by name.
        where: the file or folder that they came from.

    Raises:
        SourceError: if one is NaN or infinite.

    Examples:
        >>> import torch
        >>> check_finite_tensors({"w": torch.tensor([1.0, float("nan")])}, Path("model.safetensors"))
        Traceback (most recent call last):
        headstart.errors.SourceError: The weights 'w' in 'model.safetensors' hold NaN or infinite numbers; ...
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise SourceError(
                f"The weights '{name}' in '{where}' hold NaN or infinite numbers; copy the model again, or train "
                "the body again."
            )
