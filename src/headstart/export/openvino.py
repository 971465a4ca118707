"""OpenVINO: an intermediate representation, ``model.xml`` and ``model.bin``, with weights in fp32.

The graph is that of the ONNX export, except that pictures go in cropped, (n, height, width, 3) uint8: the reader
``model_openvino.py`` resizes and crops them with Pillow. It asks for fp32 (``INFERENCE_PRECISION_HINT``), so that its
answers are the model's; without that line OpenVINO multiplies in bf16 where the CPU has it, faster and less exactly.
``facts.json`` holds label names, thresholds, licence and preprocessing.

Reference: Intel, "OpenVINO toolkit", https://docs.openvino.ai.

Command: headstart export RUN --format openvino -o DIR
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.engine.backends.choice import availability_error
from headstart.engine.backends.openvino import import_openvino, no_telemetry
from headstart.errors import MissingExtraError
from headstart.export.graph.onnx_file import model_facts, model_graph, write_onnx
from headstart.export.readers.places import copy_reader
from headstart.export.registry import Written
from headstart.io import write_json
from headstart.model import TransferModel

__all__ = ["OPENVINO", "OpenVinoFolder"]

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
            ov.save_model(core.read_model(file), folder / "model.xml", compress_to_fp16=self.compressed)
        facts = {key: _value(text) for key, text in model_facts(model, graph).items()}
        write_json(folder / "facts.json", facts)
        if graph.write is not None:
            graph.write(folder)
        return Written(
            copy_reader(f"openvino_{graph.kind}", folder / "model_openvino.py"),
            ("numpy", "openvino", *PACKAGES[graph.kind]),
            facts={"weights": "fp16" if self.compressed else "fp32", "multiplied_in": "fp32"},
        )


def _value(text: str) -> object:
    return json.loads(text) if text[:1] in ("[", "{") else text


OPENVINO = OpenVinoFolder()
