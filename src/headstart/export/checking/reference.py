"""What a model answers: by `predict`, and with its body in fp32, which is what an exported graph computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import runtime_of
from headstart.errors import ItemError
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import TrainableSource
from headstart.sources.transformers.clip import ClipSource
from headstart.types import FeatureMatrix

__all__ = ["ModelAnswers", "exact_rows", "model_answers"]

AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class ModelAnswers:
    """What a model answers for the items that it can read.

    Attributes:
        index: (n,) their positions among the items given.
        predicted: (n, k) by `TransferModel.predict_proba`.
        exact: (n, k) with the body in fp32; ``predicted`` itself where that is fp32.
        runtime: what ran the body for ``predicted``, in words.
        exact_runtime: what ran it for ``exact``.
    """

    index: NDArray[np.intp]
    predicted: NDArray[np.float64]
    exact: NDArray[np.float64]
    runtime: str
    exact_runtime: str


def model_answers(model: TransferModel, items: Sequence[Any]) -> ModelAnswers:
    """The answers of a model for those of the items that it can read.

    Args:
        model: the model.
        items: n items.

    Raises:
        ItemError: if it can read none of them.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> found = model_answers(model, list(rows[:3]))
        >>> found.exact is found.predicted, found.runtime
        (True, 'no body')
    """
    found = model.predict_readable(items)
    if not len(found.index):
        raise ItemError(f"None of the {len(items)} items can be read; the first: {next(iter(found.failures.values()))}")
    runtime, source = runtime_of(model.source), _unexact(model)
    if source is None:
        name = str(runtime) or "no body"
        return ModelAnswers(found.index, found.outputs, found.outputs, name, name)
    exact = model.outputs(_rows_of(source, [items[k] for k in found.index]))
    return ModelAnswers(found.index, found.outputs, exact, str(runtime), "torch fp32")


def exact_rows(model: TransferModel, items: Sequence[Any]) -> FeatureMatrix:
    """The rows (n, d) of items that a model can read, in fp32 where its source has a body.

    Examples:
        >>> from headstart import zero_shot
        >>> exact_rows(zero_shot(["parcel", "refund"], source="toy", verbose=False), ["where is it"]).shape
        (1, 96)
    """
    rows = model.source.encode(items)  # before the body has run, its number format is not known
    source = _unexact(model)
    return rows if source is None else _rows_of(source, items)


def _unexact(model: TransferModel) -> TrainableSource | None:
    """The source of a model, if its body runs in another number format than fp32."""
    source = model.source.body if isinstance(model.source, ClipSource) else model.source
    fp32 = runtime_of(model.source).precision in ("", "fp32")
    return None if fp32 or not isinstance(source, TrainableSource) else source


def _rows_of(source: TrainableSource, items: Sequence[Any]) -> NDArray[np.float32]:
    import torch

    body, rows = source.trainable(), []
    with torch.no_grad():
        for begin in range(0, len(items), AT_ONCE):
            batch = body.collate([source.prepare(item) for item in items[begin : begin + AT_ONCE]])
            rows.append(torch.cat([block.float() for block in body.forward(body.module, batch)], dim=1).numpy())
    return np.concatenate(rows)
