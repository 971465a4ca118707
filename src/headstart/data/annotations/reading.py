"""Which format of annotations a path is of, and its items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.location import Location
from headstart.data.annotations.registry import ANNOTATION_FORMATS, CLEAR, NO, POSSIBLE, AnnotationFormat
from headstart.data.schema import ReadOptions
from headstart.errors import DataError, ParameterError
from headstart.reporting.wording import plural
from headstart.types import ANNOTATION_KINDS

__all__ = ["Wanted", "find_format", "parse_wanted", "read_annotated"]


@dataclass(frozen=True)
class Wanted:
    """The format that the user states, and its settings.

    Attributes:
        name: in `ANNOTATION_FORMATS`, or empty to recognise it.
        settings: what cannot be guessed, by name.
    """

    name: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def parse_wanted(text: str | None, *, for_writing: bool = False) -> Wanted:
    """The value of ``annotations``: a format and its settings, separated by commas.

    Args:
        text: such as ``"conll,scheme=BILOU"``, ``"masks,values=classes"`` or ``"coco"``.
        for_writing: whether the settings are those of what is written.

    Raises:
        ParameterError: if the format or a setting is not known.

    Examples:
        >>> parse_wanted("conll,scheme=BILOU")
        Wanted(name='conll', settings={'scheme': 'BILOU'})
    """
    name, settings = "", {}
    for part in (text or "").split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if equals:
            settings[key] = value
        elif key:
            name = key
    if not name:
        if settings:
            raise ParameterError(
                f"Annotations must be stated as a format and its settings, such as 'conll,scheme=BILOU'. Got {text!r} "
                "instead."
            )
        return Wanted()
    known = ANNOTATION_FORMATS[name].written if for_writing else ANNOTATION_FORMATS[name].settings
    for key, value in settings.items():
        allowed = known.get(key)
        if allowed is None:
            names = ", ".join(map(repr, known)) or "none"
            raise ParameterError(f"The settings of the format '{name}' are {names}. Got {key!r} instead.")
        match = next((one for one in allowed if one.lower() == value.lower()), None)
        if allowed and match is None:
            raise ParameterError(f"The setting '{key}' of the format '{name}' must be one of {', '.join(allowed)}. "
                                 f"Got {value!r} instead.")  # fmt: skip
        settings[key] = match or value
    return Wanted(name, settings)


def find_format(location: Location, wanted: Wanted) -> AnnotationFormat | None:
    r"""The format of a location; None if it is of none.

    Args:
        location: the file or folder.
        wanted: what the user states.

    Raises:
        DataError: if a task of annotations was asked for and no format fits, or if two fit equally well.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> _ = path.write_text("Ada B-PER\nran O\n")
        >>> find_format(Location(path), Wanted()).title
        'CoNLL'
    """
    task = location.options.task
    kind = task if task in ANNOTATION_KINDS else None
    if wanted.name:
        stated = ANNOTATION_FORMATS[wanted.name]
        if kind is not None and kind not in stated.kinds:
            raise DataError(
                f"The format '{stated.name}' holds annotations for the task {' or '.join(stated.kinds)}, not for "
                f"'{kind}'; state another format or task."
            )
        return stated
    if task is not None and kind is None:
        return None
    least = CLEAR if kind is None else POSSIBLE
    formats = [ANNOTATION_FORMATS[name] for name in ANNOTATION_FORMATS]
    if kind is None and (location.options.label or location.options.item or location.options.items):
        formats = [one for one in formats if one.has_columns]  # who names columns has a table
    found = {one.name: one.recognise(location) for one in formats if kind is None or kind in one.kinds}
    best = max(found.values(), default=NO)
    names = [name for name, how in found.items() if how == best]
    if best < least:
        return _refuse(location, kind, formats) if kind is not None and location.options.labelled else None
    if len(names) > 1:
        raise DataError(
            f"'{location.shown}' holds annotations of several formats: {' and '.join(names)}; name one with "
            f"--annotations {names[0]}."
        )
    return ANNOTATION_FORMATS[names[0]]


def _refuse(location: Location, kind: str, formats: list[AnnotationFormat]) -> NoReturn:
    titles = ", ".join(one.title for one in formats if kind in one.kinds)
    others = [one for name in ANNOTATION_FORMATS if kind not in (one := ANNOTATION_FORMATS[name]).kinds]
    seen = next((one for one in others if one.recognise(location) >= CLEAR), None)
    is_other = f" It looks like {seen.title}, which is for --task {' or '.join(seen.kinds)}." if seen else ""
    raise DataError(
        f"'{location.shown}' holds no annotations for the task '{kind}' that are recognised; the formats that hold "
        f"them are {titles}.{is_other}"
    )


def read_annotated(path: Path, options: ReadOptions, shown: Path | None = None) -> Annotated | None:
    r"""The annotated items of a path; None if it is of no format of annotations.

    Args:
        path: a file or a folder.
        options: how to read; ``task`` and ``annotations`` force a kind and a format.
        shown: how messages name the path.

    Raises:
        DataError: if the annotations cannot be read.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "train.conll"
        >>> _ = path.write_text("Ada B-PER\nran O\n")
        >>> read_annotated(path, ReadOptions()).labels
        ('PER',)
    """
    wanted = parse_wanted(options.annotations)
    location = Location(path, options, wanted.settings, shown)
    found = find_format(location, wanted)
    return None if found is None else _with_format(found.read(location), found, location)


def _with_format(read: Annotated, found: AnnotationFormat, location: Location) -> Annotated:
    """What was read, with a first note that names the format of pictures; formats of words name themselves."""
    if read.kind == "token" or not len(read.items):
        return read
    names = read.labels[1:] if read.kind == "mask" else read.labels
    boxes = f" with {plural(sum(map(len, read.y)), 'box', 'boxes')}" if read.kind == "box" else ""
    counted = f"{plural(len(read.items), 'picture')}{boxes}, {plural(len(names), 'class', 'classes')}"
    return replace(read, notes=(f"Read '{location.shown}' as {found.title}: {counted}.", *read.notes))
