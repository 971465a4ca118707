"""Conversion to OpenVINO: a body is traced on a few items, converted, and compared with the plain module."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.engine.backends.interface import Backend, BackendKind, BodyAccess, Refused
from headstart.engine.backends.openvino import OpenVino, import_openvino, no_telemetry, openvino_streams
from headstart.engine.backends.openvino_files import CONVOLUTIONS, read_again, read_graph, reread, save_graph
from headstart.engine.backends.openvino_selection import selected_graph
from headstart.engine.backends.probes import has_lengths, longer, mirrored, shorter
from headstart.engine.backends.torch_forms import folded_copy
from headstart.engine.body.agreement import FP32_AGREEMENT, HALF_AGREEMENT, Reference, measure_reference
from headstart.engine.body.arrays import first_items, to_tensors
from headstart.engine.body.batch_norm_folding import round_kernels
from headstart.engine.body.machine import cpu_kind, native_bf16, package_version
from headstart.engine.body.recipe import Batch, Forward, recipe_key
from headstart.engine.cache.bodies import FORMAT
from headstart.engine.cache.forks import ForkSafeLock
from headstart.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "OPENVINO",
    "convert",
    "exact_graph",
    "find_direct",
    "find_openvino",
    "graph_name",
]

GRAPH_BYTES = 2**20  # the approximate size of a graph's description, without weights
EXACT_CONVOLUTIONS = (0, 3, 6, 12)  # how many of the first ones stay in fp32, tried in this order
TRACED = 2  # items; with one alone, sizes of 1 might become constants
CONVERTING = ForkSafeLock()  # torch traces one module at a time


def convert(module: nn.Module, forward: Forward, example: Batch, lengths: bool) -> Any:
    """Trace the body on an example and convert it, all blocks as one output.

    Args:
        module: the body; it is not changed.
        forward: as `Recipe.build` gives it.
        example: a few items.
        lengths: whether axis 1 of the arrays of a mapping is a length that changes from batch to batch.

    Returns:
        The OpenVINO model.

    Raises:
        RuntimeError: or another error of torch or OpenVINO, if the body cannot be traced or converted.
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> x = np.ones((2, 3), np.float32)
        >>> model = convert(torch.nn.ReLU(), lambda module, x: [module(x), x], x, lengths=False)
        >>> OpenVino(model, "fp32")(-x[:1])
        array([[ 0.,  0.,  0., -1., -1., -1.]], dtype=float32)
    """
    ov = import_openvino()
    with no_telemetry(), CONVERTING:
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        decoder = TorchScriptPythonDecoder(_traced(module, forward, example))  # must live until the conversion ends
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = frontend.convert(frontend.load(decoder))
    names = list(example) if isinstance(example, Mapping) else ["items"]
    arrays = [example[name] for name in names] if isinstance(example, Mapping) else [example]
    for parameter, name, array in zip(model.get_parameters(), names, arrays, strict=True):
        parameter.set_friendly_name(name)
        parameter.set_element_type(ov.Type(array.dtype))
        shape = [-1, *array.shape[1:]]
        if lengths and has_lengths(array):
            shape[1] = -1
        parameter.set_partial_shape(ov.PartialShape(shape))
    model.validate_nodes_and_infer_types()
    return read_again(model)


def _traced(module: nn.Module, forward: Forward, example: Batch) -> Any:
    import torch

    names = list(example) if isinstance(example, Mapping) else None
    tensors = to_tensors(example)

    class Traced(torch.nn.Module):
        """The body and its forward as one module with one output.

        It has the body's weights and not the body: torch would make a script module of each layer, which takes longer
        than all the rest of a conversion. Layers that are script modules already have to be parts of it.
        """

        def __init__(self) -> None:
            super().__init__()
            if any(isinstance(layer, torch.jit.ScriptModule) for layer in module.modules()):
                self.body = module
                return
            for k, weight in enumerate([*module.parameters(), *module.buffers()]):
                if isinstance(weight, torch.nn.Parameter):
                    self.register_parameter(f"weight_{k}", weight)
                else:
                    self.register_buffer(f"weight_{k}", weight)

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            batch = inputs[0] if names is None else dict(zip(names, inputs, strict=True))
            return torch.cat([block.float() for block in forward(module, batch)], dim=-1)

    module.eval()
    traced = Traced().eval()
    inputs = (tensors,) if names is None else tuple(tensors[name] for name in names)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # torch 2.6 traces it, and OpenVINO cannot read it
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # errors of tracing are found by comparing rows
            return torch.jit.trace(traced, inputs, check_trace=False, strict=False)  # type: ignore[no-untyped-call]
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def find_openvino(module: nn.Module, forward: Forward, reference: Reference) -> tuple[Any, OpenVino]:
    """Convert a body: to bf16 if the CPU multiplies in it natively and the rows agree with fp32, else to fp32.

    In fp32, the rows must agree with those of the plain module, also on batches unlike the traced one. If bf16 differs
    too much, the first 3, 6 or 12 convolutions stay in fp32.

    Args:
        module: the body; it is not changed.
        forward: as `Recipe.build` gives it.
        reference: features of the plain body; its first batch is traced.

    Returns:
        The converted body, an OpenVINO model, and the same ready to run.

    Raises:
        Refused: if it cannot be converted, or differs.
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.body.agreement import measure_reference
        >>> body, forward = torch.nn.Linear(3, 2), lambda module, x: [module(x)]
        >>> reference = measure_reference(body, forward, [np.ones((2, 3), np.float32)])
        >>> find_openvino(body, forward, reference)[1].precision in ("bf16", "fp32")
        True
    """
    with _refusing():
        exact, graph_of, folded = _exact(module, forward, reference)
        return _quick(exact, graph_of, folded, reference)


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn errors of a conversion into `Refused`: torch, OpenVINO's frontend and its plugin each raise their own."""
    try:
        yield
    except (MemoryError, OSError, Refused):
        raise
    except Exception as error:
        raise Refused(f"it cannot convert this body ({type(error).__name__}: {_line(error)})") from error


def _exact(
    module: nn.Module, forward: Forward, reference: Reference
) -> tuple[Any, Callable[[nn.Module], Any], nn.Module | None]:
    """The graph in fp32, how it was converted, and the body with folded normalisations if it is the converted one."""
    example = reference.batches[0]
    stretched = _plain(module, forward, longer(example)) or _plain(module, forward, shorter(example))
    checks = [reference, *filter(None, [stretched, _plain(module, forward, mirrored(example))])]

    def graph_of(body: nn.Module) -> Any:
        return convert(body, forward, first_items(example, TRACED), lengths=stretched is not None)

    folded = folded_copy(module, forward, example)
    exact = None if folded is None else _same(graph_of(folded), checks)
    if exact is None:
        folded, exact = None, _same(graph_of(module), checks)
    if exact is None:
        raise Refused("the converted body's features in fp32 are not those of the plain one")
    return exact, graph_of, folded


def exact_graph(access: BodyAccess) -> Any:
    """The converted body in fp32, an OpenVINO model, from the cache or converted and cached now.

    Args:
        access: of the body.

    Raises:
        Refused: if it cannot be converted, or its rows in fp32 are not those of the plain module.
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.cache.bodies import BodyCache
        >>> x, forward = np.ones((2, 3), np.float32), lambda module, x: [module(x)]
        >>> access = BodyAccess(lambda: (torch.nn.ReLU(), forward), lambda: x, BodyCache(None), lambda: 2)
        >>> OpenVino(exact_graph(access), "fp32")(-x[:1])
        array([[0., 0., 0.]], dtype=float32)
    """
    name = graph_name("fp32")
    folder = access.cache.read_folder(name)
    if folder is not None:
        try:
            return read_graph(folder)
        except RuntimeError:
            access.cache.remove(name)
    if access.direct is not None:
        raise Refused("only bodies of torch are quantised")
    module, forward = access.built()
    with _refusing():
        exact, _, _ = _exact(module, forward, measure_reference(module, forward, [access.example()]))
    _keep(access, name, exact, _weight_bytes(module))
    return exact


def _keep(access: BodyAccess, name: str, model: Any, weight_bytes: int) -> Path | None:
    return access.cache.write_folder(name, partial(save_graph, model), GRAPH_BYTES + weight_bytes)


def _weight_bytes(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters()) * 4


def find_direct(graph: Callable[[], Any], reference: Reference) -> tuple[Any, OpenVino]:
    """A body that is made as an OpenVINO model, in the fastest number format that agrees, as in `find_openvino`.

    Args:
        graph: returns the model.
        reference: features of the body, computed otherwise.

    Raises:
        Refused: if the model differs.
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.body.agreement import reference_of
        >>> x = np.ones((2, 3), np.float32)
        >>> model = convert(torch.nn.ReLU(), lambda module, x: [module(x)], x, lengths=False)
        >>> find_direct(lambda: model, reference_of(lambda batch: [batch], [x]))[1].name
        'openvino'
    """
    # the graph and its weights are released before it is read again
    exact = _same(reread(lambda folder: save_graph(graph(), folder)), [reference])
    if exact is None:
        raise Refused("the features of its model in fp32 are not those of the body")
    return _quick(exact, lambda _: exact, None, reference)


def _same(model: Any, checks: Sequence[Reference]) -> Any | None:
    exact = OpenVino(model, "fp32")
    return model if all(check.agreement(exact) >= FP32_AGREEMENT for check in checks) else None


def _quick(
    exact: Any, graph_of: Callable[[nn.Module], Any], folded: nn.Module | None, reference: Reference
) -> tuple[Any, OpenVino]:
    if not native_bf16():
        return exact, OpenVino(exact, "fp32", "this CPU has no native bf16")
    model = exact
    if folded is not None:  # otherwise the plugin would round the folded kernels with drift
        round_kernels(folded)
        model = graph_of(folded)
    least = -1.0
    has_convolutions = any(op.get_type_name() in CONVOLUTIONS for op in model.get_ops())
    for count in EXACT_CONVOLUTIONS if has_convolutions else EXACT_CONVOLUTIONS[:1]:
        tried = read_again(model, count) if count else model
        quick = OpenVino(tried, "bf16", exact_convolutions=count)
        least = max(least, reference.agreement(quick))
        quick.note = f"bf16 features have a cosine of at least {least:.4f} with fp32 ones"
        if least >= HALF_AGREEMENT:
            quick.note += f", with the first {count} convolutions in fp32" if count else ""
            return tried, quick
    return exact, OpenVino(exact, "fp32", f"{quick.note}, but {HALF_AGREEMENT} is required")


def _plain(module: nn.Module, forward: Forward, batch: Batch | None) -> Reference | None:
    """The plain body's features for a probe; None if it rejects the batch or its features are not finite."""
    if batch is None:
        return None
    try:
        found = measure_reference(module, forward, [batch])
    except (RuntimeError, ValueError, IndexError, AssertionError, TypeError):
        return None
    return found if found.is_finite(0) else None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def graph_name(precision: str, exact: int = 0) -> str:
    """The name under which a converted body is cached; it depends on the format, because bf16 rounds the kernels.

    Examples:
        >>> graph_name("bf16", 3).startswith("openvino-bf16-3-")
        True
    """
    versions = recipe_key(FORMAT, package_version("torch"), package_version("openvino"))
    return f"openvino-{precision}-{exact}-{versions[:16]}"


def _problem() -> UsageError | None:
    return None if package_version("openvino") else MissingExtraError("The backend 'openvino'", "openvino")


def _open_new(access: BodyAccess, reference: Reference) -> tuple[Backend, dict[str, Any]]:
    if access.direct is not None:
        model, running = find_direct(access.direct.graph, reference)
        weight_bytes = access.direct.weight_bytes
    else:
        module, forward = access.built()
        model, running = find_openvino(module, forward, reference)
        weight_bytes = _weight_bytes(module)
    exact = running.exact_convolutions
    folder = _keep(access, graph_name(running.precision, exact), model, weight_bytes)
    record = {"precision": running.precision, "note": running.note, "exact_convolutions": exact}
    return running, record if folder else {**record, "unkept": True}


def _open_known(access: BodyAccess, record: Mapping[str, Any]) -> Backend | None:
    exact = record.get("exact_convolutions", 0)
    name = graph_name(record["precision"], exact)
    folder = access.cache.read_folder(name)
    if folder is None:
        return None
    try:
        model, wanted = read_graph(folder), access.selection
        if wanted is not None:
            model = selected_graph(model, wanted.positions, len(wanted.widths))
        return None if model is None else OpenVino(model, record["precision"], record["note"], exact)
    except RuntimeError:
        access.cache.remove(name)
        return None


OPENVINO = BackendKind(
    name=OpenVino.name,
    problem=_problem,
    streams=openvino_streams,
    fingerprint=lambda: (package_version("openvino"), cpu_kind()),
    open_new=_open_new,
    open_known=_open_known,
)
