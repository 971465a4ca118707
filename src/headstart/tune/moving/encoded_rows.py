"""The rows of a fine-tuned body, computed as those of any other body: in the form that the engine chooses.

A training needs gradients and runs in torch. Whatever encodes afterwards need not: OpenVINO runs a small text body two
to eight times as fast as torch in fp32, and a convolutional one more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from headstart.engine.capabilities import Branching, Cacheable, Runtime, runtime_of
from headstart.engine.extract import encode
from headstart.engine.options import Engine
from headstart.errors import ItemError
from headstart.tune.moving.validation import network_rows
from headstart.tune.network.body_and_head import Network
from headstart.tune.training.batches import ItemBatches
from headstart.types import FeatureMatrix, Source, SourceInfo

__all__ = ["encoded_rows"]


def encoded_rows(
    source: Source, network: Network, items: Sequence[Any], batches: ItemBatches, engine: Engine
) -> FeatureMatrix:
    """The rows (n, d) of a source that has the body of a network.

    Items that were prepared for the training are not read again. Rows are not stored, since a body that is only a
    candidate is seldom asked again; those of a body that a strategy leaves as it is are found in the store.

    Args:
        source: has the weights of the network's body.
        network: body and head; its rows are taken where the engine finds some that are not finite.
        items: n items.
        batches: of the same items.
        engine: the user's settings; everything runs on this machine.

    Examples:
        >>> import numpy as np
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> rows = encoded_rows(setting.source, setting.network, setting.items, setting.batches, Engine())
        >>> np.allclose(rows, setting.source.encode(setting.items), atol=0.2)     # of a body that was not trained yet
        True
    """
    here = replace(engine, ray=None, workers=None)
    try:
        if isinstance(source, Branching):
            return encode(source, items, engine=here)
        uncached = replace(here, cache=False)
        if source.info.modality not in ("image", "audio"):
            return encode(source, items, engine=uncached)
        prepared = cast("Source", _Prepared(source, batches.prepared))  # nothing else of a source is asked
        return encode(prepared, range(len(items)), engine=uncached)
    except ItemError:  # all items were read before, so weights that diverged give rows that are not finite
        return network_rows(network, batches, next(network.parameters()).device.type)


class _Prepared:
    """A source whose items are positions of prepared items."""

    def __init__(self, source: Source, prepared: Callable[[int], Any]) -> None:
        self._source, self.prepare = source, prepared

    @property
    def info(self) -> SourceInfo:
        return self._source.info

    @property
    def runtime(self) -> Runtime:
        return runtime_of(self._source)

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str | None:
        """Choose the backend of the source; positions have no content by which rows could be stored."""
        if isinstance(self._source, Cacheable):
            self._source.choose(engine, count, few)
        return None

    def forward(self, prepared: Sequence[Any]) -> FeatureMatrix:
        return self._source.forward(prepared)
