"""What ``predict --format`` writes: a folder, or one file, in a format of annotation tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.data.annotations.sentences.span_records import FORMS
from headstart.data.annotations.writing import find_writer, write_annotations
from headstart.errors import DataError, UsageError
from headstart.io import atomic_file, atomic_folder, check_writable, path_exists
from headstart.reporting.wording import plural
from headstart.types import Dataset

__all__ = ["AnnotationTarget", "annotation_target"]

README = "README.md"
FIRST_LINE = "# Predictions of Headstart"
SUFFIXES = {"conll": (".conll", ".txt", ".tsv"), "tokens": (".parquet",)}
"""By format of texts, the endings of a file that --out may name; those of spans follow from the form."""
FILE_ENDINGS = frozenset((
    ".conll", ".txt", ".tsv", ".csv", ".xlsx", ".json", ".jsonl", ".parquet", ".xml", ".yaml", ".png", ".zip",
))  # fmt: skip
WRITTEN = frozenset((
    README, "images", "labels", "instances", "annotations", "annotations.json", "boxes.csv", "data.yaml", "classes.txt",
    "class_dict.csv", "data.conll", "data.json", "data.jsonl", "data.parquet",
))  # fmt: skip


@dataclass(frozen=True)
class AnnotationTarget:
    """Where predictions are written, and how.

    Attributes:
        path: the folder, or the one file.
        name: the format with its settings, as given.
        title: the format or the tool, for messages.
        is_file: whether it is one file.

    Examples:
        >>> target = annotation_target("found.conll", "conll", "token", [], overwrite=False)
        >>> target.title, target.is_file
        ('CoNLL', True)
    """

    path: Path
    name: str
    title: str
    is_file: bool

    def write(self, dataset: Dataset, model: str) -> tuple[str, ...]:
        """Write the items with their annotations; a previous folder or file is replaced when the new one is complete.

        Args:
            dataset: items with what was found.
            model: the folder of the model, which the README of a folder names.

        Returns:
            What the format cannot hold, one sentence each.

        Raises:
            DataError: if there is no item, or a value cannot be written in the format.
            SaveError: if the target cannot be written.
        """
        if len(dataset) == 0:
            raise DataError(f"There is no item with annotations to write to '{self.path}'; give at least one item.")
        if not self.is_file:
            with atomic_folder(self.path) as scratch:
                notes = write_annotations(dataset, scratch, format_name=self.name, predicted=True)
                (scratch / README).write_text(self._readme(dataset, model, notes), encoding="utf-8")
            return notes
        with atomic_file(self.path) as scratch:
            folder = scratch.with_name("parts")  # in the scratch folder, which is removed
            notes = write_annotations(dataset, folder, format_name=self.name, predicted=True)
            (only,) = folder.iterdir()
            only.replace(scratch)
        return notes

    def _readme(self, dataset: Dataset, model: str, notes: Sequence[str]) -> str:
        noun = {"text": "text", "image": "picture"}[dataset.modality]
        lines = [
            FIRST_LINE, "",
            f"{plural(len(dataset), noun)} with annotations by the model `{model}`, as {self.title}. They were "
            "made by a model, and nobody has checked them.",
            *(["", *(f"- {note}" for note in notes)] if notes else []),
        ]  # fmt: skip
        return "\n".join(lines) + "\n"


def annotation_target(
    out: str | None, name: str, kind: str, inputs: Sequence[str], *, overwrite: bool
) -> AnnotationTarget:
    """The checked target of ``--format`` and ``--out``, before any work.

    Args:
        out: the value of ``--out``.
        name: the value of ``--format``.
        kind: of the model's task.
        inputs: arguments that may name files or folders that are read.
        overwrite: whether earlier predictions may be replaced.

    Raises:
        ParameterError: if the format cannot hold such annotations.
        UsageError: without ``--out``, or if it holds something that must be kept.
        SaveError: if nothing can be written there.

    Examples:
        >>> annotation_target(None, "yolo", "box", [], overwrite=False)
        Traceback (most recent call last):
        headstart.errors.UsageError: --format writes files; name the folder to write with --out, such as -o found.
    """
    writer, settings = find_writer(kind, name)
    if out is None:
        what = "the folder or file" if kind == "token" else "the folder"
        raise UsageError(f"--format writes files; name {what} to write with --out, such as -o found.")
    path = Path(out)
    allowed = _endings(writer.name, settings) if kind == "token" else ()
    ending = path.suffix.lower()
    if ending in FILE_ENDINGS and ending not in allowed and not path.is_dir():
        file = f", or one file that ends in {' or '.join(allowed)}" if allowed else ""
        raise UsageError(f"The format '{name}' is written as a folder{file}; name it with --out. Got '{out}'.")
    is_file = ending in allowed and not path.is_dir()
    check_writable(path)
    if path.exists():
        _check_inputs(path, inputs)
    if is_file:
        if path.exists() and not overwrite:
            raise UsageError(f"'{out}' exists already and is kept; name another file with --out, or add --overwrite.")
    else:
        _check_folder(path, overwrite=overwrite)
    title = FORMS[settings["form"]] if "form" in settings else writer.title
    return AnnotationTarget(path, name, title, is_file)


def _endings(name: str, settings: Mapping[str, str]) -> tuple[str, ...]:
    if name == "spans":
        return (".json",) if settings["form"] in ("label_studio", "pairs") else (".jsonl",)
    return SUFFIXES.get(name, ())


def _check_inputs(path: Path, inputs: Sequence[str]) -> None:
    """Refuse a target that is, holds or lies in what is read."""
    own = path.resolve()
    for given in inputs:
        if not path_exists(Path(given)):
            continue
        read = Path(given).resolve()
        if own == read or own.is_relative_to(read) or read.is_relative_to(own):
            raise UsageError(f"'{path}' and the input '{given}' lie in one another; name another place with --out.")


def _check_folder(path: Path, *, overwrite: bool) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"'{path}' is a file, not a folder; name another folder with --out.")
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    if not names:
        return
    if not _is_ours(path):
        raise UsageError(
            f"'{path}' holds something other than predictions of headstart and is left alone; name another folder with "
            "--out."
        )
    if names - WRITTEN:
        raise UsageError(
            f"'{path}' also holds '{min(names - WRITTEN)}', which is not part of the predictions and would be deleted "
            "with them; move it away, or name another folder with --out."
        )
    if not overwrite:
        raise UsageError(
            f"'{path}' holds predictions, which are kept; name another folder with --out, or add --overwrite."
        )


def _is_ours(path: Path) -> bool:
    try:
        with (path / README).open("rb") as file:
            return file.read(len(FIRST_LINE)) == FIRST_LINE.encode()
    except OSError:
        return False
