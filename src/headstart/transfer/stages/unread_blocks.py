"""Blocks and fused sources that a head does not read are left out of the model, so that predicting skips them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headstart.engine.capabilities import BlockSelecting, with_all_blocks
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import HasBodyKey, body_key
from headstart.sources.fused import FusedSource
from headstart.types import Block, Source

__all__ = ["with_shared_blocks", "without_unread_blocks"]


def without_unread_blocks(model: TransferModel) -> TransferModel:
    """The same model with a source that gives only the blocks that its head reads.

    Layers above the deepest of these blocks then do not run, nor do fused sources of which no block is read. The
    predictions stay the same: rows of fewer blocks are columns of those of all blocks.

    Args:
        model: with any source; one that cannot leave out blocks is returned as it is.

    Examples:
        >>> import numpy as np
        >>> from headstart.heads import FeatureMap, FittedHead
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.types import Task
        >>> fused = FusedSource((ToySource(), ToySource(1)))
        >>> second = FeatureMap("last layer of b", ((128, 192),), "unit_norm", width=192)
        >>> head = FittedHead(second, "ridge", 1.0, np.ones((64, 2)), np.zeros(2), {"temperature": np.ones(1)}, 0.5, ())
        >>> model = TransferModel(fused, Task("classification", ("a", "b")), head)
        >>> small = without_unread_blocks(model)
        >>> small.source.info.name, small.head.feature_map.blocks
        ('toy (untrained, seed 1)', ((32, 96),))
    """
    source, features = model.source, model.head.feature_map.without_unread_blocks()
    blocks = source.info.blocks
    if not isinstance(source, BlockSelecting) or not source.all_blocks():
        return model
    read = [block for block, used in zip(blocks, features.reads([b.width for b in blocks]), strict=True) if used]
    if len(read) == len(blocks):
        return model
    smaller = source.only_blocks([block.name for block in read])
    # a single part of a fused source is returned itself, and names its blocks without the part
    alone = isinstance(source, FusedSource) and not isinstance(smaller, FusedSource)
    kept = _widths(smaller.info.blocks, f"{read[0].part}/" if alone else "")
    moved = features.moved(_widths(blocks), kept)
    return replace(model, source=smaller, head=replace(model.head, feature_map=moved))


def with_shared_blocks(models: Mapping[str, TransferModel]) -> dict[str, TransferModel]:
    """The same models, with one source for all whose bodies are the same: it gives every block that one of them reads.

    Each item is then encoded once for all of these models.

    Args:
        models: by name, such as the models of several label columns.

    Examples:
        >>> with_shared_blocks({})
        {}
    """
    groups: list[list[str]] = []
    for name, model in models.items():
        group = next((group for group in groups if _is_same_body(models[group[0]].source, model.source)), None)
        if group is None:
            groups.append([name])
        else:
            group.append(name)
    shared = {}
    for group in groups:
        source = _union([models[name].source for name in group])
        blocks = _widths(source.info.blocks)
        for name in group:
            model = models[name]
            features, own = model.head.feature_map, _widths(model.source.info.blocks)
            moved = features if own == blocks else features.moved(own, blocks)
            shared[name] = replace(model, source=source, head=replace(model.head, feature_map=moved))
    return {name: shared[name] for name in models}


def _widths(blocks: tuple[Block, ...], prefix: str = "") -> dict[str, int]:
    return {f"{prefix}{block.name}": block.width for block in blocks}


def _all_blocks(source: Source) -> tuple[Block, ...]:
    return (source.all_blocks() if isinstance(source, BlockSelecting) else ()) or source.info.blocks


def _is_same_body(one: Source, other: Source) -> bool:
    """Whether two sources differ at most in which blocks of the same body they give.

    Facts and names are not enough: bodies that were fine-tuned on different labels have the same ones.
    """
    if replace(one.info, blocks=()) != replace(other.info, blocks=()) or _all_blocks(one) != _all_blocks(other):
        return False
    if isinstance(one, FusedSource) and isinstance(other, FusedSource):
        return one.positions == other.positions and all(map(_is_same_body, one.parts, other.parts))
    if isinstance(one, HasBodyKey) and isinstance(other, HasBodyKey):
        return body_key(with_all_blocks(one)) == body_key(with_all_blocks(other))
    return one == other


def _union(sources: list[Source]) -> Source:
    first = sources[0]
    if not isinstance(first, BlockSelecting) or all(one.info.blocks == first.info.blocks for one in sources):
        return first
    return first.only_blocks(list(dict.fromkeys(block.name for one in sources for block in one.info.blocks)))
