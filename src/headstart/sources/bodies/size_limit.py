"""A body is never built larger than its weights, which are finite: a few words of JSON may ask for any size."""

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

SPARE = 2**24  # numbers that are not in the file: layers that are not used, tables that are computed
FACTOR = 2  # weights that two layers share are counted at each


def stored_numbers(files: Sequence[Path]) -> int:
    """How many numbers safetensors files hold, from their headers.

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
    """Raise as soon as the modules that this thread makes have far more weights than a file holds.

    It is asked at each weight, before it is filled, so that what is refused takes no memory.

    Args:
        numbers: how many the file holds.
        where: what asks for the body, for the message.

    Raises:
        SourceError: if there are more.

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
    """Raise where a weight is not a finite number: its rows would be NaN, and every answer the first label.

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
                f"The weights '{name}' in '{where}' hold NaN or infinite numbers; copy the model again, or train the "
                "body anew."
            )
