"""OpenVINO's form of a body: traced on a few items, converted, and compared with the plain module."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from headstart.engine.agreement import AGREEMENT, SAME, Reference, measure_reference
from headstart.engine.backends.arrays import first_items, to_tensors
from headstart.engine.backends.machine import native_bf16
from headstart.engine.backends.openvino import OpenVino, import_openvino, no_telemetry
from headstart.engine.backends.probes import has_lengths, longer, mirrored, shorter
from headstart.engine.backends.torch_forms import folded_copy
from headstart.engine.fold import round_kernels
from headstart.engine.recipe import Batch, Forward

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Graph", "Refused", "convert", "find_openvino"]

XML = "body.xml"
LAYER = re.compile(r'<layer id="\d+" name="[^"]*" type="(\w+)"[^>]*>')
PRODUCTS = ("Convolution", "GroupConvolution", "MatMul")
PRECISE = '<rt_info><attribute name="precise" version="0" /></rt_info>'  # the plugin leaves such a layer in fp32
EXACT_PRODUCTS = (0, 3, 6, 12)  # how many of the first ones stay in fp32, tried in this order
TRACED = 2  # items; with one alone, sizes of 1 might become constants
CONVERTING = Lock()  # torch traces one module at a time


class Graph:
    """A converted body.

    Args:
        model: OpenVINO's model of it.

    Examples:
        >>> Graph(None).model is None
        True
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    @classmethod
    def read(cls, folder: Path) -> Graph:
        """The graph that `save` wrote.

        Raises:
            RuntimeError: if it cannot be read.
        """
        return cls(import_openvino().Core().read_model(folder / XML))

    def again(self, exact: int = 0) -> Graph:
        """The same as it is after saving and reading, which may differ in the last bits from what was converted.

        Args:
            exact: how many of the first matrix products and convolutions, with all before them, stay in fp32 where the
                others run in bf16. A plain background has one rounding error everywhere, which no mean takes out, and
                the first layers' errors are carried through all others.

        Raises:
            OSError: if there is no room for temporary files.
        """
        core = import_openvino().Core()
        core.set_property({"ENABLE_MMAP": False})
        with tempfile.TemporaryDirectory(prefix="headstart-body-") as name:
            path = Path(name) / XML
            self.save(path.parent)
            path.write_text(_with_exact(path.read_text(encoding="utf-8"), exact), encoding="utf-8")
            return Graph(core.read_model(path))

    def save(self, folder: Path) -> None:
        """Write the graph and its weights, in fp32."""
        try:
            import_openvino().save_model(self.model, folder / XML, compress_to_fp16=False)
        except RuntimeError as error:  # a full disk
            raise OSError(" ".join(str(error).split())[:200]) from error


def _with_exact(xml: str, count: int) -> str:
    """The graph's text with its first layers, up to the ``count``-th product, marked to stay in fp32."""
    products = [match for match in LAYER.finditer(xml) if match[1] in PRODUCTS][:count]
    last = products[-1].end() if products else 0
    return LAYER.sub(lambda layer: layer[0] + (PRECISE if layer[1] != "Parameter" else ""), xml[:last]) + xml[last:]


def convert(module: nn.Module, forward: Forward, example: Batch, lengths: bool) -> Graph:
    """Trace the body on an example and convert it, all blocks as one output.

    Args:
        module: the body; left as it is.
        forward: as `Recipe.build` gives it.
        example: a few items.
        lengths: whether axis 1 of the arrays of a mapping is a length that changes from batch to batch.

    Raises:
        RuntimeError: or another error of torch's or OpenVINO's, where the body cannot be traced or converted.
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> x = np.ones((2, 3), np.float32)
        >>> graph = convert(torch.nn.ReLU(), lambda module, x: [module(x), x], x, lengths=False)
        >>> OpenVino(graph.model, "fp32")(-x[:1])
        array([[ 0.,  0.,  0., -1., -1., -1.]], dtype=float32)
    """
    ov = import_openvino()
    with no_telemetry(), CONVERTING:
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        decoder = TorchScriptPythonDecoder(_traced(module, forward, example))  # has to live until all is converted
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
    return Graph(model).again()


def _traced(module: nn.Module, forward: Forward, example: Batch) -> Any:
    import torch

    names = list(example) if isinstance(example, Mapping) else None
    tensors = to_tensors(example)

    class Traced(torch.nn.Module):
        """The body and its forward as one module with one output."""

        def __init__(self) -> None:
            super().__init__()
            self.body = module

        def forward(self, *inputs: Any) -> Any:
            batch = inputs[0] if names is None else dict(zip(names, inputs, strict=True))
            return torch.cat([block.float() for block in forward(self.body, batch)], dim=-1)

    whole = Traced().eval()
    inputs = (tensors,) if names is None else tuple(tensors[name] for name in names)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # what tracing may miss is looked for by comparing rows
        return torch.jit.trace(whole, inputs, check_trace=False, strict=False)  # type: ignore[no-untyped-call]


class Refused(Exception):  # noqa: N818 - an outcome, not a mistake
    """OpenVINO cannot run a body, and why.

    Examples:
        >>> str(Refused("it cannot be traced"))
        'it cannot be traced'
    """


def find_openvino(module: nn.Module, forward: Forward, reference: Reference) -> tuple[Graph, OpenVino]:
    """The converted body in bf16 where the CPU multiplies in it and the rows agree with fp32, else in fp32.

    In fp32, its rows must be those of the plain module, on other batches than the traced one too. Where bf16 differs
    too much, the first 3, 6 or 12 products stay in fp32.

    Args:
        module: the body; left as it is.
        forward: as `Recipe.build` gives it.
        reference: what the plain body gives; its first batch is traced.

    Returns:
        The converted body, and the same ready to run.

    Raises:
        Refused: where it cannot be converted, or differs.
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.agreement import measure_reference
        >>> body, forward = torch.nn.Linear(3, 2), lambda module, x: [module(x)]
        >>> reference = measure_reference(body, forward, [np.ones((2, 3), np.float32)])
        >>> find_openvino(body, forward, reference)[1].precision in ("bf16", "fp32")
        True
    """
    example = reference.batches[0]
    stretched = _plain(module, forward, longer(example)) or _plain(module, forward, shorter(example))
    checks = [reference, *filter(None, [stretched, _plain(module, forward, mirrored(example))])]

    def graph_of(body: nn.Module) -> Graph:
        return convert(body, forward, first_items(example, TRACED), lengths=stretched is not None)

    try:
        folded = folded_copy(module, forward, example)
        exact = None if folded is None else _same(graph_of(folded), checks)
        if exact is None:
            folded, exact = None, _same(graph_of(module), checks)
        if exact is None:
            raise Refused("the converted body's features in fp32 are not those of the plain one")
        return _quick(exact, graph_of, folded, reference)
    except (MemoryError, OSError, Refused):
        raise
    except Exception as error:  # torch, the frontend and the plugin each have errors of their own
        raise Refused(f"it cannot convert this body ({type(error).__name__}: {_line(error)})") from error


def _same(graph: Graph, checks: Sequence[Reference]) -> Graph | None:
    exact = OpenVino(graph.model, "fp32")
    return graph if all(check.agreement(exact) >= SAME for check in checks) else None


def _quick(
    exact: Graph, graph_of: Callable[[nn.Module], Graph], folded: nn.Module | None, reference: Reference
) -> tuple[Graph, OpenVino]:
    if not native_bf16():
        return exact, OpenVino(exact.model, "fp32", "this CPU does not multiply in bf16 by itself")
    graph = exact
    if folded is not None:  # without it, plain rounding of the folded kernels would drift
        round_kernels(folded)
        graph = graph_of(folded)
    least = -1.0
    for count in EXACT_PRODUCTS:
        tried = graph.again(count) if count else graph
        quick = OpenVino(tried.model, "bf16", exact_products=count)
        least = max(least, reference.agreement(quick))
        quick.note = f"bf16 features have a cosine of at least {least:.4f} with fp32 ones"
        if least >= AGREEMENT:
            quick.note += f", with the first {count} products in fp32" if count else ""
            return tried, quick
    return exact, OpenVino(exact.model, "fp32", f"{quick.note}, and {AGREEMENT} is wanted")


def _plain(module: nn.Module, forward: Forward, batch: Batch | None) -> Reference | None:
    """What the plain body gives for a probe; None where it takes no such batch or its features are not finite."""
    if batch is None:
        return None
    try:
        found = measure_reference(module, forward, [batch])
    except (RuntimeError, ValueError, IndexError, AssertionError, TypeError):
        return None
    return found if found.is_finite(0) else None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
