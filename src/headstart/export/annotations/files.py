"""The files of an exported model that annotates items: graph, facts, reader, page and licence."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headstart.annotations import Sentence
from headstart.data.annotations.words import sentence_of_text
from headstart.engine.backends.choice import availability_error
from headstart.engine.backends.openvino import import_openvino, no_telemetry
from headstart.errors import MissingExtraError, SourceError
from headstart.export.annotations.boxes import box_graph
from headstart.export.annotations.graph import AnnotationGraph
from headstart.export.annotations.masks import mask_graph
from headstart.export.annotations.words import word_graph
from headstart.export.checking.as_files import as_files
from headstart.export.folders.page import write_licence, write_page
from headstart.export.graph.onnx_file import exported, import_onnx, save_onnx
from headstart.export.readers.places import copy_reader
from headstart.heads.boxes.dense import DenseBoxes
from headstart.heads.boxes.solved import SolvedBoxes
from headstart.heads.boxes.tiled import TiledBoxes
from headstart.heads.masks.mask_head import MaskHead
from headstart.heads.masks.trained_head import TrainedMaskHead
from headstart.heads.words.head import WordsHead
from headstart.io import write_json
from headstart.model.annotator import AnnotationModel
from headstart.types import Task

__all__ = [
    "READER", "annotation_graph", "as_given", "needs", "refuse_annotations", "write_annotator", "write_graph",
    "write_reader",
]  # fmt: skip

READER = "reader.py"
PACKAGES = {"word": ("numpy", "tokenizers"), "box": ("numpy", "pillow"), "mask": ("numpy", "pillow")}
ITEMS = {"word": "Ada Lovelace was born in London.", "box": "picture.jpg", "mask": "picture.jpg"}
ANSWERS = {"word": "Spans of words", "box": "Boxes of objects", "mask": "Masks of pictures"}
PICTURES = "Pictures of 16 bits, and others that Pillow does not open as 8 bits, are read otherwise than by Headstart."
LIMITS = {
    "word": "A text is split into words as Headstart does; give lists of words where they are known.",
    "box": f"{PICTURES} Boxes below the score `SHOWN` of `reader.py` are found too, but not printed.",
    "mask": PICTURES,
}
RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino"}


def write_annotator(model: AnnotationModel, folder: Path, name: str, runtime: str) -> tuple[str, ...]:
    """Write all files of a model that annotates items.

    Args:
        model: the model.
        folder: where to write.
        name: of the format, for messages.
        runtime: ``"onnx"`` or ``"openvino"``.

    Returns:
        The packages that the reader imports.

    Raises:
        SourceError: if the format cannot hold it.
        MissingExtraError: if a package that writes it is not installed.

    Examples:
        >>> from headstart.export.annotations.toy import toy_mask_model
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_annotator(toy_mask_model(), folder, "onnx", "onnx")
        ('numpy', 'pillow', 'onnxruntime')
        >>> sorted(file.name for file in folder.iterdir())
        ['README.md', 'facts.json', 'model.onnx', 'reader.py']
    """
    graph = annotation_graph(model, name)
    write_graph(model, graph, folder, runtime)
    write_reader(model, graph, folder, runtime)
    return needs(graph, runtime)


def refuse_annotations(name: str, task: Task) -> SourceError:
    """The error of a format that does not hold models which annotate items.

    Examples:
        >>> print(str(refuse_annotations("timm", Task("box", ("cup",)))).partition(";")[0])
        The format 'timm' holds models with one answer for each item, and this one draws boxes
    """
    what = {"token": "marks words", "box": "draws boxes", "mask": "draws masks"}.get(task.kind, "annotates items")
    return SourceError(
        f"The format '{name}' holds models with one answer for each item, and this one {what}; use onnx or openvino, "
        "which hold it in fp32."
    )


def as_given(items: Sequence[Any], folder: Path) -> list[Any]:
    """Items as the reader takes them: files, and of sentences the text, or the words where it splits otherwise.

    Args:
        items: n pictures or `headstart.annotations.Sentence` objects.
        folder: where files are written.

    Examples:
        >>> as_given([Sentence.of_words(["Ada", "wrote"]), Sentence.of_words(["well-known"])], Path("nowhere"))
        ['Ada wrote', ['well-known']]
    """
    if not all(isinstance(item, Sentence) for item in items):
        return as_files(items, "image", folder)
    return [one.text if sentence_of_text(one.text).words == one.words else list(one.words) for one in items]


def annotation_graph(model: AnnotationModel, name: str) -> AnnotationGraph:
    """The graph of a model that annotates items.

    Args:
        model: the model.
        name: of the format, for messages.

    Raises:
        SourceError: if the format cannot hold it.

    Examples:
        >>> from headstart.export.annotations.toy import toy_mask_model
        >>> annotation_graph(toy_mask_model(), "onnx").outputs
        {'probabilities': '(n, 8, 8, 2) float32, of the classes in each cell'}
    """
    head, source = model.head, model.source
    if isinstance(head, MaskHead | TrainedMaskHead):
        return mask_graph(head, source, model.task)
    if isinstance(head, SolvedBoxes | DenseBoxes | TiledBoxes):
        return box_graph(head, source)
    if isinstance(head, WordsHead):
        return word_graph(head, source, name)
    raise SourceError(f"The format '{name}' does not hold the head '{head.name}'; fit again with a head of Headstart.")


def needs(graph: AnnotationGraph, runtime: str) -> tuple[str, ...]:
    """The packages that the reader imports.

    Args:
        graph: of the model.
        runtime: ``"onnx"`` or ``"openvino"``.

    Examples:
        >>> from headstart.export.annotations.toy import toy_mask_model
        >>> needs(annotation_graph(toy_mask_model(), "onnx"), "onnx")
        ('numpy', 'pillow', 'onnxruntime')
    """
    return (*PACKAGES[graph.kind], RUNTIMES[runtime])


def write_graph(model: AnnotationModel, graph: AnnotationGraph, folder: Path, runtime: str) -> None:
    """Write ``model.onnx``, or ``model.xml`` and ``model.bin``.

    Args:
        model: the model.
        graph: of it.
        folder: where to write.
        runtime: ``"onnx"`` or ``"openvino"``.

    Raises:
        MissingExtraError: if a package that writes it is not installed.
        HeadstartError: if torch cannot export the body.

    Examples:
        >>> from headstart.export.annotations.toy import toy_mask_model
        >>> folder, model = Path(tempfile.mkdtemp()), toy_mask_model()
        >>> write_graph(model, annotation_graph(model, "onnx"), folder, "onnx")
        >>> [file.name for file in folder.iterdir()]
        ['model.onnx']
    """
    if runtime == "onnx":
        _write_onnx(model, graph, folder / "model.onnx")
        return
    if availability_error("openvino") is not None:
        raise MissingExtraError("The format 'openvino'", "openvino")
    ov = import_openvino()
    with tempfile.TemporaryDirectory(prefix="headstart-openvino-") as place, no_telemetry():
        file = Path(place) / "model.onnx"
        _write_onnx(model, graph, file)
        core = ov.Core()
        core.set_property({"ENABLE_MMAP": False})  # the file is deleted right after
        ov.save_model(core.read_model(file), folder / "model.xml", compress_to_fp16=False)


def _write_onnx(model: AnnotationModel, graph: AnnotationGraph, file: Path) -> None:
    onnx = import_onnx()
    names = tuple(graph.dynamic_outputs)
    proto = exported(graph.module, graph.examples, graph.dynamic, names, model.source.info.name)
    for values, axes in ((proto.graph.input, graph.dynamic), (proto.graph.output, graph.dynamic_outputs)):
        for value in values:
            for axis, name in axes[value.name].items():
                value.type.tensor_type.shape.dim[axis].dim_param = name
    del proto.graph.value_info[:]  # they name the axes by numbers
    facts = {"labels": list(model.task.labels), "task": model.task.kind, "source": model.source.info.name}
    onnx.helper.set_model_props(proto, {key: json.dumps(value, ensure_ascii=False) for key, value in facts.items()})
    save_onnx(proto, file)


def write_reader(model: AnnotationModel, graph: AnnotationGraph, folder: Path, runtime: str) -> None:
    """Write ``reader.py``, ``facts.json``, ``README.md``, and what the reader needs besides.

    Args:
        model: the model.
        graph: of it.
        folder: where to write.
        runtime: ``"onnx"`` or ``"openvino"``.

    Examples:
        >>> from headstart.export.annotations.toy import toy_mask_model
        >>> folder, model = Path(tempfile.mkdtemp()), toy_mask_model()
        >>> write_reader(model, annotation_graph(model, "onnx"), folder, "onnx")
        >>> sorted(file.name for file in folder.iterdir())
        ['README.md', 'facts.json', 'reader.py']
    """
    info = model.source.info
    facts: Mapping[str, Any] = {
        "labels": list(model.task.labels), "task": model.task.kind, "head": model.head.name,
        "inputs": dict(graph.inputs), "outputs": dict(graph.outputs), "reading": dict(graph.settings),
        "source": info.name, "source_license": info.license or "", "source_revision": info.revision or "",
        "source_sha256": info.sha256 or "", "headstart_version": version("headstart"),
    }  # fmt: skip
    write_json(folder / "facts.json", facts)
    copy_reader(f"annotated_{graph.kind}", folder / READER)
    item, packages = ITEMS[graph.kind], " ".join(needs(graph, runtime))
    rows = [f"| input `{name}` | {what} |" for name, what in graph.inputs.items()]
    rows += [f"| output `{name}` | {what} |" for name, what in graph.outputs.items()]
    table = "\n".join(["| | |", "|---|---|", *rows])
    write_page(
        model, folder, f"{ANSWERS[graph.kind]} of {info.name}", f"from reader import annotations\n\n"
        f"print(annotations([{item!r}])[0])", limits=LIMITS[graph.kind], needs=f"pip install {packages}",
        reader=READER, more=f"## The graph\n\n{table}\n\n`reader.py` prepares the inputs and decodes the outputs.\n\n",
    )  # fmt: skip
    write_licence(model, folder)
    if graph.write is not None:
        graph.write(folder)
