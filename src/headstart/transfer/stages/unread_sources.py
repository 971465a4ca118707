"""Removal of fused sources that the head does not read, so that a prediction does not run their bodies."""

from __future__ import annotations

from dataclasses import replace

from headstart.heads.fusion.maps import is_fused, spans_of
from headstart.model import TransferModel
from headstart.sources.fused import FusedSource

__all__ = ["without_unread_sources"]


def without_unread_sources(model: TransferModel) -> TransferModel:
    """The same model with only those parts of a fused source that its features come from; its predictions are the same.

    Args:
        model: with any source; one that is not fused is returned as it is.

    Examples:
        >>> import numpy as np
        >>> from headstart.heads import FeatureMap, FittedHead
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.types import Task
        >>> fused = FusedSource((ToySource(), ToySource(1)))
        >>> second = FeatureMap("last layer of b", ((128, 192),), "unit_norm", width=192)
        >>> head = FittedHead(second, "ridge", 1.0, np.ones((64, 2)), np.zeros(2), {"temperature": np.ones(1)}, 0.5, ())
        >>> model = TransferModel(fused, Task("classification", ("a", "b")), head)
        >>> without_unread_sources(model).source.info.name, without_unread_sources(model).head.feature_map.blocks
        ('toy (untrained, seed 1)', ((32, 96),))
    """
    source, features = model.source, model.head.feature_map
    if not (isinstance(source, FusedSource) and is_fused(source.info.blocks)):  # a side-tuned body counts as one source
        return model
    spans, names = spans_of(source.info.blocks), source.names
    read = {span.part for span in spans if any(a < span.stop and span.start < b for a, b in features.blocks)}
    if len(read) == len(names):
        return model
    place = {name: [span for span in spans if span.part == name] for name in names}
    # the columns of the parts are concatenated: a kept part moves left by the width of the removed parts before it
    offsets, width = {}, 0
    for name in (name for name in names if name in read):
        offsets[name] = width - place[name][0].start
        width += place[name][-1].stop - place[name][0].start
    part_of = {start: span.part for span in spans for start in range(span.start, span.stop)}
    blocks = tuple((a + offsets[part_of[a]], b + offsets[part_of[a]]) for a, b in features.blocks)
    return replace(
        model,
        source=source.only([k for k, name in enumerate(names) if name in read]),
        head=replace(model.head, feature_map=replace(features, blocks=blocks, width=width)),
    )
