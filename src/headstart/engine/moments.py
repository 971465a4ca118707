"""Moments of items: features are encoded and summed chunk by chunk and never stored, here or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Literal

from numpy.typing import ArrayLike

from headstart.engine.options import Engine
from headstart.engine.pipeline.moment_chunks import (
    FeatureMap,
    ItemMoments,
    check_items,
    choose_backend,
    encode_chunk,
    items_of,
    split_items,
    sum_chunks,
)
from headstart.params import check_choice
from headstart.reporting import Progress
from headstart.types import Encoder

__all__ = ["ItemMoments", "moments_of"]


def moments_of(
    source: Encoder,
    items: Sequence[Any],
    targets: ArrayLike,
    *,
    engine: Engine = Engine(),
    feature_map: FeatureMap | None = None,
    progress: Progress | None = None,
    on_error: Literal["set_aside", "raise"] = "set_aside",
) -> ItemMoments:
    """Encode items and keep only the moments of their features, so memory does not grow with the number of items.

    The moments are the same to the last bit on this machine and on a Ray cluster of any size. Both sum the moments of
    the same chunks in the same order. Each chunk uses one thread of linear algebra, because the order of summation
    inside a matrix product depends on the number of threads.

    Args:
        source: what encodes the items, one row per item.
        items: n items of the source's modality.
        targets: (n, k) numbers.
        engine: how items are encoded, and the cluster, if any.
        feature_map: maps rows (m, d) of the source, each independently, to the rows that are summed; default: identity.
        progress: called with (items done, items in total, details) after every chunk.
        on_error: whether an item that cannot be encoded is set aside with its reason, or raises.

    Returns:
        The moments, and the reasons of the items that could not be encoded.

    Raises:
        ItemError: with ``on_error="raise"``, on an item that cannot be encoded.
        DataError: if there are no items, or none that can be encoded.
        ParameterError: if the targets do not fit the items.
        SourceError: if the source gives several rows per item.
        HeadstartError: as `headstart.engine.ray.extraction.chunks_on_ray`, with ``ray``.

    Examples:
        >>> import numpy as np
        >>> from headstart.sources.toy import ToySource
        >>> found = moments_of(ToySource(), ["good", "", "bad"], np.eye(3), engine=Engine(cache=False))
        >>> found.moments.n, found.moments.wy, found.failures
        (2, array([1., 0., 1.]), {1: 'The text is empty.'})
    """
    check_choice(on_error, "on_error", "moments_of", ("set_aside", "raise"))
    targets = check_items(items, targets, "moments_of")
    if engine.ray is not None:
        from headstart.engine.ray.extraction import chunks_on_ray

        results = chunks_on_ray(source, items, targets, engine, feature_map)
    else:
        here, _ = choose_backend(source, items, engine)
        chunks = split_items(len(items))
        results = (
            encode_chunk(source, items_of(items, chunk), targets[chunk.start : chunk.stop], here, feature_map)
            for chunk in chunks
        )
    with closing(results):
        return sum_chunks(results, len(items), progress, on_error)
