"""Writing a dataset of annotations in any of the formats that are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headstart.data.annotations.reading import parse_wanted
from headstart.data.annotations.registry import ANNOTATION_FORMATS, AnnotationFormat, TellsPredictions
from headstart.errors import ParameterError, UsageError
from headstart.io import atomic_folder
from headstart.types import ANNOTATION_KINDS, Dataset

__all__ = ["DEFAULT_FORMATS", "find_writer", "write_annotations"]

DEFAULT_FORMATS = {"token": "spans", "box": "coco", "mask": "masks"}
"""By kind of task, the format that holds all of it: texts and scores, ignored regions, numbers of objects."""

HELD = {"token": "spans of words", "box": "boxes", "mask": "masks"}


def write_annotations(
    dataset: Dataset, folder: str | Path, *, format_name: str | None = None, predicted: bool = False
) -> tuple[str, ...]:
    r"""Write annotated items into a new folder, which `headstart.data.read` gives back; pictures are copied.

    Boxes and masks are written for the pixels as they are stored, which are turned where a picture has an EXIF
    orientation. The folder appears only when it is complete.

    Args:
        dataset: with spans, boxes or masks as labels, such as predictions.
        folder: to write; it must not exist, or be empty.
        format_name: a name in `headstart.data.annotations.registry.ANNOTATION_FORMATS`, and what may be chosen
            (``"conll,scheme=BIOES"``, ``"spans,form=doccano"``, ``"masks,values=colours"``); default: the one that
            holds most (`DEFAULT_FORMATS`).
        predicted: whether a model made the annotations, which Label Studio is then told; annotations with scores always
            count as such.

    Returns:
        What the format cannot hold, one sentence each.

    Raises:
        ParameterError: if the format cannot hold such annotations.
        UnknownNameError: if it is not known.
        DataError: if a value cannot be written in the format.
        UsageError: if the folder holds something already.
        SaveError: if it cannot be written.

    Examples:
        >>> import tempfile
        >>> from headstart.data import read
        >>> data = read(([["Ada", "ran"]], [["B-PER", "O"]]), task="token")
        >>> folder = Path(tempfile.mkdtemp()) / "out"
        >>> write_annotations(data, folder, format_name="conll")
        ()
        >>> (folder / "data.conll").read_text()
        'Ada\tB-PER\nran\tO\n'
    """
    task, _ = dataset.labelled()
    if task.kind not in ANNOTATION_KINDS:
        raise ParameterError(
            f"The 'dataset' parameter of write_annotations must hold spans, boxes or masks. Got a task "
            f"'{task.kind}' instead."
        )
    writer, settings = find_writer(task.kind, format_name)
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"'{target}' exists already and is not an empty folder; give the path of a new folder.")
    with atomic_folder(target) as scratch:
        if predicted and isinstance(writer, TellsPredictions):
            return writer.write_predictions(dataset, scratch, settings)
        return writer.write(dataset, scratch, settings)


def find_writer(kind: str, format_name: str | None = None) -> tuple[AnnotationFormat, Mapping[str, str]]:
    """The format that writes a kind of annotations, with a value for each of its settings.

    Args:
        kind: ``"token"``, ``"box"`` or ``"mask"``.
        format_name: as in `write_annotations`.

    Raises:
        ParameterError: if the format cannot hold such annotations, or has no such setting.
        UnknownNameError: if it is not known.

    Examples:
        >>> writer, settings = find_writer("token", "conll,scheme=BIOES")
        >>> writer.title, settings
        ('CoNLL', {'scheme': 'BIOES'})
        >>> find_writer("token", "yolo")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The format 'yolo' cannot hold spans of words, which are written as conll, ...
    """
    wanted = parse_wanted(format_name or DEFAULT_FORMATS[kind], for_writing=True)
    writer = ANNOTATION_FORMATS[wanted.name]
    if kind not in writer.writes:
        fitting = [one for one in ANNOTATION_FORMATS if kind in ANNOTATION_FORMATS[one].writes]
        raise ParameterError(
            f"The format '{wanted.name}' cannot hold {HELD[kind]}, which are written as "
            f"{', '.join(fitting[:-1])} or {fitting[-1]}; name one of these."
        )
    return writer, {name: values[0] for name, values in writer.written.items()} | dict(wanted.settings)
