"""The registry of export formats, and what each of them provides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from headstart.model import TransferModel
from headstart.model.annotator import AnnotationModel
from headstart.registry import Registry

__all__ = ["FORMATS", "ExportFormat", "HoldsAnnotations", "Written"]


@dataclass(frozen=True)
class Written:
    """What a format wrote, and how its folder is run without Headstart.

    Attributes:
        reader: the file in the folder that runs it: a Python file with a function ``probabilities(items)``, which takes
            a list of files or texts and returns (n, k).
        packages: the packages that the reader imports, whose versions `parity.json` states.
        model: the same model in the number format that was written, where its head was solved again; None otherwise.
        facts: further facts for `parity.json`, as plain JSON values.
        prepared: a function of (items, folder) that returns the items as the reader takes them after the model's own
            preprocessing (in files that it writes into the folder), for formats that hold the same numbers: on them
            the logarithms of the probabilities must agree to `SAME`. None for formats without that check.
        items: a function of (items, folder) that returns the items as the reader takes them; by default they are files,
            texts and rows of numbers.
        second: a reader of a second file, if there is one; it is run and compared on the same items as the first, and
            may answer NaN for an item that it does not read.
        second_packages: the packages that it imports.

    Examples:
        >>> Written("model.py", ("numpy", "onnxruntime")).model is None
        True
    """

    reader: str
    packages: tuple[str, ...]
    model: TransferModel | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    prepared: Callable[[Sequence[Any], Path], list[Any]] | None = None
    items: Callable[[Sequence[Any], Path], list[Any]] | None = None
    second: str = ""
    second_packages: tuple[str, ...] = ()


@runtime_checkable
class ExportFormat(Protocol):
    """An export format: one frozen dataclass each.

    Attributes:
        name: its name in the registry.
        title: what it is, in words.
        banned: packages that its reader must do without.
    """

    @property
    def name(self) -> str:
        """Its name in the registry."""
        ...

    @property
    def title(self) -> str:
        """What it is, in words."""
        ...

    @property
    def banned(self) -> tuple[str, ...]:
        """Packages that its reader must do without: with them in the way of its imports it is checked."""
        ...

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write a model into an empty folder.

        Raises:
            ExportError: if the format cannot hold the model.
            MissingExtraError: if a package that writes it is not installed.
        """
        ...


@runtime_checkable
class HoldsAnnotations(ExportFormat, Protocol):
    """An export format that also holds models which mark words, or draw boxes or masks.

    Examples:
        >>> [name for name in FORMATS if isinstance(FORMATS[name], HoldsAnnotations)]
        ['onnx', 'openvino', 'openvino_fp16']
    """

    def write_annotations(self, model: AnnotationModel, folder: Path) -> Written:
        """Write a model into an empty folder; the reader has a function ``annotations(items)``.

        Raises:
            ExportError: if the format cannot hold the model.
            MissingExtraError: if a package that writes it is not installed.
        """
        ...


FORMATS: Registry[ExportFormat] = Registry("format")
FORMATS.register("onnx", "headstart.export.onnx:ONNX")
FORMATS.register("openvino", "headstart.export.openvino:OPENVINO")
FORMATS.register("openvino_int8", "headstart.export.openvino_int8:OPENVINO_INT8")
FORMATS.register("openvino_fp16", "headstart.export.openvino_fp16:OPENVINO_FP16")
FORMATS.register("mlflow", "headstart.export.mlflow:MLFLOW")
FORMATS.register("sentence-transformers", "headstart.export.sentence_transformers:SENTENCE_TRANSFORMERS")
FORMATS.register("sklearn", "headstart.export.sklearn:SKLEARN")
FORMATS.register("timm", "headstart.export.timm:TIMM")
FORMATS.register("transformers", "headstart.export.transformers:TRANSFORMERS")
