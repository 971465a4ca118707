"""Pickling of estimators (``pickle``, ``joblib``, ``copy``): open sources are packed as the files that they save."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from headstart.sources.packing import PackedSource, pack_source
from headstart.types import Source

__all__ = ["PicklableEstimator"]

SOURCES = ("source", "source_")  # the parameter, and the opened source


class PicklableEstimator(BaseEstimator):  # type: ignore[misc]
    """An estimator whose sources are packed on pickling and opened again on unpickling.

    Raises:
        SourceError: on pickling, where a source is a torch module of the user's own.

    Examples:
        >>> import copy
        >>> from headstart import TransferEncoder
        >>> copy.deepcopy(TransferEncoder(source="toy").fit(["good", "bad"])).transform(["good"]).shape
        (1, 64)
    """

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in SOURCES:
            if isinstance(state.get(name), Source):
                state[name] = pack_source(state[name])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        opened = {name: value.open() for name, value in state.items() if isinstance(value, PackedSource)}
        super().__setstate__({**state, **opened})
