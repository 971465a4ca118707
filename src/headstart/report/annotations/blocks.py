"""The blocks of each kind of annotation task: items with their annotations, and what else the kind has to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headstart.registry import Registry
from headstart.report.content.kinds import base_of
from headstart.report.page.elements import PageSection

__all__ = ["BLOCKS", "annotation_blocks"]

Record = Mapping[str, Any]

BLOCKS: Registry[Callable[[Record], Sequence[PageSection]]] = Registry("report of annotations")
"""By kind of task, a function of the record that gives sections; items with mistakes come first."""

BLOCKS.register("token", "headstart.report.annotations.words:word_blocks")
BLOCKS.register("box", "headstart.report.annotations.boxes:box_blocks")
BLOCKS.register("mask", "headstart.report.annotations.masks:mask_blocks")


def annotation_blocks(record: Record) -> list[PageSection]:
    """The sections of a record of annotated items; none for any other record.

    Args:
        record: the facts of a fit or of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> annotation_blocks(EXAMPLE)
        []
    """
    kind = base_of(record)
    return list(BLOCKS[kind](record)) if kind in BLOCKS and record.get("annotations") else []
