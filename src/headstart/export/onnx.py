"""ONNX: one file of standard operators, from pixels, token ids, a waveform or rows to calibrated outputs.

The folder holds ``model.onnx``, ``model.py``, which runs it from file to label with numpy and onnxruntime alone, for a
text ``tokenizer.json``, and ``parity.json``.

Pictures go in as bytes (n, height, width, 3) of any size: resize, crop and normalisation are in the graph. Texts go in
as ``input_ids`` and ``attention_mask`` (n, tokens); sounds as waveforms at 16 kHz, with the log-mel spectrogram in the
graph. Label names, thresholds, licence and preprocessing are metadata of the file.

With ``with_decoder`` there is a second file, ``model_with_decoder.onnx``, which onnxruntime-extensions runs: it takes
the bytes of one JPEG or PNG file, or one raw text of a BERT tokenizer. An item that it would read otherwise than the
model has the answer NaN: a picture to be turned upright or with transparent parts, in 16 bits or in another format, a
file that is cut, and a text with a character that is tokenized otherwise.

A model that marks words, or draws boxes or masks, is written up to what each word or cell says; ``reader.py`` decodes
that.

Reference: ONNX, "Open Neural Network Exchange", opset 18, https://onnx.ai.

Command: headstart export RUN --format onnx -o DIR
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.errors import UsageError
from headstart.export.annotations.files import READER, write_annotator
from headstart.export.graph.onnx_file import model_graph, write_onnx
from headstart.export.graph.with_decoder import refuse_decoder, write_with_decoder
from headstart.export.readers.places import copy_reader
from headstart.export.registry import Written
from headstart.model import TransferModel
from headstart.model.annotator import AnnotationModel

__all__ = ["ONNX", "Onnx"]

PACKAGES = {
    "image": ("pillow",), "text": ("tokenizers",), "sound": ("soundfile",), "spectrogram": ("pillow", "soundfile"),
    "rows": (),
}  # fmt: skip


@dataclass(frozen=True)
class Onnx:
    """One ONNX file.

    Attributes:
        with_decoder: whether to write a second file with the decoder or the tokenizer inside.
        name: ``"onnx"``.
        title: what it is.
        banned: Headstart and torch.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> folder = Path(tempfile.mkdtemp()) / "left-or-right"
        >>> model.export("onnx", folder, check=rows).parity.flips
        0
        >>> sorted(path.name for path in folder.iterdir())
        ['model.onnx', 'model.py', 'parity.json']
    """

    with_decoder: bool = False
    name: str = "onnx"
    title: str = "ONNX, standard operators"
    banned: tuple[str, ...] = ("headstart", "torch")

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write ``model.onnx``, ``model.py`` and what the reader needs beside them."""
        graph = model_graph(model, self.name)
        if self.with_decoder:
            refuse_decoder(model.source, graph.kind)
        write_onnx(model, graph, folder / "model.onnx")
        if graph.write is not None:
            graph.write(folder)
        reader = copy_reader(f"onnx_{graph.kind}", folder / "model.py")
        packages = ("numpy", "onnxruntime", *PACKAGES[graph.kind])
        if not self.with_decoder:
            return Written(reader, packages)
        write_with_decoder(model.source, graph, folder / "model.onnx", folder / "model_with_decoder.onnx")
        second = copy_reader(f"onnx_encoded_{graph.kind}", folder / "model_with_decoder.py")
        return Written(
            reader, packages, second=second, second_packages=("numpy", "onnxruntime", "onnxruntime-extensions")
        )

    def write_annotations(self, model: AnnotationModel, folder: Path) -> Written:
        """Write ``model.onnx``, ``reader.py``, ``facts.json`` and what the reader needs beside them."""
        if self.with_decoder:
            raise UsageError("--with-decoder is for models with one answer for each item; leave it out.")
        return Written(READER, write_annotator(model, folder, self.name, "onnx"))


ONNX = Onnx()
