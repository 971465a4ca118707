"""The training items of a model with their labels, found again by their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions, align_columns, audit
from headstart.errors import DataError, HeadstartError
from headstart.io import read_json, read_parquet
from headstart.model import TransferModel
from headstart.model.as_fitted import read_as_fitted
from headstart.tasks import base_dataset

__all__ = ["FittedItems", "training_items"]

WAY_OUT = "name the training data with --items, or fit again with --int8 always"


@dataclass(frozen=True, eq=False)
class FittedItems:
    """The items that a model was fitted on.

    Attributes:
        items: n items as the model takes them.
        y: their labels as in `Dataset`.
        origin: where they were found.
    """

    items: Sequence[Any]
    y: NDArray[Any]
    origin: str


def training_items(model: TransferModel, data: Any = None) -> FittedItems:
    """The training items of a model that was loaded from its run folder.

    Args:
        model: the model.
        data: the data of the fit; None for the place where the fit found them.

    Raises:
        DataError: if an item is not there with the same content, or the model does not know its labels.

    Examples:
        >>> from headstart import zero_shot
        >>> training_items(zero_shot(["parcel", "refund"], source="toy", verbose=False))
        Traceback (most recent call last):
        headstart.errors.DataError: The model was not loaded from the folder of a run with its training items, ...
    """
    contents = {} if model.folder is None else _contents(model.folder)
    kept = model.certainty
    if kept is None or not contents:
        raise DataError(
            "The model was not loaded from the folder of a run with its training items, which the head is solved on "
            "again; load it from there, or fit again with --int8 always."
        )
    place = data if data is not None else _place(model)
    found = _by_content(model, place)
    fitted = [k for k, used in enumerate(_used(model)) if used]
    ids = [kept.ids[k] for k in fitted]
    missing = [name for name in ids if contents.get(name, "") not in found]
    if missing:
        raise DataError(
            f"{len(missing):,} of the {len(ids):,} training items are not in '{_named(place)}' with the content that "
            f"they had in the fit, the first of them '{missing[0]}'; {WAY_OUT}."
        )
    return FittedItems([found[contents[name]] for name in ids], kept.y[fitted], f"'{_named(place)}'")


def _contents(folder: Path) -> dict[str, str]:
    """The digest of the content of each item, by id."""
    table = folder / "splits.parquet"
    columns = read_parquet(table).to_pydict() if table.is_file() else {}
    if not {"id", "content"} <= set(columns):  # a run of an earlier version
        return {}
    return dict(zip(map(str, columns["id"]), map(str, columns["content"]), strict=True))


def _place(model: TransferModel) -> str:
    record = model.folder / "manifest.json" if model.folder is not None else Path()
    data = read_json(record).get("data") if record.is_file() else None
    place = data.get("path") if isinstance(data, dict) else None
    if not isinstance(place, str) or not Path(place).exists():
        where = f"'{place}', where the fit found them, is not there" if isinstance(place, str) else "no path is known"
        raise DataError(f"The training items are needed, on which the head is solved again, but {where}; {WAY_OUT}.")
    return place


def _by_content(model: TransferModel, data: Any) -> dict[str, Any]:
    try:
        dataset = read_as_fitted(data, model, ReadOptions.of(modality=model.source.info.modality, labelled=False))
        dataset = align_columns(dataset, model.columns)
        digests = audit(base_dataset(dataset), near=False).content
    except HeadstartError as error:
        raise DataError(f"The training items cannot be read from '{_named(data)}' ({error}) {WAY_OUT}.") from error
    return {str(digest): item for digest, item in zip(digests, dataset.items, strict=True)}


def _used(model: TransferModel) -> NDArray[np.bool_]:
    """(n,) which items count in the fit; those of weight 0 were set aside as suspect."""
    kept = model.certainty
    assert kept is not None  # noqa: S101 (the caller looked)
    used = np.ones(len(kept.ids), bool)
    if kept.weights is not None and (kept.weights == 0).any():
        if len(kept.index) < len(kept.ids):
            raise DataError(f"Which items the fit set aside as suspect is not known of all of them; {WAY_OUT}.")
        used[kept.index] = kept.weights > 0
    return used


def _named(data: Any) -> str:
    return str(data) if isinstance(data, str | Path) else f"the {type(data).__name__} given"
