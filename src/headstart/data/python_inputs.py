"""Python objects as data: lists, arrays, data frames, dicts of columns, and pairs ``(items, labels)``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence, Sized
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.folder.listing import media_of_file
from headstart.data.formats.records import check_names, flatten
from headstart.data.media.file_kinds import media_suffix
from headstart.data.media.readers import media_kind
from headstart.data.schema import ReadOptions, RowsRead
from headstart.data.table.files import read_frame
from headstart.data.table.paths import describe_found, find_paths
from headstart.data.text.file_names import readable_name
from headstart.errors import DataError
from headstart.reporting.wording import plural

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_object"]

ALLOWED = (
    "a path, a list of paths, texts, pictures, sounds or rows of numbers, an array or a tensor, a DataFrame, "
    "a dict of columns, a Hugging Face dataset, or a pair (items, labels)"
)
CHANNELS = (1, 3, 4)


def read_object(data: Any, options: ReadOptions) -> RowsRead:
    """Read the items of a Python object.

    Args:
        data: a list of paths, of texts, of PIL images, of arrays or of dicts; an array (n, d) of numbers, (n, h, w) or
            (n, h, w, channels) of pictures; a torch tensor of these, or of pictures (n, channels, h, w); a DataFrame or
            a dict of columns; a ``datasets.Dataset`` or ``DatasetDict``; or a pair of any of these except the last
            two and labels.
        options: how to read.

    Raises:
        DataError: if the object is none of these, or if the items are of mixed kinds.

    Examples:
        >>> read_object((["good", "bad"], [1, 0]), ReadOptions()).labels["label"].tolist()
        [1, 0]
    """
    if _module(data) == "datasets":
        from headstart.data.hugging_face import read_hugging_face

        return read_hugging_face(data, options)
    if _is_pair(data):
        return _read_pair(data[0], data[1], options)
    rows = _read_unpaired(data, options)
    if options.labelled and rows.labels is None:
        raise DataError(
            f"The {type(data).__name__} given contains items without labels; give a pair (items, labels), "
            "or a DataFrame with a label column."
        )
    return rows


def _module(data: object) -> str:
    return type(data).__module__.partition(".")[0]


def _read_unpaired(data: Any, options: ReadOptions) -> RowsRead:
    """Read one object that is not a pair: a table of some kind, or items without labels."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return read_frame(_clean(data, "DataFrame"), options, "the DataFrame", [Path()])
    if isinstance(data, Mapping) and _are_columns(data):
        return read_frame(_clean(_from_columns(data), "dict"), options, "the dict of columns", [Path()])
    if isinstance(data, (list, tuple)) and data and all(type(record) is dict for record in data) and _records(data):
        frame = pd.DataFrame.from_records(list(data))
        return read_frame(_clean(frame, "list of dicts"), options, "the list of dicts", [Path()])
    _refuse_columns(data, options)
    return _read_items(_to_numpy(data))


def _refuse_columns(data: object, options: ReadOptions) -> None:
    """Raise if a column was named although the object has none."""
    column = next((name for name in (options.item, options.group_col, options.time_col) if name is not None), None)
    if column is not None:
        raise DataError(
            f"The column '{column}' was named, but the {type(data).__name__} given has no columns; leave it out, or "
            "give a DataFrame or a dict of columns."
        )


def _records(data: Sequence[Any]) -> bool:
    """Whether dicts are rows of a table, not sounds or pictures as Hugging Face stores them."""
    return media_kind(data[0]) is None


def _are_columns(data: Mapping[Any, Any]) -> bool:
    """Whether a dict holds columns, not one sound or picture as Hugging Face stores it."""
    listed = (_is_listlike(value) or _module(value) == "torch" for value in data.values())
    return bool(data) and media_kind(data) is None and all(listed)


def _from_columns(data: Mapping[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    # Objects first, then the narrowest type: NumPy would turn a list such as [1, "a"] into strings.
    columns = {str(name): _object_array(list(_to_numpy(values))) for name, values in data.items()}
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"'{name}' has {plural(size, 'row')}" for name, size in list(sizes.items())[:10])
        raise DataError(f"The columns of the dict differ in length: {found}; give one value for each row.")
    return pd.DataFrame({name: pd.Series(values).infer_objects() for name, values in columns.items()})


def _to_numpy(data: Any) -> Any:
    """A torch tensor as an array, pictures (n, channels, h, w) with channels last; other objects unchanged."""
    if _module(data) != "torch":  # so torch need not be imported
        return data
    import torch

    if not isinstance(data, torch.Tensor):
        return data
    tensor = data.detach().cpu()
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor  # NumPy has no bfloat16
    try:
        array = tensor.numpy()
    except (TypeError, RuntimeError) as error:
        raise DataError(f"Cannot read the tensor given as an array ({error}); give a dense one of numbers.") from error
    return np.moveaxis(array, 1, -1) if array.ndim == 4 and array.shape[1] in CHANNELS else array


def _is_pair(data: object) -> bool:
    if not isinstance(data, tuple) or len(data) != 2 or isinstance(data[0], (str, os.PathLike)):
        return False
    items, labels = data
    is_sound = isinstance(items, np.ndarray) and np.isscalar(labels)
    return not is_sound and isinstance(items, Sized) and (labels is None or isinstance(labels, Sized))


def _clean(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    frame = frame.reset_index(drop=True)
    frame.columns = frame.columns.map(str)
    check_names(frame.columns, origin)
    return flatten(frame, origin)


def _read_pair(items: Any, labels: Any, options: ReadOptions) -> RowsRead:
    rows = _read_unpaired(items, replace(options, label=(), labelled=False))
    if labels is None:
        return rows
    if options.label and options.labelled:
        raise DataError(
            f"The label column '{options.label[0]}' was named, but labels were given with the items; leave one out."
        )
    columns = _label_columns(_to_numpy(labels))
    count = len(next(iter(columns.values()), ()))
    if count != len(rows.items):
        found = f"{plural(len(rows.items), 'item')}, but {plural(count, 'label')}"
        raise DataError(f"Got {found}; give one label for each item.")
    return replace(rows, labels=columns)


def _label_columns(labels: Any) -> dict[str, NDArray[np.object_]]:
    import pandas as pd

    if isinstance(labels, pd.DataFrame):
        return {str(name): _object_array(labels[name].tolist()) for name in labels.columns}
    if isinstance(labels, pd.Series | pd.Index):
        return {str(labels.name or "label"): _object_array(labels.tolist())}
    if isinstance(labels, np.ndarray):
        if labels.ndim == 2 and labels.shape[1] > 1:
            return {str(index): _object_array(column.tolist()) for index, column in enumerate(labels.T)}
        if labels.ndim > 2:
            raise DataError(f"Labels must be (n,) or (n, outputs). Got an array {labels.shape} instead.")
        return {"label": _object_array(labels.ravel().tolist())}
    return {"label": _object_array(list(labels))}


def _object_array(values: list[Any]) -> NDArray[np.object_]:
    cells = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        cells[index] = value
    return cells


def _read_items(data: Any) -> RowsRead:
    if isinstance(data, np.ndarray) and data.dtype.kind not in "OUST":
        return _read_array(data)
    if isinstance(data, (str, bytes, os.PathLike, Mapping)) or not _is_listlike(data):
        raise DataError(f"Cannot read a {type(data).__name__}; give {ALLOWED}.")
    values = [_to_numpy(value) for value in data]
    if not values:
        raise DataError(f"The {type(data).__name__} given is empty; give {ALLOWED}.")
    kinds = {_item_kind(value) for value in values}
    if kinds in ({"path"}, {"text"}):
        return _read_strings(values, must_exist=kinds == {"path"})
    if kinds == {"row"}:
        return _read_rows(values)
    ids = _row_ids(len(values))
    if kinds == {"image"}:
        return RowsRead(values, ids, "image")
    if kinds == {"audio"}:
        return RowsRead(values, ids, "audio")
    found = sorted({type(value).__name__ for value in values})
    raise DataError(
        f"The items of a list must be of one kind that can be read. Got {', '.join(found)}; give {ALLOWED}."
    )


def _is_listlike(data: object) -> bool:
    return isinstance(data, (Sequence, np.ndarray)) or _module(data) == "pandas"


def _row_ids(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _item_kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, os.PathLike):
        return "path"
    media = media_kind(value)
    if media is not None:
        return media
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return "row" if value.ndim == 1 else "unknown"
    is_row = isinstance(value, (list, tuple)) and value and all(isinstance(part, (int, float)) for part in value)
    return "row" if is_row else "unknown"


def _read_strings(values: list[Any], *, must_exist: bool) -> RowsRead:
    """Paths if at least half of the strings have a media extension or are media files; else texts."""
    names = [os.fspath(value) for value in values]
    given = [name for name in names if name.strip()]
    found = find_paths(given, [Path()], search=False) if given else None
    if found is None:
        _refuse_lost(given, must_exist=must_exist)
        return RowsRead(names, _row_ids(len(names)), "text")
    kinds = Counter(kind for name in names if (kind := media_suffix(name)) is not None)
    if kinds.total() and min(kinds.values()) < kinds.total() and min(kinds.values()) * 10 >= kinds.total():
        raise DataError("The paths are of both pictures and sounds; a model reads only one kind, so keep them apart.")
    files = [found.files.get(name, name) for name in names]
    ids = tuple(readable_name(Path(name).as_posix()) for name in names)
    notes = tuple(describe_found(found, "items"))
    return RowsRead(files, ids if len(set(ids)) == len(ids) else _row_ids(len(ids)), found.modality, notes=notes)


def _refuse_lost(names: Sequence[str], *, must_exist: bool) -> None:
    """Raise if strings are clearly meant as files, but none exists."""
    media = [name for name in names if len(name) < 4096 and media_suffix(name) is not None]
    if must_exist and not media:
        odd = next((name for name in names if media_of_file(Path(name)) is None), "")
        raise DataError(f"Paths must be of pictures or sounds, such as .jpg, .png, .wav or .flac; got '{odd}'.")
    if media and (must_exist or len(media) * 2 > len(names)):
        missing = [name for name in names if not Path(name).is_file()]
        files = plural(len(names), "file does not exist", "files do not exist")
        raise DataError(f"{len(missing)} of {files}, for example '{missing[0]}'.")


def _read_rows(values: list[Any]) -> RowsRead:
    if len({len(value) for value in values}) > 1:
        raise DataError("The rows of numbers differ in length; give each the same number of columns.")
    return _read_array(np.stack([np.asarray(value) for value in values]))


def _read_array(data: NDArray[Any]) -> RowsRead:
    ids = _row_ids(len(data)) if data.ndim else ()
    if data.ndim == 2 and data.dtype.kind in "biuf":
        rows: Any = data if data.dtype.kind == "f" else data.astype(np.float64)
        return RowsRead(rows, ids, "vector")
    if data.ndim in (3, 4) and data.dtype.kind in "biuf":
        return RowsRead(list(data), ids, "image")
    raise DataError(
        f"An array must be (n, d) numbers, or (n, h, w) or (n, h, w, channels) pictures. Got {data.dtype} "
        f"{data.shape} instead."
    )
