"""OpenVINO: an intermediate representation, ``model.xml`` and ``model.bin``, with weights in fp32.

The graph is that of the ONNX export, except that pictures go in cropped, (n, height, width, 3) uint8: the reader
``model_openvino.py`` resizes and crops them with Pillow. It asks for fp32 (``INFERENCE_PRECISION_HINT``), so that its
answers are the model's; without that line OpenVINO multiplies in bf16 where the CPU has it, faster and less exactly.
``facts.json`` holds label names, thresholds, licence and preprocessing.

A model that marks words, or draws boxes or masks, is written up to what each word or cell says; ``reader.py`` decodes
that.

Reference: Intel, "OpenVINO toolkit", https://docs.openvino.ai.

Command: headstart export RUN --format openvino -o DIR
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headstart.engine.backends.choice import availability_error
from headstart.engine.backends.openvino import import_openvino, no_telemetry
from headstart.errors import MissingExtraError
from headstart.export.annotations.files import READER, refuse_annotations, write_annotator
from headstart.export.graph.bodies import BodyGraph
from headstart.export.graph.onnx_file import model_facts, model_graph, write_onnx
from headstart.export.readers.places import copy_reader
from headstart.export.registry import Written
from headstart.io import write_json
from headstart.model import TransferModel
from headstart.model.annotator import AnnotationModel

__all__ = ["OPENVINO", "OpenVinoFolder", "write_openvino"]

PACKAGES = {
    "image": ("pillow",), "text": ("tokenizers",), "sound": ("soundfile",), "spectrogram": ("pillow", "soundfile"),
    "rows": (),
}  # fmt: skip


@dataclass(frozen=True)
class OpenVinoFolder:
    """An OpenVINO model and what runs it.

    Attributes:
        compressed: whether weights are stored in fp16, half the size; they are multiplied in fp32 all the same.
        name: ``"openvino"``.
        title: what it is.
        banned: Headstart and torch.

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> folder = Path(tempfile.mkdtemp()) / "left-or-right"
        >>> model.export("openvino", folder, check=rows).parity.flips
        0
        >>> sorted(path.name for path in folder.iterdir())
        ['facts.json', 'model.bin', 'model.xml', 'model_openvino.py', 'parity.json']
    """

    compressed: bool = False
    name: str = "openvino"
    title: str = "OpenVINO, weights in fp32"
    banned: tuple[str, ...] = ("headstart", "torch")

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write ``model.xml``, ``model.bin``, ``facts.json``, ``model_openvino.py`` and what this needs beside them."""
        if availability_error("openvino") is not None:
            raise MissingExtraError(f"The format '{self.name}'", "openvino")
        graph = replace(model_graph(model, self.name), transform=None)
        ov = import_openvino()
        with tempfile.TemporaryDirectory(prefix="headstart-openvino-") as place, no_telemetry():
            file = Path(place) / "model.onnx"
            write_onnx(model, graph, file)
            core = ov.Core()
            core.set_property({"ENABLE_MMAP": False})  # the file is deleted right after
            weights = "fp16" if self.compressed else "fp32"
            return write_openvino(model, graph, core.read_model(file), folder, weights=weights, multiplied_in="fp32")

    def write_annotations(self, model: AnnotationModel, folder: Path) -> Written:
        """Write ``model.xml``, ``model.bin``, ``reader.py``, ``facts.json`` and what the reader needs beside them.

        Raises:
            SourceError: for compressed weights, with which boxes and masks would not be the model's.
        """
        if self.compressed:
            raise refuse_annotations(self.name, model.task)
        return Written(READER, write_annotator(model, folder, self.name, "openvino"))


def write_openvino(
    model: TransferModel, graph: BodyGraph, made: Any, folder: Path, *, weights: str, multiplied_in: str
) -> Written:
    """Write the files of an OpenVINO model.

    Args:
        model: the model.
        graph: of it.
        made: the OpenVINO model.
        folder: where to write.
        weights: the number format of the weights; ``"fp16"`` rounds them.
        multiplied_in: the number format of the products, as `parity.json` states it.

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> OPENVINO.write(model, Path(tempfile.mkdtemp())).facts
        {'weights': 'fp32', 'multiplied_in': 'fp32'}
    """
    import_openvino().save_model(made, folder / "model.xml", compress_to_fp16=weights == "fp16")
    write_json(folder / "facts.json", {key: _value(text) for key, text in model_facts(model, graph).items()})
    if graph.write is not None:
        graph.write(folder)
    return Written(
        copy_reader(f"openvino_{graph.kind}", folder / "model_openvino.py"),
        ("numpy", "openvino", *PACKAGES[graph.kind]),
        facts={"weights": weights, "multiplied_in": multiplied_in},
    )


def _value(text: str) -> object:
    return json.loads(text) if text[:1] in ("[", "{") else text


OPENVINO = OpenVinoFolder()
