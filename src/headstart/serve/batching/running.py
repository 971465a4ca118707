"""One batch through the body: items that fail alone, and answers that hold what their request asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import HeadstartError, ItemError
from headstart.serve.batching.annotator import Served
from headstart.serve.batching.calls import Answer, Ticket
from headstart.serve.batching.served import AnswerOptions

__all__ = ["answered", "prepared_items"]


def answered(served: Served, batch: Sequence[Ticket]) -> list[Answer]:
    """The answer of each ticket, whose item is prepared; one that fails has its reason, the others are not affected.

    Args:
        served: the version that answers all of them.
        batch: at least one ticket.

    Examples:
        >>> from headstart import zero_shot
        >>> from types import SimpleNamespace
        >>> from headstart.serve.batching.served import ServedModel
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> call = SimpleNamespace(options=AnswerOptions(top=1))
        >>> items = prepared_items(served, ["my parcel", "a refund"])
        >>> found = answered(served, [Ticket(k, call, 0, item, is_prepared=True) for k, item in enumerate(items)])
        >>> [answer["label"] for answer in found]
        ['parcel', 'refund']
    """
    found: list[Answer] = [{} for _ in batch]
    rows = _rows(served, [ticket.item for ticket in batch])
    groups: defaultdict[AnswerOptions, list[int]] = defaultdict(list)
    for place, (ticket, row) in enumerate(zip(batch, rows, strict=True)):
        if isinstance(row, str):
            found[place] = {"error": row}
        else:
            groups[ticket.call.options].append(place)
    for options, places in groups.items():
        answers = _answers(served, np.stack([np.asarray(rows[place]) for place in places]), options)
        for place, answer in zip(places, answers, strict=True):
            found[place] = answer
    return found


def prepared_items(served: Served, items: Sequence[Any]) -> list[Any]:
    """Each item as the body reads it, or its `ItemError`.

    Args:
        served: the version that reads them.
        items: as they were sent.

    Examples:
        >>> from headstart import zero_shot
        >>> from headstart.serve.batching.served import ServedModel
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> prepared_items(served, ["my parcel", ""])
        [b'my parcel', ItemError('The text is empty.')]
    """
    try:
        return served.prepare(items)
    except Exception:  # noqa: BLE001 (one of them failed in a way of its own, so each is tried alone)
        return [_prepared_alone(served, item) for item in items]


def _prepared_alone(served: Served, item: Any) -> Any:
    try:
        return served.prepare([item])[0]
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the item's)
        return ItemError(_reason(error))


def _rows(served: Served, prepared: Sequence[Any]) -> list[NDArray[Any] | str]:
    """The row of each item, or the reason why it has none; a batch that fails is halved until the items fail alone."""
    if not prepared:
        return []
    try:
        rows = served.rows(prepared)
    except Exception as error:  # noqa: BLE001 (memory, a backend, an item of another shape)
        if len(prepared) == 1:
            return [_reason(error)]
        middle = len(prepared) // 2
        return _rows(served, prepared[:middle]) + _rows(served, prepared[middle:])
    if rows.dtype == object:  # annotations, whose numbers the head has checked
        return list(rows)
    finite = np.isfinite(rows).all(axis=1)
    return [
        row if fine else "The item has features that are not finite." for row, fine in zip(rows, finite, strict=True)
    ]


def _answers(served: Served, rows: NDArray[Any], options: AnswerOptions) -> list[Answer]:
    try:
        return served.answers(rows, options)
    except Exception as error:  # noqa: BLE001 (a failure of one row must not take the others with it)
        if len(rows) == 1:
            return [{"error": _reason(error)}]
        return [answer for row in rows for answer in _answers(served, row[None], options)]


def _reason(error: Exception) -> str:
    if isinstance(error, HeadstartError):
        return str(error)
    if isinstance(error, MemoryError):
        return "The item needs more memory than there is; give a smaller one."
    return f"The model failed on this item ({type(error).__name__})."
