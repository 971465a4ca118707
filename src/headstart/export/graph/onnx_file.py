"""From a model to one ONNX file: body, head and calibration, with the facts that a reader needs as metadata."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.engine.cache.forks import ForkSafeLock
from headstart.errors import HeadstartError, MissingExtraError, SourceError
from headstart.export.checking.heads import refuse_head
from headstart.export.graph.bodies import BodyGraph, body_graph
from headstart.export.graph.head import head_module
from headstart.export.graph.pictures import picture_front
from headstart.model import TransferModel
from headstart.sources.preprocessing.picture_transform import PictureTransform
from headstart.tasks import is_multilabel, is_regression

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "OPSET", "exported", "import_onnx", "model_facts", "model_graph", "save_onnx", "traced_module", "write_onnx",
]  # fmt: skip

OPSET = 18  # the first one whose Resize has antialiasing
MOST_BYTES = 2**31 - 2**24  # of a protocol buffer, less what is not weights
EXPORTING = ForkSafeLock()  # torch exports one module at a time


def model_graph(model: TransferModel, name: str) -> BodyGraph:
    """The graph of a model's source, if the format can hold it and the head.

    Args:
        model: the model.
        name: of the format.

    Raises:
        SourceError: names what it cannot hold, and what to do.

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> model_graph(model, "onnx").kind
        'rows'
    """
    refuse_head(model, name)
    if model.task.unit != "item":
        raise SourceError(
            f"The format '{name}' holds models with one answer for each item, not for each {model.task.unit}."
        )
    return body_graph(model.source, model.head.feature_map.num_inputs, name)


def model_facts(model: TransferModel, graph: BodyGraph) -> dict[str, str]:
    """What a reader and a registry of models need to know, as texts; lists and mappings are JSON.

    Args:
        model: the model.
        graph: of it.

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> facts = model_facts(model, model_graph(model, "onnx"))
        >>> facts["labels"], facts["task"], facts["kind"]
        ('["left", "right"]', 'classification', 'rows')
    """
    info, task = model.source.info, model.task
    facts: dict[str, Any] = {
        "labels": list(task.labels),
        "task": task.kind,
        "kind": graph.kind,
        "thresholds": [0.5] * len(task.labels) if is_multilabel(task) else [],
        "columns": list(model.columns),
        "preprocessing": dict(graph.settings),
        "input": _plain(info.input),
        "source": info.name,
        "source_license": info.license or "",
        "source_revision": info.revision or "",
        "source_sha256": info.sha256 or "",
        "head": model.head.head,
        "features": model.head.feature_map.name,
        "calibration": sorted(model.head.calibration),
        "headstart_version": version("headstart"),
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in facts.items()
    }


def _plain(values: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(dict(values), default=str))


def traced_module(model: TransferModel, graph: BodyGraph) -> nn.Module:
    """One module from the graph's inputs, in their order, to the outputs (n, k) float32.

    Args:
        model: the model.
        graph: of it.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> traced_module(model, model_graph(model, "onnx"))(torch.zeros(3, 2)).shape
        torch.Size([3, 2])
    """
    made: nn.Module = _module_class()(graph, head_module(model))
    return made.eval().requires_grad_(requires_grad=False)


@cache
def _module_class() -> Any:
    import torch

    class TracedModel(torch.nn.Module):
        """Body, head and calibration."""

        def __init__(self, graph: BodyGraph, head: nn.Module) -> None:
            super().__init__()
            self.body, self.head = graph.module, head
            self.names, self.rows = tuple(graph.examples), graph.rows

        def forward(self, *inputs: Tensor) -> Tensor:
            found: Tensor = self.head(self.rows(self.body, dict(zip(self.names, inputs, strict=True))))
            return found

    return TracedModel


def write_onnx(model: TransferModel, graph: BodyGraph, file: Path) -> None:
    """Write a model as ONNX, with standard operators of opset 18 only.

    Args:
        model: the model.
        graph: of it, from `model_graph`.
        file: where to write; weights above 2 GB go beside it, to ``NAME.data``.

    Raises:
        MissingExtraError: if onnx or onnxscript is not installed.
        HeadstartError: if torch cannot export the body.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> file = Path(tempfile.mkdtemp()) / "model.onnx"
        >>> write_onnx(model, model_graph(model, "onnx"), file)
        >>> import onnx
        >>> [(one.name, one.type.tensor_type.shape.dim[0].dim_param) for one in onnx.load(file).graph.output]
        [('probabilities', 'n')]
    """
    onnx = import_onnx()
    proto = exported(traced_module(model, graph), graph.examples, graph.dynamic, ("outputs",), model.source.info.name)
    _name_axes(proto, graph, "values" if is_regression(model.task) else "probabilities")
    if graph.transform is not None:
        _put_before(proto, graph.transform)
    onnx.helper.set_model_props(proto, model_facts(model, graph))
    save_onnx(proto, file)


def import_onnx() -> Any:
    """The package onnx; raises `MissingExtraError` unless it and onnxscript are installed.

    Examples:
        >>> import_onnx().helper.make_opsetid("", OPSET).version
        18
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch imports it while exporting)
    except ImportError as error:
        raise MissingExtraError("Writing ONNX", "onnx") from error
    return onnx


def save_onnx(proto: Any, file: Path) -> None:
    """Write a model and check it; weights above 2 GB go beside it, to ``NAME.data``.

    Args:
        proto: the model.
        file: where to write.

    Examples:
        >>> import tempfile
        >>> import torch
        >>> proto = exported(torch.nn.Identity(), {"x": torch.zeros(2, 3)}, {"x": {0: "n"}}, ("y",), "nothing")
        >>> place = Path(tempfile.mkdtemp()) / "same.onnx"
        >>> save_onnx(proto, place)
        >>> place.stat().st_size > 0
        True
    """
    onnx = import_onnx()
    proto.producer_name, proto.producer_version = "headstart", version("headstart")
    big = proto.ByteSize() > MOST_BYTES
    onnx.save(proto, str(file), save_as_external_data=big, location=f"{file.name}.data" if big else None)
    onnx.checker.check_model(str(file))


def exported(
    module: nn.Module, examples: Mapping[str, Tensor], dynamic: Mapping[str, Mapping[int, str]],
    outputs: Sequence[str], body: str,
) -> Any:  # fmt: skip
    """A module as an ONNX model.

    Args:
        module: from the inputs, in their order, to the outputs.
        examples: an example of each input, by name.
        dynamic: for each input, the axes that may have any length.
        outputs: their names.
        body: the name of its body, for messages.

    Raises:
        HeadstartError: if torch cannot export it.

    Examples:
        >>> import torch
        >>> proto = exported(torch.nn.ReLU(), {"x": torch.zeros(2, 3)}, {"x": {0: "n"}}, ("y",), "nothing")
        >>> [node.op_type for node in proto.graph.node], proto.graph.output[0].name
        (['Relu'], 'y')
    """
    import torch

    names = list(examples)
    shapes = tuple(dict.fromkeys(dynamic[name], torch.export.Dim.DYNAMIC) for name in names)
    fused = torch.backends.mha.get_fastpath_enabled()
    with EXPORTING, _quiet():
        torch.backends.mha.set_fastpath_enabled(False)  # its operator is in no opset
        try:
            with torch.no_grad():
                program = torch.onnx.export(
                    module, tuple(examples.values()), dynamo=True, opset_version=OPSET, input_names=names,
                    output_names=list(outputs), dynamic_shapes=_shapes(module, shapes), verbose=False,
                )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            reason = " ".join(str(error.__cause__ or error).split())[:200]
            raise HeadstartError(
                f"The body '{body}' cannot be exported to ONNX ({reason}); fit again with another source."
            ) from error
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
    if program is None:
        raise HeadstartError(f"torch exported nothing of the body '{body}'; fit again with another source.")
    return program.model_proto


def _shapes(module: nn.Module, shapes: tuple[Any, ...]) -> Any:
    """The shapes as torch wants them: a module that takes ``*inputs`` has one argument of that name."""
    return {"inputs": shapes} if isinstance(module, _module_class()) else shapes


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter prints from a user, to whom it says nothing."""
    levels = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir")}
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _name_axes(proto: Any, graph: BodyGraph, output: str) -> None:
    """Names that a reader understands, for the axes and the output."""
    for value in proto.graph.input:
        for axis, name in graph.dynamic[value.name].items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    found = proto.graph.output[0]
    for node in proto.graph.node:
        for place, name in enumerate(node.output):
            if name == found.name:
                node.output[place] = output
        for place, name in enumerate(node.input):
            if name == found.name:
                node.input[place] = output
    found.name = output
    found.type.tensor_type.shape.dim[0].dim_param = "n"
    del proto.graph.value_info[:]  # they name the axes by numbers


def _put_before(proto: Any, transform: PictureTransform) -> None:
    """Resize and crop before the first input, which from there on takes pictures of any size."""
    nodes, constants = picture_front(transform, "crop")
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            if name == "pixels":
                node.input[place] = "crop"
    rest = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*nodes, *rest])
    proto.graph.initializer.extend(constants)
    for axis, name in ((1, "height"), (2, "width")):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
