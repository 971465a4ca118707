"""The question that a method answers: which item, which label, of which model, with which training rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import extract
from headstart.errors import ParameterError
from headstart.explain.asking.contrast import Contrast
from headstart.explain.asking.training_rows import TrainingRows
from headstart.model import TransferModel
from headstart.types import Rows, Source

__all__ = ["Query", "item_words", "source_in_fp32"]

NUMBERS = 12  # numbers of a row that are shown


@dataclass(frozen=True, eq=False)
class Query:
    """What a method is asked.

    Attributes:
        model: the model.
        item: the item, as the source reads it.
        row: (1, d) its features.
        contrast: the quantity that is explained.
        training: the training rows, or None where they are not at hand.
        count: how many training items are listed on each side.
        seed: of what a method draws.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.asking.contrast import contrast_of
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model
        >>> query = Query(model, [0.2, 1.0], np.array([[0.2, 1.0]]), contrast_of(model.task, "left"))
        >>> query.value > 0, np.isclose(query.values_of_items([[0.2, 1.0]]), query.value)
        (True, array([ True]))
    """

    model: TransferModel
    item: Any
    row: NDArray[Any]
    contrast: Contrast
    training: TrainingRows | None = None
    count: int = 6
    seed: int = 0

    @cached_property
    def mapped(self) -> NDArray[np.float64]:
        """(p,) the item's features as the head reads them."""
        return np.asarray(self.model.head.feature_map(self.row)[0], np.float64)

    @cached_property
    def value(self) -> float:
        """The quantity for the item, by the model as it predicts."""
        return float(self.values(self.row)[0])

    def values(self, rows: Rows) -> NDArray[np.float64]:
        """The quantity (n,) of source rows (n, d)."""
        return self.contrast(self.model.head.scores(rows))

    def values_of_items(self, items: Sequence[Any]) -> NDArray[np.float64]:
        """The quantity (n,) of other items, such as variants of the item; they are not kept in the feature store.

        Raises:
            ItemError: if one of them cannot be read.
        """
        engine = replace(self.model.engine, cache=False)
        return self.values(extract(self.model.source, items, engine=engine, on_error="raise").rows)

    @property
    def direction(self) -> NDArray[np.float64]:
        """(p,) the weight vector of a linear head for the quantity: f(x) = direction · mapped + constant."""
        found: NDArray[np.float64] = self.model.head.weight @ self.contrast.weights
        return found

    @property
    def constant(self) -> float:
        """The constant of a linear head for the quantity."""
        return float(self.model.head.bias @ self.contrast.weights)

    @property
    def training_rows(self) -> TrainingRows:
        """The training rows; `ParameterError` where they are not at hand."""
        if self.training is None:
            raise ParameterError("The training items are not at hand; give them as training=DATA.")
        return self.training

    @property
    def knows_mean(self) -> bool:
        """Whether the mean training row is known."""
        return self.model.moments is not None or self.training is not None

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """(p,) the mean training row as the head reads it; `ParameterError` where it is not known."""
        if self.model.moments is not None:
            return np.asarray(self.model.moments.mean, np.float64)
        return self.training_rows.mean


def item_words(item: object) -> str:
    """An item in words: a text, a path, or the first numbers of a row.

    Examples:
        >>> item_words("Where is it?"), item_words(np.array([1.0, 2.5])), item_words(("a", None))
        ('Where is it?', '1, 2.5', 'a | (missing)')
    """
    if isinstance(item, str | os.PathLike):
        return str(item)
    if isinstance(item, np.ndarray) and item.ndim == 1:
        return _numbers(item.tolist())
    if isinstance(item, list | tuple) and all(isinstance(value, int | float) for value in item):
        return _numbers(item)
    if isinstance(item, list | tuple):
        return " | ".join("(missing)" if part is None else item_words(part) for part in item)
    if isinstance(item, int | float | np.generic):
        return f"{item}"
    return f"a {type(item).__name__}"


def _numbers(values: Sequence[float]) -> str:
    shown = ", ".join(f"{value:.4g}" for value in values[:NUMBERS])
    return f"{shown}, ..." if len(values) > NUMBERS else shown


def source_in_fp32(source: Source) -> Source:
    """The source that can be run in torch: of a body in int8, the one in fp32 that it was made from.

    Examples:
        >>> from headstart.sources import open_source
        >>> source = open_source("toy")
        >>> source_in_fp32(source) is source
        True
    """
    from headstart.sources.quantized import QuantizedSource
    from headstart.sources.spectrogram import Spectrogram

    if isinstance(source, Spectrogram) and isinstance(source.image_source, QuantizedSource):
        return Spectrogram(source.image_source.full, source.settings)
    return source.full if isinstance(source, QuantizedSource) else source
