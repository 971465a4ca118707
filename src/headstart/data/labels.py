"""From label columns as found to a task and its codes."""

from __future__ import annotations

import math
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.label_names import MISSING_WORDS, is_missing, label_name, natural_key
from headstart.data.unicode import describe_merged
from headstart.data.wording import name_some, plural
from headstart.errors import DataError
from headstart.types import Task, TaskKind

__all__ = ["EncodedLabels", "encode_labels"]

MAX_NUMERIC_CLASSES = 20
SEPARATORS = ("|", ";", ",")


@dataclass(frozen=True)
class EncodedLabels:
    """Labels of the rows that have one.

    Attributes:
        task: the label schema.
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
) -> EncodedLabels:
    """The task that label columns make, and their codes.

    Without ``kind``: several columns of 0 and 1 are multi-label, several of numbers are multi-output regression. One
    column of lists, or of names joined by ``|``, ``;`` or ``,`` that recur in other combinations, is multi-label; of
    fractions or of more than 20 distinct numbers, regression; of anything else, classification.

    Args:
        columns: label columns by name, (n,) objects each.
        kind: the kind of task, or None to infer it.
        origin: where the data came from, for messages.
        from_folders: whether the labels are names of folders.

    Raises:
        DataError: if no row has a label, or if the labels do not fit the kind.

    Examples:
        >>> encoded = encode_labels({"digit": np.array(["10", "9", "9"], object)}, None, "memory")
        >>> encoded.task.labels, encoded.y.tolist()
        (('9', '10'), [1, 0, 0])
    """
    present = np.ones(len(next(iter(columns.values()))), dtype=bool)
    for values in columns.values():
        present &= ~np.fromiter((is_missing(value) for value in values), dtype=bool, count=len(values))
    where = _where(list(columns), from_folders)
    if not present.any():
        rows = "the only row" if len(present) == 1 else f"all {len(present)} rows"
        raise DataError(f"No row of {origin} has a label: {where} is empty in {rows}; name another.")
    found = {name: values[present] for name, values in columns.items()}
    if len(found) > 1:
        task, y, why = _several(found, kind, origin)
    else:
        name, values = next(iter(found.items()))
        task, y, why = _single(name, values, kind, origin)
    notes = [f"Read the labels from {where}{why}"]
    if from_folders and kind == "classification":
        notes = [f"Took the names of the folders as labels: {plural(len(task.labels), 'class')}."]
    missing = int((~present).sum())
    if missing:
        notes.append(
            f"Set aside {missing} of {plural(len(present), 'row')}, which {'has' if missing == 1 else 'have'} no label."
        )
    if task.kind != "regression":
        notes += _merged(found.values())
    return EncodedLabels(task, y, present, tuple(notes))


def _merged(columns: Iterable[NDArray[np.object_]]) -> list[str]:
    """A note on the labels that are one but for invisible differences."""
    cells = (cell for values in columns for cell in values)
    names = (
        name for cell in cells for name in ([cell] if isinstance(cell, str) else cell if np.iterable(cell) else [])
    )
    said = describe_merged((name for name in names if isinstance(name, str)), "label")
    return [] if said is None else [said]


def _where(names: Sequence[str], from_folders: bool) -> str:
    if from_folders:
        return "the folder names"
    return f"column '{names[0]}'" if len(names) == 1 else f"the {len(names)} columns {name_some(names)}"


def _number(value: object) -> float | None:
    """The value as a float, NaN for the words of missing values, None where it is no number."""
    if isinstance(value, str) and value.strip().lower() in MISSING_WORDS:
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _numbers(name: str, values: NDArray[np.object_], kind: str, origin: str) -> NDArray[np.float64]:
    numbers = [_number(value) for value in values]
    for value, number in zip(values, numbers, strict=True):
        if number is None or not math.isfinite(number):
            raise DataError(
                f"A {kind} task needs finite numbers in column '{name}' of {origin}, but it holds {value!r}; "
                "mend the row, or name another label column or task."
            )
    return np.asarray(numbers, dtype=np.float64)


def _several(
    columns: Mapping[str, NDArray[np.object_]], kind: TaskKind | None, origin: str
) -> tuple[Task, NDArray[Any], str]:
    if kind == "classification":
        raise DataError(
            f"A classification task has one label column, but {len(columns)} were named for {origin}; "
            "name one, or set the task to multilabel or regression."
        )
    wanted = kind or "multi-label or regression"
    y = np.stack([_numbers(name, values, wanted, origin) for name, values in columns.items()], axis=1)
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    if kind == "multilabel" and not binary:
        raise DataError(f"A multi-label task needs 0 or 1 in each label column, but {origin} holds other numbers.")
    names = tuple(columns)
    if binary and kind != "regression":
        return Task("multilabel", names), y, ", which hold only 0 and 1: multi-label; set them with --label."
    return Task("regression", names), y, f": they hold numbers, so the task is regression with {len(names)} outputs."


def _single(
    name: str, values: NDArray[np.object_], kind: TaskKind | None, origin: str
) -> tuple[Task, NDArray[Any], str]:
    _refuse_objects(name, values, origin)
    inferred = kind or _infer(values)
    if inferred == "regression":
        y = _numbers(name, values, "regression", origin)
        if np.ptp(y) == 0:
            raise DataError(f"Column '{name}' of {origin} holds the one number {y[0]:g}: there is nothing to learn.")
        return Task("regression", (name,), name), y[:, None], f": numbers, so the task is regression; {SET_IT}"
    if inferred == "multilabel":
        return _multilabel(name, values, origin)
    return _classes(name, values, origin)


def _refuse_objects(name: str, values: NDArray[np.object_], origin: str) -> None:
    if not any(issubclass(kind, (list, tuple, Mapping)) for kind in set(map(type, values))):
        return
    for value in values:
        parts = value if isinstance(value, (list, tuple)) else (value,)
        if any(isinstance(part, Mapping) for part in parts):
            raise DataError(
                f"Column '{name}' of {origin} holds objects such as {reprlib.repr(value)}, which are no labels; name "
                "a column of names or numbers with --label."
            )


SET_IT = "set it with --label and --task."


def _infer(values: NDArray[np.object_]) -> TaskKind:
    if any(isinstance(value, (list, tuple, set, np.ndarray)) for value in values):
        return "multilabel"
    if all(isinstance(value, (int, float, np.number)) and not isinstance(value, bool) for value in values):
        numbers = values.astype(np.float64)
        whole = bool((numbers == np.round(numbers)).all())
        return "regression" if not whole or len(np.unique(numbers)) > MAX_NUMERIC_CLASSES else "classification"
    return "multilabel" if _separator(values) else "classification"


def _separator(values: NDArray[np.object_]) -> str | None:
    """The sign that joins labels, if clearly so.

    Clear means: a tenth of the rows hold it, each part occurs at least twice, and there are fewer parts than
    combinations of them, which the commas of ordinary names ("Smith, John") do not give.
    """
    counts = Counter(str(value) for value in values)
    for sign in SEPARATORS:
        joined = sum(count for text, count in counts.items() if sign in text)
        if joined * 10 < len(values):
            continue
        parts = Counter[str]()
        for text, count in counts.items():
            parts.update(dict.fromkeys(_split(text, sign), count))
        if len(parts) < len(counts) and min(parts.values()) > 1:
            return sign
    return None


def _split(text: str, sign: str | None) -> list[str]:
    parts = [text] if sign is None else text.split(sign)
    return [part.strip() for part in parts if part.strip()]


def _multilabel(name: str, values: NDArray[np.object_], origin: str) -> tuple[Task, NDArray[Any], str]:
    lists = any(not isinstance(value, str) for value in values)
    sign = None if lists else (_separator(values) or _commonest_sign(values))
    if lists:
        rows = [[label_name(part) for part in (value if np.iterable(value) else [value])] for value in values]
    else:
        rows = [_split(value, sign) for value in values]
    labels = sorted({label for row in rows for label in row}, key=natural_key)
    if not labels:
        raise DataError(f"Column '{name}' of {origin} holds empty lists only: there is no label to learn.")
    code = {label: index for index, label in enumerate(labels)}
    y = np.zeros((len(rows), len(labels)), dtype=np.float64)
    for index, row in enumerate(rows):
        y[index, [code[label] for label in row]] = 1.0
    how = "lists of labels" if lists else f"labels joined by '{sign}'"
    why = f": {how}, {len(labels)} in all, so the task is multi-label; {SET_IT}"
    return Task("multilabel", tuple(labels), name), y, why


def _commonest_sign(values: NDArray[np.object_]) -> str | None:
    counts = {sign: sum(sign in value for value in values) for sign in SEPARATORS}
    best = max(SEPARATORS, key=counts.__getitem__)
    return best if counts[best] else None


def _classes(name: str, values: NDArray[np.object_], origin: str) -> tuple[Task, NDArray[Any], str]:
    names = [label_name(value) for value in values]
    labels = sorted(set(names), key=natural_key)
    if len(labels) == len(names) and len(names) >= 10:
        raise DataError(
            f"Each of the {len(names)} rows of {origin} has a label of its own in '{name}', "
            "so there is nothing to learn from it; name another label column."
        )
    code = {label: index for index, label in enumerate(labels)}
    y = np.fromiter((code[label] for label in names), dtype=np.int64, count=len(names))
    why = f": {plural(len(labels), 'class')}, so the task is classification; {SET_IT}"
    return Task("classification", tuple(labels), name), y, why
