"""The backend for torch on the CPU: folded batch normalisation, channels-last layout, and native bf16."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from headstart.engine.backends.allocator import keep_freed_memory
from headstart.engine.backends.compiled import CompileWhenItPays, can_compile
from headstart.engine.backends.interface import Backend, BackendKind, BodyAccess
from headstart.engine.backends.out_of_memory import memory_errors
from headstart.engine.backends.torch_forms import TorchForm, channels_last, open_found, open_recorded, run_blocks
from headstart.engine.body.agreement import Reference
from headstart.engine.body.arrays import map_arrays, to_tensors
from headstart.engine.body.machine import cpu_kind, native_bf16
from headstart.engine.body.recipe import Batch, Forward, Tensors
from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TORCH", "TorchCpu", "cpu_has_bf16"]


def cpu_has_bf16() -> bool:
    """Whether torch multiplies in bf16 natively here: the CPU can, and torch has oneDNN.

    Examples:
        >>> cpu_has_bf16() in (True, False)
        True
    """
    import torch

    return native_bf16() and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call] # unannotated


class TorchCpu:
    """A torch module in one form, run on the CPU.

    Args:
        form: the module and its number format; the module's memory layout becomes channels last.
        forward: as `Recipe.build` gives it.
        remaining: how many items are still to come, which decides whether compiling pays.

    Examples:
        >>> import numpy as np, torch
        >>> backend = TorchCpu(TorchForm(torch.nn.ReLU(), "fp32"), lambda module, x: [module(x)])
        >>> backend(np.array([[-1, 2]], np.float32))
        array([[0., 2.]], dtype=float32)
    """

    name = "torch"
    streams = 1

    def __init__(self, form: TorchForm, forward: Forward, remaining: Callable[[], int] = lambda: 0) -> None:
        import torch

        keep_freed_memory()
        self.precision = form.precision
        self._note = form.note
        module = form.module.to(memory_format=torch.channels_last)

        def eager(batch: Tensors) -> Tensor:
            return run_blocks(module, forward, batch, "cpu", form.precision)

        self._run = CompileWhenItPays(eager, remaining, precision=form.precision, able=can_compile("cpu"))

    @property
    def note(self) -> str:
        """Why it runs in this form, and what became of compiling it."""
        return "; ".join(filter(None, (self._note, self._run.note)))

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths) float32 of a batch.

        Raises:
            MemoryError: if the batch does not fit into memory.
        """
        import torch

        with memory_errors(), torch.inference_mode():
            rows: FeatureMatrix = self._run(map_arrays(to_tensors(batch), channels_last)).numpy()
            return rows


def _open_new(access: BodyAccess, reference: Reference) -> tuple[Backend, dict[str, Any]]:
    half = "bf16" if cpu_has_bf16() else None
    return open_found(access, reference, TorchCpu, half=half, why="this CPU has no native bf16")


def _open_known(access: BodyAccess, record: Mapping[str, Any]) -> Backend:
    return open_recorded(access, record, TorchCpu)


TORCH = BackendKind(
    name=TorchCpu.name,
    problem=lambda: None,
    streams=lambda: TorchCpu.streams,
    fingerprint=lambda: ("", cpu_kind()),
    open_new=_open_new,
    open_known=_open_known,
)
