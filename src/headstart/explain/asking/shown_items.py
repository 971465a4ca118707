"""Training items as an explanation lists them: name, label, and text or picture where the items are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import TrainingItem
from headstart.engine.extract import extract
from headstart.explain.asking.columns import source_columns
from headstart.explain.asking.item_pictures import picture_of, sound_of
from headstart.explain.asking.query import Query, item_words
from headstart.explain.asking.training_rows import TrainingRows

__all__ = ["listed_items"]

CHANGED = "(changed since the fit, so it is not shown)"
MOST_COLUMNS = 6  # of a row of numbers
SOUND_BYTES = 16_000  # of the sound of a training item: about four seconds
ALIKE = 0.99  # cosine of the rows of the same item; rows of another number format differ less


def listed_items(
    query: Query, places: Sequence[int], values: Sequence[float], outputs: Sequence[float] | None = None
) -> tuple[TrainingItem, ...]:
    """Some training items, in the order given.

    An item that was found again by its name is shown only if its features are those of the fit: files may change.

    Args:
        query: with training rows.
        places: positions of the items among the training items.
        values: of each.
        outputs: the output without each; None where it is not computed.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> rows = np.repeat([[0.0, 5.0], [9.0, 5.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = (rows, ["low"] * 10 + ["high"] * 10)
        >>> query = ask(fit(data, verbose=False).model, rows[0], training=data)
        >>> listed_items(query, [3], [0.5])
        (TrainingItem(id='3', label='low', value=0.5, output_without=nan, text='0.06, 5.07'),)
    """
    training = query.training_rows
    training_items = _found_again(query, training, places)
    without = [float("nan")] * len(places) if outputs is None else outputs
    return tuple(
        TrainingItem(
            training.ids[place],
            training.label(place),
            float(value),
            float(output),
            _text(item, query),
            _picture(item, query.model.source.info.modality),
            _sound(item, query.model.source.info.modality),
        )
        for place, value, output, item in zip(places, values, without, training_items, strict=True)
    )


class _Changed:
    """Stands for an item whose features are not those of the fit."""


def _text(item: Any, query: Query) -> str:
    if item is None or isinstance(item, _Changed):
        return "" if item is None else CHANGED
    columns = query.model.columns
    if query.model.source.info.modality != "vector" or len(columns) != np.size(item):
        return item_words(item)
    values = np.asarray(item, np.float64).ravel()
    shown = [f"{columns[k]} {values[k]:.4g}" for k in _telling_columns(query, len(values))]
    return ", ".join(shown) + (", ..." if len(shown) < len(values) else "")


def _telling_columns(query: Query, count: int) -> list[int]:
    """The columns that count most for the explained answer; of a head that is not linear, the first ones."""
    if not (query.model.head.linear and query.knows_mean):
        return list(range(min(count, MOST_COLUMNS)))
    sizes = np.zeros(count)
    own = source_columns(query.model.head.feature_map)
    np.add.at(sizes, own, np.abs(query.direction * (query.mapped - query.mean)))
    return [int(k) for k in np.argsort(-sizes, kind="stable")[:MOST_COLUMNS]]


def _picture(item: Any, modality: str) -> str:
    """A small picture; empty for items that are none, such as a text that is the path of a picture."""
    return picture_of(item) if modality == "image" and not (item is None or isinstance(item, _Changed)) else ""


def _sound(item: Any, modality: str) -> str:
    """The beginning of a sound as a small file; empty for other items."""
    is_there = modality == "audio" and item is not None and not isinstance(item, _Changed)
    return sound_of(item, SOUND_BYTES) if is_there else ""


def _found_again(query: Query, training: TrainingRows, places: Sequence[int]) -> list[Any]:
    """The items at some places; None for one that is not at hand."""
    if training.items is None:
        return [None] * len(places)
    items = [training.items[place] for place in places]
    there = [k for k, item in enumerate(items) if item is not None]
    if training.encoded or not there:
        return items
    encoded = extract(query.model.source, [items[k] for k in there], engine=query.model.engine)
    rows = dict(zip((there[int(place)] for place in encoded.index), np.asarray(encoded.rows[:]), strict=True))
    return [
        item if item is None or (k in rows and _is_alike(query, rows[k], training.rows[places[k]])) else _Changed()
        for k, item in enumerate(items)
    ]


def _is_alike(query: Query, row: NDArray[Any], kept: NDArray[Any]) -> bool:
    """Whether a source row, mapped as the head reads it, is the kept one."""
    feature_map = query.model.head.feature_map
    if len(row) != feature_map.num_inputs:
        return False
    found, own = np.asarray(feature_map(row[None])[0], np.float64), np.asarray(kept, np.float64)
    return bool(found @ own >= ALIKE * np.linalg.norm(found) * np.linalg.norm(own))
