"""The backend for CUDA GPUs: native bf16, channels-last layout, and transfers that overlap with computation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from queue import LifoQueue
from threading import Lock
from typing import TYPE_CHECKING, Any

from headstart.engine.backends.compiled import CompileWhenItPays, can_compile
from headstart.engine.backends.interface import Backend, BackendKind, BodyAccess
from headstart.engine.backends.out_of_memory import memory_errors
from headstart.engine.backends.torch_forms import TorchForm, channels_last, open_found, open_recorded, run_blocks
from headstart.engine.body.agreement import Reference
from headstart.engine.body.arrays import map_arrays, to_tensors
from headstart.engine.body.machine import bf16_setting, gpu_hint
from headstart.engine.body.recipe import Batch, Forward, Tensors
from headstart.errors import UsageError
from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["CUDA", "Cuda", "cuda_half_precision", "cuda_is_available"]

STREAMS = 2  # while one batch is computed, the next is copied to the GPU and the rows of the previous one from it


def cuda_is_available() -> bool:
    """Whether torch can use a CUDA GPU here.

    Examples:
        >>> cuda_is_available() in (True, False)
        True
    """
    import torch

    return bool(torch.cuda.is_available())


def cuda_half_precision() -> str | None:
    """``"bf16"`` if the GPU multiplies in it natively and ``HEADSTART_BF16`` allows it, else None: fp32 is used.

    Examples:
        >>> cuda_half_precision() in ("bf16", None)
        True
    """
    import torch

    return "bf16" if bf16_setting() != "0" and torch.cuda.is_bf16_supported(including_emulation=False) else None


class Cuda:
    """A torch module in one form, run on a CUDA GPU.

    Each thread that calls it has a CUDA stream and pinned buffers of its own, so that one batch is copied while
    another is computed.

    Args:
        form: the module and its number format; the module is copied to the device, and the original is not changed.
        forward: as `Recipe.build` gives it.
        remaining: how many items are still to come, which decides whether compiling pays.
        device: ``"cuda"``, or ``"cpu"`` to run the same steps without a GPU.

    Examples:
        >>> import numpy as np, torch
        >>> backend = Cuda(TorchForm(torch.nn.ReLU(), "fp32"), lambda module, x: [module(x)], device="cpu")
        >>> backend(np.array([[-1, 2]], np.float32))
        array([[0., 2.]], dtype=float32)
    """

    name = "cuda"
    streams = STREAMS

    def __init__(
        self, form: TorchForm, forward: Forward, remaining: Callable[[], int] = lambda: 0, *, device: str = "cuda"
    ) -> None:
        import torch

        self.precision = form.precision
        self._note = form.note
        self._device = device
        with memory_errors():
            module: nn.Module = copy.deepcopy(form.module).to(device)
            module = module.to(memory_format=torch.channels_last)
        self._launching = Lock()  # hooks that collect the layers' outputs belong to the module, not to a thread
        self._slots: LifoQueue[_Slot] = LifoQueue()
        for _ in range(STREAMS):
            self._slots.put(_Slot(device))

        def eager(batch: Tensors) -> Tensor:
            return run_blocks(module, forward, batch, device, form.precision)

        def wait() -> None:
            if device == "cuda":
                torch.cuda.current_stream().synchronize()

        wait()  # until the weights are on the device: the slots use other streams
        able = can_compile(device)
        self._run = CompileWhenItPays(eager, remaining, precision=form.precision, able=able, wait=wait)

    @property
    def note(self) -> str:
        """Why it runs in this form, and what became of compiling it."""
        return "; ".join(filter(None, (self._note, self._run.note)))

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths) float32 of a batch.

        Raises:
            MemoryError: if the batch does not fit into the GPU's memory; a smaller one may fit.
        """
        import torch

        slot = self._slots.get()
        try:
            with memory_errors(), torch.inference_mode(), slot.current():
                there = map_arrays(slot.to_device(batch), channels_last)
                with self._launching:  # only while kernels are launched; copies of the other stream continue
                    found = self._run(there)
                rows: FeatureMatrix = slot.back(found)
                return rows
        except MemoryError:
            slot.clear()
            if self._device == "cuda":
                torch.cuda.empty_cache()
            raise
        finally:
            self._slots.put(slot)


class _Slot:
    """A CUDA stream with pinned buffers, which asynchronous copies require."""

    def __init__(self, device: str) -> None:
        import torch

        self._device = device
        self._pinned = device == "cuda"
        self._stream: Any = torch.cuda.Stream() if self._pinned else None  # type: ignore[no-untyped-call]
        self._buffers: dict[str, Tensor] = {}

    @contextmanager
    def current(self) -> Iterator[None]:
        import torch

        with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
            yield

    def to_device(self, batch: Batch) -> Any:
        tensors = to_tensors(batch)
        if not isinstance(tensors, dict):
            return self._send("", tensors)
        return {name: self._send(name, tensor) for name, tensor in tensors.items()}

    def back(self, rows: Tensor) -> Any:
        """A copy of the rows as an array; waits until the stream has finished."""
        buffer = self._buffer(" rows", rows)
        buffer.copy_(rows, non_blocking=True)
        if self._stream is not None:
            self._stream.synchronize()
        return buffer.numpy().copy()

    def clear(self) -> None:
        self._buffers.clear()

    def _send(self, name: str, tensor: Tensor) -> Tensor:
        buffer = self._buffer(name, tensor)
        buffer.copy_(tensor)  # only a copy from pinned memory overlaps with computation
        return buffer.to(self._device, non_blocking=True)

    def _buffer(self, name: str, like: Tensor) -> Tensor:
        """A view, in the shape of ``like``, of the buffer with that name, which is enlarged if it is too small."""
        import torch

        kept = self._buffers.get(name)
        if kept is None or kept.dtype != like.dtype or kept.numel() < like.numel():
            kept = torch.empty(like.numel(), dtype=like.dtype, pin_memory=self._pinned)
            self._buffers[name] = kept
        return kept[: like.numel()].view(like.shape)


def _problem() -> UsageError | None:
    if cuda_is_available():
        return None
    return UsageError("The backend 'cuda' needs a GPU that torch can use, and there is none; use 'auto'.")


def _make(form: TorchForm, forward: Forward, remaining: Callable[[], int]) -> Backend:
    return Cuda(form, forward, remaining)


def _open_new(access: BodyAccess, reference: Reference) -> tuple[Backend, dict[str, Any]]:
    why = "this GPU has no native bf16"
    return open_found(access, reference, _make, half=cuda_half_precision(), why=why)


def _open_known(access: BodyAccess, record: Mapping[str, Any]) -> Backend:
    return open_recorded(access, record, _make)


CUDA = BackendKind(
    name=Cuda.name,
    problem=_problem,
    streams=lambda: STREAMS,
    fingerprint=lambda: ("", gpu_hint()),
    open_new=_open_new,
    open_known=_open_known,
)
