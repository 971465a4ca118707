"""Rows of items that are not at hand any more, from the feature store, by the digests that it keeps them under."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.engine.body.selection import take_columns
from headstart.engine.cache.features import FeatureStore, open_store, store_exists
from headstart.engine.capabilities import BlockSelecting, Cacheable
from headstart.engine.options import Engine
from headstart.engine.pipeline.contents import WINDOW, Contents
from headstart.types import Encoder, FeatureMatrix, Modality

__all__ = ["row_keys", "rows_by_key"]


def row_keys(items: Sequence[Any], modality: Modality) -> list[str | None]:
    """The digests under which the feature store keeps the rows of items, in hexadecimal; None where there is none.

    Args:
        items: n items.
        modality: their kind.

    Examples:
        >>> row_keys(["good", "good"], "text")[0][:8]
        '82ac3b82'
    """
    found = Contents.of(items, modality)
    return [digest.tobytes().hex() if known else None for digest, known in zip(found.digests, found.known, strict=True)]


def rows_by_key(source: Encoder, keys: Sequence[str | None], *, engine: Engine, limit: int) -> FeatureMatrix | None:
    """The rows (n, d) of items by the digests of their contents; None unless the store holds all of them.

    Args:
        source: the encoder, whose rows they are.
        keys: from `row_keys`.
        engine: with the store, and the backend that encoded them.
        limit: bytes of rows that are read at most; None is returned for more.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> rows_by_key(ToySource(), ["82ac3b82"], engine=Engine(), limit=2**20) is None     # it keeps no rows
        True
    """
    width = sum(block.width for block in source.info.blocks)
    if not engine.cache or not isinstance(source, Cacheable) or not keys or len(keys) * width * 4 > limit:
        return None
    key = source.choose(engine, len(keys), list)
    names = [_bytes(one) for one in keys]
    if key is None or None in names:
        return None
    wider = source.wider_rows() if isinstance(source, BlockSelecting) else None
    stores = [(key, None)] + ([] if wider is None else [(wider.key, wider.ranges)])
    rows = np.empty((len(keys), width), np.float32)
    missing = np.ones(len(keys), bool)
    for name, ranges in stores:
        if missing.any() and store_exists(name):
            with open_store(name) as store:
                _fill(store, names, rows, missing, ranges)
    return None if missing.any() else rows


def _bytes(key: str | None) -> bytes | None:
    try:
        return None if key is None else bytes.fromhex(key)
    except (TypeError, ValueError):  # a damaged table
        return None


def _fill(
    store: FeatureStore,
    names: Sequence[bytes | None],
    rows: FeatureMatrix,
    missing: Any,
    ranges: Sequence[tuple[int, int]] | None,
) -> None:
    wanted = np.flatnonzero(missing)
    for window in (wanted[start : start + WINDOW] for start in range(0, len(wanted), WINDOW)):
        there, found = store.get([names[k] for k in window])
        if isinstance(found, list) or not there.any():
            continue
        taken = found if ranges is None else take_columns(found, ranges)
        if taken.shape[1] == rows.shape[1]:
            rows[window[there]] = taken
            missing[window[there]] = False
