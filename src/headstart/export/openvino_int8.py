"""OpenVINO in int8: the rounded graph of a model that was fitted on the rows of a body in int8.

Such a model's head was solved on these rows, so the rounding is part of its features, and the ranges of the activations
are those of the fit (`headstart fit --int8 always`). A model that was fitted in another number format is refused: its
head would read rows that it was not solved on.

Reference: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018.

Command: headstart export RUN --format openvino_int8 -o DIR
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.engine.backends.int8_graph import quantised
from headstart.engine.backends.openvino import import_openvino, no_telemetry
from headstart.engine.backends.openvino_graph import exact_graph
from headstart.errors import SourceError
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

    name: str = "openvino_int8"
    title: str = "OpenVINO, int8"
    banned: tuple[str, ...] = ("headstart", "torch")

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write ``model.xml``, ``model.bin``, ``facts.json`` and ``model_openvino.py``."""
        source = model.source
        if not isinstance(source, QuantizedSource):
            raise SourceError(
                f"The format '{self.name}' needs a model that was fitted in int8, which this one was not; fit again "
                "with --int8 always, or use the format 'openvino'."
            )
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
