"""Feature extraction: items to feature rows, on this machine or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from headstart.engine.extraction import Extraction
from headstart.engine.options import Engine
from headstart.engine.pipeline.local import Run, extract_here
from headstart.engine.pipeline.streaming import encoded_batches
from headstart.errors import DataError
from headstart.params import check_choice
from headstart.reporting import Progress
from headstart.types import FeatureMatrix, Source

__all__ = ["Extraction", "encode", "extract"]

PLAIN = Engine(cache=False)


def extract(
    source: Source,
    items: Sequence[Any],
    *,
    engine: Engine = Engine(),
    progress: Progress | None = None,
    on_error: Literal["set_aside", "raise"] = "set_aside",
) -> Extraction:
    """Encode items; each distinct content is encoded exactly once, also over several runs.

    A `headstart.engine.capabilities.Cacheable` source gives the key under which its rows are stored; rows that the
    feature store has are reused. The other distinct contents are read and preprocessed (`Source.prepare`) by a few
    threads while the body runs (`Source.forward`). Rows are stored after each batch, so a killed run resumes. Texts run
    longest first, which keeps padding low; the rows are returned in the order of the items. Rows of more than 256 MiB
    are held in a temporary file that is removed with the array.

    Args:
        source: what encodes the items.
        items: n items of the source's modality.
        engine: backend, feature store, batch size (by default 32 images, 1024 texts, 16 sounds or 4096 rows of
            numbers, and fewer if there is little memory or work), and the cluster, if any.
        progress: called with (items done, items in total, details) at the start and after every batch.
        on_error: whether an item that cannot be encoded is set aside with its reason, or raises.

    Returns:
        The rows, and the reasons of the items that could not be encoded.

    Raises:
        ItemError: with ``on_error="raise"``, on an item that cannot be encoded.
        DataError: if there are no items.
        SourceError: if a single item does not fit into memory.
        SaveError: if there is no room for the temporary file.
        HeadstartError: as `headstart.engine.ray.extraction.encoded_on_ray`, with ``ray``.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> extract(ToySource(), ["good", "", "bad"], engine=Engine(cache=False)).failures
        {1: 'The text is empty.'}
    """
    check_choice(on_error, "on_error", "extract", ("set_aside", "raise"))
    if len(items) == 0:
        raise DataError("There are no items to encode; give at least one.")
    run: Run = encoded_batches
    if engine.ray is not None:
        from headstart.engine.ray.extraction import encoded_on_ray

        run = partial(encoded_on_ray, engine=engine)
    return extract_here(source, items, engine=engine, progress=progress, on_error=on_error, run=run)


def encode(source: Source, items: Sequence[Any], *, engine: Engine = PLAIN) -> FeatureMatrix:
    """Features of all items, or an error if one has none: `Source.encode` for sources with ``prepare`` and ``forward``.

    Args:
        source: what encodes the items.
        items: n items of the source's modality.
        engine: as in `extract`; by default without the feature store, so the body always runs.

    Returns:
        (n, d) float32 features.

    Raises:
        ItemError: on an item that cannot be encoded.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> encode(ToySource(), ["good", "bad"]).shape
        (2, 96)
    """
    return extract(source, items, engine=engine, on_error="raise").rows
