"""The backend for OpenVINO on the CPU: runs a converted body without torch.

Its rows are the same to the bit for any batch and any number of threads. They are also the same for any padding if
lengths are multiples of 16, the numbers in a vector of AVX-512; otherwise the order of sums over positions changes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import LifoQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.backends.allocator import keep_freed_memory
from headstart.engine.backends.out_of_memory import memory_errors
from headstart.engine.body.machine import cores
from headstart.engine.body.recipe import Batch
from headstart.engine.cache.forks import ForkSafeLock
from headstart.errors import MissingExtraError, SourceError
from headstart.types import FeatureMatrix

__all__ = ["OpenVino", "import_openvino", "no_telemetry", "openvino_streams"]

STREAMS = 2  # batches at once; more of them help only on many cores
CORES_PER_STREAM = 8
IMPORTING = ForkSafeLock()
TYPES = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # of what is not rounded to int8


def import_openvino() -> Any:
    """Import the module openvino without its telemetry, which the import would start.

    Raises:
        MissingExtraError: if it is not installed.

    Examples:
        >>> "CPU" in import_openvino().Core().available_devices
        True
    """
    with no_telemetry():
        try:
            import openvino
        except ImportError:
            raise MissingExtraError("The backend 'openvino'", "openvino") from None
    return openvino


@contextmanager
def no_telemetry() -> Iterator[None]:
    """Block the import of openvino_telemetry in all threads; openvino then uses its own stub, which sends nothing.

    Examples:
        >>> with no_telemetry():
        ...     "openvino_telemetry" in sys.modules
        True
    """
    name = "openvino_telemetry"
    with IMPORTING:
        if name in sys.modules:
            yield
            return
        sys.modules[name] = None  # type: ignore[assignment] # how Python marks a module that must not be imported
        try:
            yield
        finally:
            sys.modules.pop(name, None)


def openvino_streams() -> int:
    """How many batches OpenVINO runs at once here.

    Examples:
        >>> 1 <= openvino_streams() <= cores()
        True
    """
    return min(cores(), max(STREAMS, cores() // CORES_PER_STREAM))


class OpenVino:
    """A converted body, compiled for this CPU.

    Args:
        model: the converted body, an OpenVINO model.
        precision: ``"fp32"``, ``"bf16"`` or ``"int8"``: the number format of products; ``"int8"`` is for a
            model that is quantised already.
        note: why, in a sentence.
        exact_convolutions: how many of the first convolutions the model keeps in fp32.

    Examples:
        >>> OpenVino.name
        'openvino'
    """

    name = "openvino"

    def __init__(self, model: Any, precision: str, note: str = "", exact_convolutions: int = 0) -> None:
        ov = import_openvino()
        keep_freed_memory()
        self.precision = precision
        self.note = note
        self.exact_convolutions = exact_convolutions
        self.streams = openvino_streams()
        options = {
            "INFERENCE_PRECISION_HINT": TYPES[precision],
            "NUM_STREAMS": str(self.streams),
            "INFERENCE_NUM_THREADS": str(cores()),
            "ENABLE_CPU_PINNING": "NO",  # with it, several processes would all use the first cores
        }
        with memory_errors():
            self._compiled = ov.Core().compile_model(model, "CPU", options)
        self._inputs = [
            (port.node.friendly_name, port.element_type.to_dtype(), port.partial_shape)
            for port in self._compiled.inputs
        ]
        self._requests: LifoQueue[Any] = LifoQueue()  # last in, first out: one caller reuses one request's buffers
        for _ in range(self.streams):
            self._requests.put(self._compiled.create_infer_request())

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths) float32 of a batch.

        Raises:
            MemoryError: if the batch does not fit into memory.
            SourceError: if an item has another shape than the body was converted for.
        """
        inputs = [self._input(batch, *wanted) for wanted in self._inputs]
        request = self._requests.get()
        try:
            with memory_errors():
                rows: FeatureMatrix = request.infer(inputs, share_inputs=True)[0]
                return rows
        finally:
            self._requests.put(request)

    def _input(self, batch: Batch, name: str, dtype: np.dtype[Any], shape: Any) -> NDArray[Any]:
        array = np.ascontiguousarray(batch[name] if isinstance(batch, Mapping) else batch, dtype)
        fits = len(shape) == array.ndim and all(
            size.is_dynamic or size.get_length() == found for size, found in zip(shape, array.shape, strict=True)
        )
        if not fits:
            raise SourceError(
                f"The body was converted for {name} of shape {shape}. Got {list(array.shape)} instead; use the backend "
                "'torch' for items of other shapes."
            )
        return array
