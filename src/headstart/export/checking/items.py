"""The items on which an exported folder is compared with its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from headstart.annotations import Sentence
from headstart.data import ReadOptions, align_columns, audit
from headstart.data.table.files import table_kind
from headstart.errors import DataError, HeadstartError, ParameterError
from headstart.io import read_json, read_parquet
from headstart.model import TransferModel
from headstart.model.annotator import AnnotationModel
from headstart.model.as_fitted import read_as_fitted
from headstart.sources.bodies.seeded import example_pictures
from headstart.tasks import base_dataset
from headstart.types import Dataset

__all__ = ["MOST", "CheckItems", "items_to_check", "spaced"]

Model = TransferModel | AnnotationModel
MOST = 500
PICTURES = 16  # of the examples
TEXTS = "support_requests.csv"
SOUNDS = "spoken_words.tar"


@dataclass(frozen=True, eq=False)
class CheckItems:
    """Items to compare on.

    Attributes:
        items: n items as the model takes them.
        origin: where they come from, in words.
    """

    items: Sequence[Any]
    origin: str


def items_to_check(model: Model, check: Any = None, *, most: int = MOST) -> CheckItems:
    """Items on which an exported folder is compared with its model.

    Args:
        model: the model.
        check: a folder, a table or a list of items; None for items of the fit that are still where the fit found them,
            with the same content, and else for examples of the install.
        most: how many; of more, evenly spaced ones.

    Raises:
        DataError: if there are none.
        ParameterError: if there are no examples of this kind of item, so that ``check`` has to name some.

    Examples:
        >>> from headstart import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> found = items_to_check(model, ["where is it", "give it back"])
        >>> found.items, found.origin
        (['where is it', 'give it back'], 'items given')
    """
    if check is not None:
        found = _given(model, check)
        if len(found.items) == 0:
            raise DataError(f"There are no items in {found.origin}; give at least one to compare on.")
        return _spaced(found, most)
    of_fit = None if model.folder is None else _of_the_fit(model, model.folder, most)
    return of_fit or _examples(model, most)


def _spaced(found: CheckItems, most: int) -> CheckItems:
    return CheckItems([found.items[k] for k in spaced(len(found.items), most)], found.origin)


def spaced(count: int, most: int) -> list[int]:
    """Positions of at most ``most`` evenly spaced items of ``count``.

    Examples:
        >>> spaced(9, 3)
        [0, 4, 8]
    """
    return [int(k) for k in np.unique(np.linspace(0, count - 1, min(count, most)).round())]


def _given(model: Model, check: Any) -> CheckItems:
    if not isinstance(check, str | Path):
        return CheckItems(list(check), "items given") if isinstance(check, list | np.ndarray) else _read(model, check)
    return _read(model, check)


def _read(model: Model, data: Any) -> CheckItems:
    dataset = _dataset(model, data)
    return CheckItems(dataset.items, f"'{data}'" if isinstance(data, str | Path) else "items given")


def _dataset(model: Model, data: Any) -> Dataset:
    if isinstance(model, AnnotationModel):
        place = Path(data) if isinstance(data, str | Path) else None
        # the cells of a table do not show what they mean (a text may be a path): the model does
        is_table = place is not None and place.is_file() and table_kind(place) is not None
        modality = model.source.info.modality if is_table else None
        return read_as_fitted(data, model, ReadOptions.of(modality=modality, labelled=False, task=model.task.kind))
    dataset = read_as_fitted(data, model, ReadOptions.of(modality=model.source.info.modality, labelled=False))
    return align_columns(dataset, model.columns)


def _of_the_fit(model: Model, folder: Path, most: int) -> CheckItems | None:
    """Items of the fit whose content is what it was; None where none is found."""
    table, record = folder / "splits.parquet", folder / "manifest.json"
    if not table.is_file() or not record.is_file():
        return None
    data = read_json(record).get("data")
    place = data.get("path") if isinstance(data, dict) else None
    if not isinstance(place, str) or not Path(place).exists():
        return None
    try:
        return _same_content(_dataset(model, place), table, place, most)
    except HeadstartError:  # what is there now is not what was fitted on
        return None


def _same_content(dataset: Dataset, table: Path, place: str, most: int) -> CheckItems | None:
    columns = read_parquet(table).to_pydict()
    if not {"id", "content"} <= set(columns):  # a run of an earlier version
        return None
    contents = dict(zip(map(str, columns["id"]), map(str, columns["content"]), strict=True))
    there = [k for k, name in enumerate(dataset.ids) if name in contents]
    if not there:
        return None
    part = dataset.take([there[k] for k in spaced(len(there), most)])
    found = audit(_plain(part), near=False).content
    same = [k for k, name in enumerate(part.ids) if str(found[k]) == contents[name]]
    return CheckItems([part.items[k] for k in same], f"the fit ('{place}')") if same else None


def _plain(part: Dataset) -> Dataset:
    """The items whose content is compared; of annotated ones without their labels."""
    texts = [item.text for item in part.items if isinstance(item, Sentence)]
    if not texts and (part.task is None or part.task.unit == "item"):
        return base_dataset(part)
    return replace(part, task=None, y=None, items=texts or part.items)


def _examples(model: Model, most: int) -> CheckItems:
    """Items that come with the install."""
    kind, origin = model.source.info.modality, "the examples of the install"
    if kind == "image":
        return CheckItems(example_pictures(min(most, PICTURES)), origin)
    if kind in ("text", "audio"):
        name = TEXTS if kind == "text" else SOUNDS
        from headstart.data import read

        with as_file(files("headstart") / "assets" / name) as place:
            dataset = read(place)
        return _spaced(CheckItems(dataset.items, origin), most)
    raise ParameterError(
        "The items of the fit are not where it found them; name some to compare on with --check (check=...)."
    )
