"""The entry point for data: reads whatever the user provides into a `headstart.types.Dataset`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.location import Location
from headstart.data.annotations.objects import annotated_object
from headstart.data.annotations.reading import Wanted, find_format, read_annotated
from headstart.data.folder.archives import UNREAD_ARCHIVES, archive_notes, is_archive, unpack
from headstart.data.folder.folders import read_folder
from headstart.data.folder.listing import media_of_file
from headstart.data.labels import KINDS
from headstart.data.media.file_kinds import HEAD_BYTES, MEDIA, OTHER_FILES, content_of
from headstart.data.python_inputs import read_object
from headstart.data.schema import ReadOptions, RowsRead, to_dataset
from headstart.data.table.files import TABLES, decode_text, read_table, table_kind
from headstart.errors import DataError
from headstart.params import check_choice
from headstart.types import ANNOTATION_KINDS, Dataset, Modality, TaskKind

__all__ = ["read", "read_if_annotated", "read_with"]

PACKED = ("a zip archive", "a RAR archive", "a 7z archive", "a gzip file", "an xz file", "a bzip2 file")


def read(
    data: Any,
    *,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    labelled: bool = True,
    numbers: Sequence[str] = (),
    annotations: str | None = None,
) -> Dataset:
    """Read labelled items, or items to predict; everything that is inferred is reported in ``Dataset.notes``.

    Args:
        data: annotated sentences or pictures in a format of `headstart.data.annotations.registry`, which is recognised;
            a folder (with a folder for each class, which may lie in folders of splits or folds; or with tables), a
            table (CSV, TSV, JSONL, JSON, Parquet; Excel and OpenDocument with the extra ``excel``), an archive of these
            (tar, tar.gz, tar.xz, tar.bz2, zip), or a Python object: paths, texts, PIL images, arrays, tensors, sounds
            ``(samples, rate)``, a DataFrame, a dict of columns, a Hugging Face dataset, or a pair ``(items, labels)``.
            To predict, also a single picture or sound, or a text file with one item per line.
        label: name of the label column; or names of several columns, of 0 and 1 (multi-label) or of numbers
            (multi-output regression).
        item: name of the column of texts or paths; or several columns (a list, or separated by commas) of pictures,
            sounds, texts, numbers and categories that together make up an item. Each may be followed by ``:image``,
            ``:audio``, ``:text``, ``:number`` or ``:category``; otherwise its kind is inferred.
        group_col: name of the group column, such as the patient or the speaker; items of a group are never split up.
        group_pattern: a regular expression that captures an item's group from its name (its path relative to the
            folder), or from its value of ``group_col``: ``"_([a-z]+)_"`` captures the speaker in
            ``"7_jackson_32.wav"``.
        time_col: name of the column of times, numbers or dates.
        task: kind of task; inferred by default.
        modality: kind of item; inferred by default.
        labelled: False reads items to predict; label columns are then ignored, and are not features.
        numbers: names of columns that are known to hold numbers, such as the ones a model was fitted on: other cells in
            them count as missing, even if there are only a few rows.
        annotations: format of annotations and its settings where they cannot be told from the files, such as
            ``"conll,scheme=BILOU"`` or ``"masks,values=classes"``.

    Raises:
        DataError: if the data cannot be read, or no task can be made of the labels; the message says what to do.
        ParameterError: if ``task`` or ``modality`` is not known.

    Examples:
        >>> data = read((["good", "bad", "fine", "poor"], ["+", "-", "+", "-"]))
        >>> data.modality, data.task.labels, data.y.tolist()
        ('text', ('+', '-'), [0, 1, 0, 1])
    """
    options = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, labelled=labelled, numbers=numbers, annotations=annotations,
    )  # fmt: skip
    return read_with(data, options)


def read_with(data: Any, options: ReadOptions) -> Dataset:
    """`read` with its options in one record, for callers that pass them on.

    Args:
        data: as in `read`.
        options: how to read.

    Raises:
        DataError: if the data cannot be read, or no task can be made of the labels.
        ParameterError: if ``task`` is not known.

    Examples:
        >>> read_with({"note": ["good", "bad"], "mood": ["+", "-"]}, ReadOptions.of(label="mood")).task.labels
        ('+', '-')
    """
    check_choice(options.task, "task", "read", (None, *KINDS, *ANNOTATION_KINDS))
    if isinstance(data, (str, os.PathLike)):
        path = Path(data).expanduser()
        annotated = _read_annotations(path, options)
        if annotated is not None:
            return annotated.dataset(options, f"'{data}'")
        try:
            return to_dataset(_read_path(path, options), options, f"'{data}'")
        except DataError as error:
            hint = _is_annotated(path, options)
            if not hint:
                raise
            raise DataError(f"{error}{hint}") from error
    found = annotated_object(data, options)
    if found is not None:
        return found.dataset(options, f"the {type(data).__name__} given")
    return to_dataset(read_object(data, options), options, f"the {type(data).__name__} given")


def read_if_annotated(path: Path, options: ReadOptions) -> Dataset | None:
    r"""The annotated items of a file, folder or archive; None if it is of no format of annotations.

    Args:
        path: the file or folder.
        options: how to read; whether ``labelled`` makes no difference.

    Raises:
        DataError: if the annotations cannot be read.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "train.conll"
        >>> _ = path.write_text("Ada B-PER\nran O\n")
        >>> read_if_annotated(path, ReadOptions(labelled=False)).items[0].words
        ('Ada', 'ran')
    """
    wanted = replace(options, labelled=True)
    found = _read_annotations(path.expanduser(), wanted)
    return None if found is None else found.dataset(wanted, f"'{path}'")


def _read_annotations(path: Path, options: ReadOptions) -> Annotated | None:
    """Annotated items of a file, folder or archive; None if there are none, or the path is none that can be read."""
    is_wanted = options.annotations is not None or options.task in ANNOTATION_KINDS
    if not is_wanted and (not options.labelled or options.task is not None):
        return None
    try:
        if path.is_dir():
            return read_annotated(path, options)
        if not path.is_file():
            return None
        if not path.name.lower().endswith(UNREAD_ARCHIVES) and (is_archive(path) or _is_packed(path)):
            found = read_annotated(unpack(path), options, path)
            return found and replace(found, notes=(*archive_notes(path), *found.notes))
        return read_annotated(path, options)
    except OSError as error:
        raise DataError(f"Cannot read '{path}': {error.strerror or error}.") from error


def _is_annotated(path: Path, options: ReadOptions) -> str:
    """A hint for a path that holds annotations where labels of whole items were asked for; else nothing."""
    if not options.labelled or options.task in (None, *ANNOTATION_KINDS) or not path.exists():
        return ""
    try:
        found = find_format(Location(path, replace(options, task=None)), Wanted())
    except (DataError, OSError):
        return ""
    if found is None:
        return ""
    return f" It looks like {found.title}: leave out --task {options.task}, or state --task {' or '.join(found.kinds)}."


def _read_path(path: Path, options: ReadOptions) -> RowsRead:
    try:
        if path.is_dir():
            return read_folder(path, options)
        if not path.exists():
            raise DataError(_missing(path))
        if path.is_file():
            return _read_file(path, options)
    except OSError as error:  # no permission, or a name too long; parsers report their own errors
        raise DataError(f"Cannot read '{path}': {error.strerror or error}.") from error
    raise DataError(f"Cannot read '{path}': it is neither a regular file nor a folder.")


def _read_archive(path: Path, options: ReadOptions) -> RowsRead:
    folder = unpack(path)
    try:
        rows = read_folder(folder, options)
    except DataError as error:  # the user knows the archive, not the cache folder it was unpacked into
        raise DataError(str(error).replace(str(folder), str(path))) from error
    notes = (note.replace(str(folder), str(path)) for note in rows.notes)
    return replace(rows, notes=(*archive_notes(path), *notes))


def _is_packed(path: Path) -> bool:
    """Whether a file is an archive although its name does not say so."""
    if path.suffix.lower() in {*TABLES, *MEDIA, *OTHER_FILES, ".txt"}:
        return False
    with path.open("rb") as file:
        return content_of(file.read(HEAD_BYTES)).name in PACKED


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"The link '{path}' is broken; fix it or give another path."
    parent = path.parent
    if not parent.is_dir():
        return f"There is no file or folder '{path}' (nor a folder '{parent}'); check the path."
    names = [entry.name for entry in islice(parent.iterdir(), 10_000)]
    near = get_close_matches(path.name, names, n=1, cutoff=0.7)
    hint = f" Did you mean '{parent / near[0]}'?" if near else ""
    return f"There is no file or folder '{path}'; check the path.{hint}"


def _read_file(path: Path, options: ReadOptions) -> RowsRead:
    if table_kind(path) is not None:
        return read_table(path, options)
    if path.name.lower().endswith(UNREAD_ARCHIVES):
        raise DataError(
            f"Cannot read '{path}': this archive format is not supported; unpack it and give the folder, or repack it "
            "as .zip or .tar.gz."
        )
    if is_archive(path) or _is_packed(path):
        return _read_archive(path, options)
    suffix = path.suffix.lower()
    kind = media_of_file(path)
    if not options.labelled and kind is not None:
        return RowsRead([str(path)], (path.name,), kind)
    if not options.labelled and suffix == ".txt":
        text, notes = decode_text(path.read_bytes(), path.name)
        lines = [line for line in text.splitlines() if line.strip()]
        return RowsRead(lines, tuple(map(str, range(len(lines)))), "text", notes=notes)
    if kind is not None:
        raise DataError(
            f"Cannot read the single file '{path}' as labelled items: its label is not known; give a folder of such "
            "files for each class, or a table of their paths and labels."
        )
    if suffix in (".txt", ".text", ".md", ".rst", ".log"):
        raise DataError(
            f"'{path}' contains texts, but no labels; give a table (CSV) with a column of texts and one of labels, or "
            "a folder of text files for each class."
        )
    raise DataError(
        f"Cannot read the single file '{path}' as labelled items; give a folder for each class, a table (CSV, TSV, "
        "JSON lines, Parquet, Excel, OpenDocument), or a zip or tar of these."
    )
