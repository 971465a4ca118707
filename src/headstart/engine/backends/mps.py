"""The backend for Apple's GPU: fp16 if it agrees with fp32, and the default memory layout."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from headstart.engine.backends.interface import Backend, BackendKind, BodyAccess
from headstart.engine.backends.out_of_memory import memory_errors
from headstart.engine.backends.torch_forms import TorchForm, open_found, open_recorded, run_blocks
from headstart.engine.body.agreement import Reference
from headstart.engine.body.arrays import map_arrays, to_tensors
from headstart.engine.body.machine import gpu_hint
from headstart.engine.body.recipe import Batch, Forward
from headstart.errors import UsageError
from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MPS", "Mps", "mps_is_available"]

STREAMS = 1  # Metal has one queue for a process


def mps_is_available() -> bool:
    """Whether torch can use Apple's GPU here.

    Examples:
        >>> mps_is_available() in (True, False)
        True
    """
    import torch

    return bool(torch.backends.mps.is_available())


class Mps:
    """A torch module in one form, run on Apple's GPU.

    Args:
        form: as in `Cuda`; the module is copied.
        forward: as in `Cuda`.
        device: ``"mps"``, or ``"cpu"`` for tests.

    Examples:
        >>> import numpy as np, torch
        >>> backend = Mps(TorchForm(torch.nn.ReLU(), "fp32"), lambda module, x: [module(x)], device="cpu")
        >>> backend(np.array([[-1, 2]], np.float32))
        array([[0., 2.]], dtype=float32)
    """

    name = "mps"
    streams = STREAMS

    def __init__(self, form: TorchForm, forward: Forward, *, device: str = "mps") -> None:
        self.precision = form.precision
        self.note = form.note
        self._device = device
        self._forward = forward
        with memory_errors():
            self._module = copy.deepcopy(form.module).to(device)

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths) float32 of a batch.

        Raises:
            MemoryError: if the batch does not fit into memory.
        """
        import torch

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(self._device)

        with memory_errors(), torch.inference_mode():
            tensors = map_arrays(to_tensors(batch), place)
            rows = run_blocks(self._module, self._forward, tensors, self._device, self.precision)
            result: FeatureMatrix = rows.cpu().numpy()
            return result


def _problem() -> UsageError | None:
    if mps_is_available():
        return None
    return UsageError("The backend 'mps' needs an Apple GPU that torch can use, and there is none; use 'auto'.")


def _make(form: TorchForm, forward: Forward, _remaining: Callable[[], int]) -> Backend:
    return Mps(form, forward)


def _open_new(access: BodyAccess, reference: Reference) -> tuple[Backend, dict[str, Any]]:
    return open_found(access, reference, _make, half="fp16", why="")


def _open_known(access: BodyAccess, record: Mapping[str, Any]) -> Backend:
    return open_recorded(access, record, _make)


MPS = BackendKind(
    name=Mps.name,
    problem=_problem,
    streams=lambda: STREAMS,
    fingerprint=lambda: ("", gpu_hint()),
    open_new=_open_new,
    open_known=_open_known,
)
