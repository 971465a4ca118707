"""Rows that a plain function makes of each item, kept in the feature store as those of a body are."""

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
    """Make a row of each item by a function that decodes it, in threads, or take it from the feature store.

    Args:
        name: of the function; it must change when the rows do, for kept ones are found by it.
        row: gives the finite row (d,) of an item, or raises `ItemError`.
        items: at least one item.
        modality: what kind of thing an item is.
        progress: called with (done, total, how).
        cache: whether the store is used.

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
    """A function in the place of a body."""

    info: SourceInfo
    prepare: Callable[[Any], FeatureMatrix]

    def forward(self, prepared: Sequence[FeatureMatrix]) -> FeatureMatrix:
        return np.stack(prepared)

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str:  # noqa: ARG002
        return rows_key(self.info.modality, "function", self.info.name)
