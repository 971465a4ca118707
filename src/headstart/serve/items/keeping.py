"""Items as the feedback store keeps them, and back: bytes that a later version can be taught from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from headstart.errors import ItemError
from headstart.serve.batching.served import ServedModel
from headstart.serve.items.reading import converter, decode_base64, item_of
from headstart.serve.options import RequestLimits
from headstart.serve.store.events import Feedback, ItemKind

__all__ = ["item_to_keep", "kept_item"]


def item_to_keep(value: Any, served: ServedModel, limits: RequestLimits) -> tuple[ItemKind, bytes]:
    """An item as it is kept.

    Args:
        value: the item as it was sent.
        served: the model that reads it.
        limits: of a request.

    Raises:
        ItemError: if the model cannot read it.

    Examples:
        >>> from headstart import zero_shot
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> item_to_keep({"text": "my parcel"}, served, RequestLimits())
        ('text', b'my parcel')
    """
    item = item_of(value, served, limits)
    if isinstance(item, ItemError):
        raise item
    if isinstance(item, str) and served.modality == "text":
        return "text", item.encode()
    if served.modality in ("image", "audio"):
        return "file", item if isinstance(item, bytes) else decode_base64(item)
    try:
        return "json", json.dumps(item, allow_nan=False, sort_keys=isinstance(item, Mapping)).encode()
    except (ValueError, RecursionError):
        raise ItemError("An item must hold finite numbers, and no deeply nested lists.") from None


def kept_item(given: Feedback, served: ServedModel, limits: RequestLimits) -> Any:
    """The item of kept feedback, as the model reads it.

    Args:
        given: from the store.
        served: the model.
        limits: of a request.

    Raises:
        ItemError: if it cannot be read any more.

    Examples:
        >>> from headstart import zero_shot
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> kept_item(Feedback("text", b"my parcel", "delivery"), served, RequestLimits())
        'my parcel'
    """
    value = json.loads(given.item) if given.kind == "json" else given.item
    item = item_of(value, served, limits)
    if isinstance(item, ItemError):
        raise item
    convert = converter(served, limits)
    return item if convert is None else convert(item)
