"""Writing a dataset of annotations in any of the formats that are read."""

from __future__ import annotations

from pathlib import Path

from headstart.data.annotations.registry import ANNOTATION_FORMATS
from headstart.errors import ParameterError, UsageError
from headstart.io import atomic_folder
from headstart.types import ANNOTATION_KINDS, Dataset

__all__ = ["DEFAULT_FORMATS", "write_annotations"]

DEFAULT_FORMATS = {"token": "spans", "box": "coco", "mask": "masks"}
"""By kind of task, the format that holds all of it: texts and scores, ignored regions, numbers of objects."""


def write_annotations(dataset: Dataset, folder: str | Path, *, format_name: str | None = None) -> tuple[str, ...]:
    r"""Write annotated items into a new folder, which `headstart.data.read` gives back; pictures are copied.

    Boxes and masks are written for the pixels as they are stored, which are turned where a picture has an EXIF
    orientation. The folder appears only when it is complete.

    Args:
        dataset: with spans, boxes or masks as labels, such as predictions.
        folder: to write; it must not exist, or be empty.
        format_name: a name in `headstart.data.annotations.registry.ANNOTATION_FORMATS`; default: the one that
            holds most (`DEFAULT_FORMATS`).

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
    name = DEFAULT_FORMATS[task.kind] if format_name is None else format_name
    writer = ANNOTATION_FORMATS[name]
    if task.kind not in writer.writes:
        fitting = [one for one in ANNOTATION_FORMATS if task.kind in ANNOTATION_FORMATS[one].writes]
        raise ParameterError(
            f"The 'format_name' parameter of write_annotations must be one of {', '.join(fitting)} for the task "
            f"'{task.kind}'. Got {name!r} instead."
        )
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"'{target}' exists already and is not an empty folder; give the path of a new folder.")
    with atomic_folder(target) as scratch:
        return writer.write(dataset, scratch)
