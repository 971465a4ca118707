"""OpenVINO in int8: the rounded graph of a body, with a head that was solved on the rows of this graph.

The head of a model that was fitted in int8 (`headstart fit --int8 always`) was solved on such rows, with the ranges of
the activations that are in the model. Of a model that was fitted in another number format the training items are
encoded in int8, and its head is solved on them again, with the features, λ and calibration of the fit: they are read
where the fit found them, or from ``items``. `parity.json` says how far this is from the model as it was fitted.

Reference: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018.

Command: headstart export RUN --format openvino_int8 -o DIR
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.engine.backends.choice import availability_error
from headstart.engine.backends.int8_graph import quantised
from headstart.engine.backends.openvino import import_openvino, no_telemetry
from headstart.engine.backends.openvino_graph import exact_graph
from headstart.errors import MissingExtraError
from headstart.export.checking.heads import refuse_head
from headstart.export.checking.training_items import training_items
from headstart.export.graph.in_int8 import in_int8, refuse_int8
from headstart.export.graph.onnx_file import model_graph, write_onnx
from headstart.export.openvino import write_openvino
from headstart.export.registry import Written
from headstart.model import TransferModel
from headstart.sources.quantized import QuantizedSource
from headstart.sources.vector import VectorSource

__all__ = ["OPENVINO_INT8", "OpenVinoInt8"]


@dataclass(frozen=True)
class OpenVinoInt8:
    """An OpenVINO model whose convolutions run in int8.

    Attributes:
        items: the training data of a model that was not fitted in int8; None for the place where the fit found them.
        name: ``"openvino_int8"``.
        title: what it is.
        banned: Headstart and torch.

    Examples:
        >>> from headstart.engine.variants.int8_body import calibrate
        >>> from headstart.heads import select_head
        >>> from headstart.sources import open_source
        >>> from headstart.types import Task
        >>> full, shades = open_source("headstart:image"), [np.full((64, 64, 3), 20 * k, np.uint8) for k in range(12)]
        >>> source = QuantizedSource(full, calibrate(full.body, [np.stack(shades)]).ranges)
        >>> task, rows = Task("classification", ("dark", "light")), source.encode(shades)
        >>> model = TransferModel(source, task, select_head(rows, np.arange(12) // 6, task, blocks=source.info.blocks))
        >>> model.export("openvino_int8", Path(tempfile.mkdtemp()) / "shades", check=shades).parity.runtime
        'openvino int8'
    """

    items: Any = field(default=None, compare=False)
    name: str = "openvino_int8"
    title: str = "OpenVINO, int8"
    banned: tuple[str, ...] = ("headstart", "torch")

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write ``model.xml``, ``model.bin``, ``facts.json`` and ``model_openvino.py``.

        Raises:
            SourceError: if the body cannot run in int8, or the head cannot be solved again.
            DataError: if the training items are needed and not found.
        """
        if isinstance(model.source, QuantizedSource):
            return self._write(model, model.source, folder)
        if availability_error("openvino") is not None:
            raise MissingExtraError(f"The format '{self.name}'", "openvino")
        refuse_head(model, self.name)
        refuse_int8(model, self.name)
        found = training_items(model, self.items)
        rounded = in_int8(model, found.items, found.y)
        assert isinstance(rounded.source, QuantizedSource)  # noqa: S101 (`in_int8` makes no other)
        written = self._write(rounded, rounded.source, folder)
        again = {"items": len(found.items), "origin": found.origin, "features": "those of the fit"}
        return replace(written, model=rounded, facts={**written.facts, "head_solved_again_on": again})

    def _write(self, model: TransferModel, source: QuantizedSource, folder: Path) -> Written:
        graph = replace(model_graph(replace(model, source=source.full), self.name), transform=None)
        with no_telemetry():
            complete: Any = source.full.body
            body = quantised(exact_graph(complete.full.access), source.ranges)
            joined = _with_head(body, _head_model(model), _columns(source))
        return write_openvino(model, graph, joined, folder, weights="int8", multiplied_in="int8")


def _columns(source: QuantizedSource) -> list[int]:
    """The columns of the rows with all blocks that the source gives."""
    kept = {block.name for block in source.info.blocks}
    columns: list[int] = []
    start = 0
    for block in source.all_blocks() or source.info.blocks:
        columns += range(start, start + block.width) if block.name in kept else []
        start += block.width
    return columns


def _head_model(model: TransferModel) -> Any:
    """Head and calibration as an OpenVINO model of rows."""
    rows = replace(model, source=VectorSource())
    with tempfile.TemporaryDirectory(prefix="headstart-openvino-") as place:
        file = Path(place) / "head.onnx"
        write_onnx(rows, model_graph(rows, "openvino_int8"), file)
        core = import_openvino().Core()
        core.set_property({"ENABLE_MMAP": False})  # the file is deleted right after
        return core.read_model(file)


def _with_head(body: Any, head: Any, columns: list[int]) -> Any:
    """One model: the body's rows, the columns that are read, and the head on them."""
    ov = import_openvino()
    from openvino import opset13

    rows = body.outputs[0].get_node().input_value(0)
    read = opset13.gather(rows, np.array(columns, np.int64), np.int64(1))
    (parameter,) = head.get_parameters()
    for reader in parameter.output(0).get_target_inputs():
        reader.replace_source_output(read.output(0))
    (pixels,) = body.get_parameters()
    pixels.output(0).get_tensor().set_names({"pixels"})
    return ov.Model(head.get_results(), [pixels], "model")


OPENVINO_INT8 = OpenVinoInt8()
