"""Rows that a plain function computes from each item, cached in the feature store like those of a body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.engine.body.recipe import rows_key
from headstart.engine.extraction import Extraction
from headstart.engine.options import Engine
from headstart.engine.pipeline.local import extract_here
from headstart.reporting import Progress
from headstart.types import FeatureMatrix, Modality, SourceInfo

__all__ = ["simple_rows"]


def simple_rows(
    name: str,
    row: Callable[[Any], FeatureMatrix],
    items: Sequence[Any],
    modality: Modality,
    *,
    progress: Progress | None = None,
    cache: bool = True,
) -> Extraction:
    """Compute a row of each item with a function, in threads, or read it from the feature store.

    Args:
        name: the name of the function. It is part of the cache key, so it must change whenever the rows change.
        row: returns the finite row (d,) of an item, or raises `ItemError`.
        items: at least one item.
        modality: the kind of items.
        progress: called with (items done, items in total, details).
        cache: whether the feature store is used.

    Returns:
        The rows; items that cannot be read are set aside with their reason.

    Examples:
        >>> simple_rows("lengths 1", lambda text: np.float32([len(text)]), ["a", "bb"], "text").rows.ravel()
        array([1., 2.], dtype=float32)
    """
    function = _Function(SourceInfo(name, modality), row)
    return extract_here(function, items, engine=Engine(cache=cache), progress=progress)


@dataclass(frozen=True)
class _Function:
    """A function as a source, without a body."""

    info: SourceInfo
    prepare: Callable[[Any], FeatureMatrix]

    def forward(self, prepared: Sequence[FeatureMatrix]) -> FeatureMatrix:
        return np.stack(prepared)

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str:  # noqa: ARG002
        return rows_key(self.info.modality, "function", self.info.name)
