"""Opening a body on a backend: for the first time with comparisons, later from what was kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headstart.engine.agreement import Reference
from headstart.engine.backends.choice import graph_name
from headstart.engine.backends.cuda import STREAMS, Cuda, cuda_short
from headstart.engine.backends.interface import Backend
from headstart.engine.backends.mps import Mps
from headstart.engine.backends.openvino import OpenVino, openvino_streams
from headstart.engine.backends.openvino_graph import Graph, find_openvino
from headstart.engine.backends.torch_cpu import TorchCpu, cpu_has_bf16
from headstart.engine.backends.torch_forms import TorchForm, find_form, known_form
from headstart.engine.body_cache import BodyCache
from headstart.engine.recipe import Batch, Forward

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Parts", "open_known", "open_new", "streams_of"]

GRAPH_BYTES = 2**20  # about what the description of a graph takes, without its weights


@dataclass(frozen=True)
class Parts:
    """What opening a body needs.

    Attributes:
        built: gives the module and its forward function.
        example: gives a few items.
        cache: what is kept of the body.
        remaining: how many items are still to come.

    Examples:
        >>> Parts(lambda: None, lambda: None, BodyCache(None), lambda: 5).remaining()
        5
    """

    built: Callable[[], tuple[nn.Module, Forward]]
    example: Callable[[], Batch]
    cache: BodyCache
    remaining: Callable[[], int]


def streams_of(backend: str) -> int:
    """How many threads may call a backend at once.

    Examples:
        >>> streams_of("torch")
        1
    """
    return {"openvino": openvino_streams(), "cuda": STREAMS}.get(backend, 1)


def open_new(name: str, parts: Parts, reference: Reference) -> tuple[Backend, dict[str, Any]]:
    """The body on a backend, in its fastest form that agrees with the plain module, and the record of that form.

    Args:
        name: the backend's.
        parts: the body.
        reference: what the plain module gives.

    Raises:
        Refused: where OpenVINO cannot run it.
        MemoryError: where it does not fit.
        OSError: where there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.agreement import measure_reference
        >>> body, forward = torch.nn.ReLU(), lambda module, x: [module(x)]
        >>> reference = measure_reference(body, forward, [np.ones((2, 3), np.float32)])
        >>> parts = Parts(lambda: (body, forward), lambda: reference.batches[0], BodyCache(None), lambda: 0)
        >>> open_new("torch", parts, reference)[1]["precision"] in ("bf16", "fp32")
        True
    """
    if name == "openvino":
        return _open_openvino(parts, reference)
    module, forward = parts.built()
    short, why = _short(name)

    def make(form: TorchForm) -> Backend:
        return _on_device(name, form, forward, parts.remaining)

    form = find_form(module, forward, reference, make, short=short, why=why)
    return make(form), form.record()


def open_known(name: str, parts: Parts, record: Mapping[str, Any]) -> Backend | None:
    """The body as an earlier call of `open_new` ran it; None where OpenVINO's files are gone or damaged.

    Args:
        name: the backend's.
        parts: the body; its module is built only for torch.
        record: as `open_new` gave it.

    Examples:
        >>> record = {"precision": "fp32", "note": ""}
        >>> open_known("openvino", Parts(lambda: None, lambda: None, BodyCache(None), lambda: 0), record) is None
        True
    """
    if name == "openvino":
        return _kept_openvino(parts.cache, record)
    module, forward = parts.built()
    form = known_form(module, forward, parts.example(), record)
    return _on_device(name, form, forward, parts.remaining)


def _open_openvino(parts: Parts, reference: Reference) -> tuple[Backend, dict[str, Any]]:
    module, forward = parts.built()
    graph, running = find_openvino(module, forward, reference)
    size = GRAPH_BYTES + sum(parameter.numel() for parameter in module.parameters()) * 4
    parts.cache.write_folder(graph_name(running.precision), graph.save, size)
    return running, {"precision": running.precision, "note": running.note, "exact_products": running.exact_products}


def _kept_openvino(cache: BodyCache, record: Mapping[str, Any]) -> Backend | None:
    name = graph_name(record["precision"])
    folder = cache.read_folder(name)
    if folder is None:
        return None
    try:
        return OpenVino(Graph.read(folder).model, record["precision"], record["note"], record.get("exact_products", 0))
    except RuntimeError:
        cache.remove(name)
        return None


def _short(name: str) -> tuple[str | None, str]:
    """The shorter number format to try, and why there is none."""
    if name == "mps":
        return "fp16", ""
    short = cuda_short() if name == "cuda" else "bf16" if cpu_has_bf16() else None
    return short, f"this {'GPU' if name == 'cuda' else 'CPU'} does not multiply in bf16 by itself"


def _on_device(name: str, form: TorchForm, forward: Forward, remaining: Callable[[], int]) -> Backend:
    if name == "cuda":
        return Cuda(form, forward, remaining)
    if name == "mps":
        return Mps(form, forward)
    return TorchCpu(form, forward, remaining)
