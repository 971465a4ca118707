"""Label encoding: infers the task from label columns, and turns the labels into codes."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.formats.cells import read_numbers
from headstart.data.naming.label_lists import commonest_sign, find_sign, parse_lists, split_names
from headstart.data.naming.label_names import WrittenNumber, is_missing, label_name, natural_key
from headstart.data.naming.missing_labels import missing_words
from headstart.data.text.nearly_all import NEARLY_ALL
from headstart.data.text.unicode import describe_merged
from headstart.errors import DataError
from headstart.reporting.wording import name_some, plural
from headstart.types import Task, TaskKind

__all__ = ["KINDS", "EncodedLabels", "encode_labels", "nearly_all"]

KINDS = ("classification", "multilabel", "regression")  # every task in `headstart.tasks` builds on one of them
MAX_NUMERIC_CLASSES = 20
MOSTLY = 0.98  # like NEARLY_ALL, for kinds that are easily confused: whole numbers and fractions, flags and numbers
FEWEST = 20  # from this many rows on, one may be different
FEW, FEW_ROWS = 5, 10
EXAMPLES = 3
LISTS = (list, tuple, set, frozenset, np.ndarray)


@dataclass(frozen=True)
class EncodedLabels:
    """Encoded labels of the rows that have one.

    Attributes:
        task: the kind of task and its classes or outputs.
        y: labels of the rows present, as in `headstart.types.Dataset`.
        present: (n,) whether a row has a label.
        notes: what was inferred, one sentence each.

    Examples:
        >>> labels = np.array(["b", None, "a"], object)
        >>> encode_labels({"label": labels}, None, "memory").present.tolist()
        [True, False, True]
    """

    task: Task
    y: NDArray[Any]
    present: NDArray[np.bool_]
    notes: tuple[str, ...]


def encode_labels(
    columns: Mapping[str, NDArray[np.object_]],
    kind: TaskKind | None,
    origin: str,
    *,
    from_folders: bool = False,
    names: Sequence[str] | None = None,
) -> EncodedLabels:
    """Encode label columns, and infer the task unless it is given.

    Several columns of 0 and 1 are multi-label, several of other numbers multi-output regression. One column of lists
    (also as strings), or of names joined by ``|``, ``;`` or ``,`` that recur in different combinations, is multi-label;
    one of fractions or of more than 20 distinct numbers is regression; anything else is classification. 90% of the
    cells decide (98% between whole numbers and fractions); rows that do not fit are set aside and reported.

    Args:
        columns: label columns by name, (n,) objects each.
        kind: the kind of task, or None to infer it.
        origin: where the data came from, for messages.
        from_folders: whether the labels are folder names.
        names: names of the rows, for notes; row numbers by default.

    Raises:
        DataError: if no row has a label, or if the labels do not fit the kind.

    Examples:
        >>> encoded = encode_labels({"digit": np.array(["10", "9", "9"], object)}, None, "memory")
        >>> encoded.task.labels, encoded.y.tolist()
        (('9', '10'), [1, 0, 0])
    """
    count = len(next(iter(columns.values())))
    present, notes = np.ones(count, dtype=bool), list[str]()
    for name, values in columns.items():
        has_label, found_notes = _present(name, values, from_folders=from_folders)
        present &= has_label
        notes += found_notes
    where = _where(list(columns), from_folders)
    if not present.any():
        rows = "the only row" if count == 1 else f"all {count} rows"
        raise DataError(f"No row of {origin} has a label: {where} is empty in {rows}; name another column.")
    found = {name: values[present] for name, values in columns.items()}
    if len(found) > 1:
        read = _several(found, kind, origin)
    else:
        name, values = next(iter(found.items()))
        read = _single(name, values, kind, origin, from_folders=from_folders)
    if from_folders and kind == "classification":
        notes = [f"Took the names of the folders as labels: {plural(len(read.task.labels), 'class')}."]
    else:
        notes.insert(0, f"Read the labels from {where}{read.why}")
    names = names or list(map(str, range(count)))
    if not present.all():
        notes.append(_without_label(np.flatnonzero(~present), names))
    bad = np.flatnonzero(present)[~read.fits]
    if len(bad):
        notes.append(_misfits(bad, columns, names, read.wanted))
        present[bad] = False
    if read.task.kind != "regression":
        notes += _merged(found.values())
    return EncodedLabels(read.task, read.y[read.fits], present, tuple(notes))


@dataclass(frozen=True)
class _Read:
    """A task and its encoded labels: which of the n rows with a label fit it, and what the others should have held."""

    task: Task
    y: NDArray[Any]
    why: str
    fits: NDArray[np.bool_]
    wanted: str = ""


def _present(name: str, values: NDArray[np.object_], *, from_folders: bool) -> tuple[NDArray[np.bool_], list[str]]:
    """Which rows have a label, and notes on words that may stand for a missing one."""
    held = ~np.fromiter((is_missing(value) for value in values), dtype=bool, count=len(values))
    strings = [value for value in values[held] if isinstance(value, str)]
    if from_folders or not strings:
        return held, []
    gone, notes = missing_words(strings, name)
    if gone:
        held &= ~np.fromiter((isinstance(value, str) and value in gone for value in values), bool, len(values))
    return held, notes


def _without_label(missing: NDArray[np.intp], names: Sequence[str]) -> str:
    """A note on the rows that have no label."""
    which, rows = ("which has no label", "row") if len(missing) == 1 else ("which have no label", "rows")
    shown = ", ".join(names[row] for row in missing[:EXAMPLES]) + (", ..." if len(missing) > EXAMPLES else "")
    return f"Set aside {len(missing)} of {plural(len(names), 'row')}, {which}: {rows} {shown}."


def _misfits(
    bad: NDArray[np.intp], columns: Mapping[str, NDArray[np.object_]], names: Sequence[str], wanted: str
) -> str:
    """A note on the rows whose label does not fit the task."""
    shown = []
    for row in bad[:EXAMPLES].tolist():
        cells = [values[row] for values in columns.values()]
        shown.append(f"{reprlib.repr(cells[0] if len(cells) == 1 else cells)} (row {names[row]})")
    rest = ", ..." if len(bad) > EXAMPLES else ""
    which = "whose label is" if len(bad) == 1 else "whose labels are"
    return f"Set aside {len(bad)} of {plural(len(names), 'row')}, {which} no {wanted}: {', '.join(shown)}{rest}."


def _merged(columns: Iterable[NDArray[np.object_]]) -> list[str]:
    """A note on spellings of a label that differ only invisibly."""
    cells = (cell for values in columns for cell in values)
    names = (
        name for cell in cells for name in ([cell] if isinstance(cell, str) else cell if np.iterable(cell) else [])
    )
    note = describe_merged((name for name in names if isinstance(name, str)), "label")
    return [] if note is None else [note]


def _where(names: Sequence[str], from_folders: bool) -> str:
    if from_folders:
        return "the folder names"
    return f"column '{names[0]}'" if len(names) == 1 else f"the {len(names)} columns {name_some(names)}"


def _numbers(values: NDArray[np.object_]) -> NDArray[np.float64]:
    """The cells as numbers, NaN for all other cells."""
    strings = [value if isinstance(value, str) else "" for value in values]
    found = read_numbers(strings).values if any(strings) else np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if not isinstance(value, str):
            found[row] = _number(value)
    return np.where(np.isfinite(found), found, np.nan)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _check_numbers(name: str, values: NDArray[np.object_], good: NDArray[np.bool_], kind: str, origin: str) -> None:
    """Raise unless 90% of the cells are numbers."""
    if good.mean() < NEARLY_ALL:
        value = values[~good][0]
        raise DataError(
            f"A {kind} task needs finite numbers in column '{name}' of {origin}, but it holds {value!r}; "
            "fix the row, or name another label column or task."
        )


def nearly_all(count: int, total: int) -> bool:
    """Whether ``count`` of ``total`` cells decide what a column of numbers is: 98%, or all except one of 20 or more.

    Examples:
        >>> nearly_all(39, 40), nearly_all(9, 10), nearly_all(980, 1000), nearly_all(0, 0)
        (True, False, True, False)
    """
    return total > 0 and (count >= MOSTLY * total or count >= total - 1 >= FEWEST - 1)


def _several(columns: Mapping[str, NDArray[np.object_]], kind: TaskKind | None, origin: str) -> _Read:
    if kind == "classification":
        raise DataError(
            f"A classification task has one label column, but {len(columns)} were named for {origin}; "
            "name one, or set the task to multilabel or regression."
        )
    y = np.stack([_numbers(values) for values in columns.values()], axis=1)
    for (name, values), numbers in zip(columns.items(), y.T, strict=True):
        _check_numbers(name, values, np.isfinite(numbers), kind or "multi-label or regression", origin)
    fits: NDArray[np.bool_] = np.asarray(np.isfinite(y).all(axis=1))
    flags: NDArray[np.bool_] = np.asarray(np.isin(y, (0.0, 1.0)).all(axis=1))
    binary = nearly_all(int(flags.sum()), int(fits.sum()))
    if kind == "multilabel" and not binary:
        raise DataError(f"A multi-label task needs 0 or 1 in each label column, but {origin} holds other numbers.")
    names = tuple(columns)
    if binary and kind != "regression":
        why = ", which hold only 0 and 1: multi-label; set them with --label."
        return _Read(Task("multilabel", names), y, why, flags, "0 or 1")
    why = f": they hold numbers, so the task is regression with {len(names)} outputs."
    return _Read(Task("regression", names), y, why, fits, "numbers")


def _single(name: str, values: NDArray[np.object_], kind: TaskKind | None, origin: str, *, from_folders: bool) -> _Read:
    _refuse_objects(name, values, origin)
    values = values if from_folders else _as_lists_or_numbers(values, kind)
    inferred = kind or _infer(values)
    if inferred == "regression":
        y = _numbers(values)
        good = np.isfinite(y)
        _check_numbers(name, values, good, "regression", origin)
        if np.ptp(y[good]) == 0:
            raise DataError(
                f"Column '{name}' of {origin} holds only the number {y[good][0]:g}: there is nothing to learn."
            )
        why = f": numbers, so the task is regression; {SET_IT}"
        return _Read(Task("regression", (name,), name), y[:, None], why, good, "number")
    if inferred == "multilabel":
        return _multilabel(name, values, origin)
    return _classes(name, values, origin, from_folders=from_folders, is_given=kind is not None)


def _as_lists_or_numbers(values: NDArray[np.object_], kind: TaskKind | None) -> NDArray[np.object_]:
    """Strings parsed as lists or as numbers, if nearly all of them are such; other values unchanged."""
    strings = [value for value in values if isinstance(value, str)]
    if len(strings) < NEARLY_ALL * len(values):
        return values
    rows = [row for row, value in enumerate(values) if isinstance(value, str)]
    if kind in (None, "multilabel"):
        lists = parse_lists(strings)
        if lists is not None:
            return _replaced(values, rows, lists)
    if kind is None and _are_numbers(strings):
        found = read_numbers(strings)
        numbers = [
            WrittenNumber(value, text) if good else None
            for value, text, good in zip(found.values, strings, found.is_number, strict=True)
        ]
        return _replaced(values, rows, numbers)
    return values


def _replaced(values: NDArray[np.object_], rows: Sequence[int], new: Sequence[Any]) -> NDArray[np.object_]:
    changed = values.copy()
    for row, value in zip(rows, new, strict=True):
        if value is not None:
            changed[row] = value
    return changed


def _are_numbers(strings: Sequence[str]) -> bool:
    """Whether strings are quantities: fractions, or numbers with a unit. Whole numbers as strings are names.

    A number written in two ways (1.1 and 1.10) is two names, and 1,2 next to 2 and 1,3,5 are sets of labels.
    """
    found = read_numbers(strings)
    if found.share < NEARLY_ALL:
        return False
    known = found.values[found.is_number]
    whole = float((known == np.round(known)).mean())
    if whole > MOSTLY and not found.how:
        return False
    # More spellings than numbers: some number is written in two ways, as in names but not in measurements.
    texts = {text.strip() for text, good in zip(strings, found.is_number, strict=True) if good}
    return not (len(texts) > len(np.unique(known)) and not found.how) and not _are_sets(strings)


def _are_sets(strings: Sequence[str]) -> bool:
    """Whether commas join ascending whole numbers, and other strings are single ones."""
    with_comma = [text.split(",") for text in strings if "," in text]
    if not with_comma or len(with_comma) == len(strings) or any("." in text for text in strings):
        return False
    if not all(part.strip().isdecimal() for parts in with_comma for part in parts):
        return False
    return all(int(a) < int(b) for parts in with_comma for a, b in pairwise(parts)) and len(with_comma) >= FEW


def _refuse_objects(name: str, values: NDArray[np.object_], origin: str) -> None:
    if not any(issubclass(kind, (list, tuple, Mapping)) for kind in set(map(type, values))):
        return
    for value in values:
        parts = value if isinstance(value, (list, tuple)) else (value,)
        if any(isinstance(part, Mapping) for part in parts):
            raise DataError(
                f"Column '{name}' of {origin} holds objects such as {reprlib.repr(value)}, not labels; name a column "
                "of names or numbers with --label."
            )


SET_IT = "set it with --label and --task."


def _infer(values: NDArray[np.object_]) -> TaskKind:
    if _share(values, LISTS) > 1 - NEARLY_ALL:
        return "multilabel"
    is_number = np.fromiter((_is_number(value) for value in values), dtype=bool, count=len(values))
    if is_number.mean() >= NEARLY_ALL:
        numbers = values[is_number].astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not nearly_all(int((numbers == np.round(numbers)).sum()), len(numbers)):
            return "regression"
        # A few odd values do not turn classes into a regression: count the fewest values that cover 98% of the rows.
        counts = np.sort(np.unique(numbers, return_counts=True)[1])[::-1]
        needed = int(np.searchsorted(np.cumsum(counts), MOSTLY * len(numbers))) + 1
        return "regression" if needed > MAX_NUMERIC_CLASSES else "classification"
    return "multilabel" if find_sign([str(value) for value in values]) else "classification"


def _share(values: NDArray[np.object_], kinds: tuple[type, ...]) -> float:
    return sum(isinstance(value, kinds) for value in values) / len(values)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number, Decimal, Fraction)) and not isinstance(value, bool)


def _multilabel(name: str, values: NDArray[np.object_], origin: str) -> _Read:
    lists = _share(values, LISTS)
    fits = np.ones(len(values), dtype=bool)
    if lists:
        is_list = np.fromiter((isinstance(value, LISTS) for value in values), dtype=bool, count=len(values))
        fits = is_list if lists >= NEARLY_ALL else fits
        cells = [value if isinstance(value, LISTS) else [value] for value in values[fits]]
        rows = [[label_name(part) for part in cell if not is_missing(part)] for cell in cells]
        how = "lists of labels" if lists >= NEARLY_ALL else "lists of labels, and single labels"
    else:
        strings = [label_name(value) for value in values]
        sign = find_sign(strings) or commonest_sign(strings)
        rows = [[label_name(part) for part in split_names(value, sign)] for value in strings]
        how = f"labels joined by '{sign}'"
    labels = sorted({label for row in rows for label in row}, key=natural_key)
    if not labels:
        raise DataError(f"Column '{name}' of {origin} holds only empty lists: there is no label to learn.")
    code = {label: index for index, label in enumerate(labels)}
    y = np.zeros((len(values), len(labels)), dtype=np.float64)
    for index, row in zip(np.flatnonzero(fits).tolist(), rows, strict=True):
        y[index, [code[label] for label in row]] = 1.0
    why = f": {how}, {len(labels)} in all, so the task is multi-label; {SET_IT}"
    return _Read(Task("multilabel", tuple(labels), name), y, why, fits, "list")


def _classes(name: str, values: NDArray[np.object_], origin: str, *, from_folders: bool, is_given: bool) -> _Read:
    fits = np.ones(len(values), dtype=bool)
    if not is_given and all(_is_number(value) for value in values):  # nearly all are whole numbers
        numbers = values.astype(np.float64)
        fits = numbers == np.round(numbers)
    spelled = {value: label_name(value) for value in {value for value in values if isinstance(value, str)}}
    names = [spelled[value] if isinstance(value, str) else label_name(value) for value in values]
    labels = sorted({name for name, good in zip(names, fits, strict=True) if good}, key=natural_key)
    rows = int(fits.sum())
    if (len(labels) == rows >= FEW_ROWS) or (not from_folders and rows > 2 * FEW_ROWS and len(labels) * 1.5 > rows):
        which = "Each" if len(labels) == rows else f"Nearly each ({plural(len(labels), 'class')})"
        raise DataError(
            f"{which} of the {rows} rows of {origin} has a label of its own in '{name}', so there is nothing to learn "
            "from it; name another label column with --label, and if these are the items, name them with --item."
        )
    code = {label: index for index, label in enumerate(labels)}
    y = np.fromiter((code.get(label, -1) for label in names), dtype=np.int64, count=len(names))
    why = f": {plural(len(labels), 'class')}, so the task is classification; {SET_IT}"
    if not is_given and (sign := commonest_sign(names)) is not None:
        joined = sum(sign in name for name in names)
        if joined * 10 >= rows:
            why += f" {joined} of {rows} labels hold '{sign}'; if it joins several labels, set --task multilabel."
    return _Read(Task("classification", tuple(labels), name), y, why, fits, "whole number")
