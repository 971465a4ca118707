"""Cached sketches for the audit, so that no picture or sound is decoded twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headstart.data.auditing.sketches import Sketch, sketch_image
from headstart.engine.pipeline.simple_rows import simple_rows
from headstart.reporting import Progress
from headstart.types import Modality

__all__ = ["kept_sketches"]

VERSION = 2  # raise it when the contents of a sketch change


def kept_sketches(
    modality: Modality, progress: Progress | None = None, *, cache: bool = True
) -> Callable[..., list[Sketch | str]]:
    """The function by which `headstart.data.auditing.audit` sketches all pictures or sounds, with the feature store.

    Args:
        modality: the kind of items; if items have several columns, the sketching function decides.
        progress: called with (items done, items in total, details), instead of the audit's own.
        cache: whether the feature store is used.

    Examples:
        >>> import numpy as np
        >>> from headstart.data.auditing.sketches import sketch_image
        >>> sketch_all = kept_sketches("image", cache=False)
        >>> found = sketch_all([np.zeros((32, 32), np.uint8), "nowhere.png"], sketch_image, lambda done, count: None)
        >>> found[0].flat, "nowhere.png" in found[1]
        (True, True)
    """

    def sketch_all(items: Sequence[Any], sketch: Callable[[Any], Sketch], _: object) -> list[Sketch | str]:
        if not len(items):
            return []
        name, row = f"sketches {VERSION}", lambda item: sketch(item).to_row()
        kind = ("image" if sketch is sketch_image else "audio") if modality == "multimodal" else modality
        kept = simple_rows(name, row, items, kind, progress=progress, cache=cache)
        found: list[Sketch | str] = [kept.failures.get(k, "") for k in range(len(items))]
        for position, row in zip(kept.index, kept.rows, strict=True):
            found[position] = Sketch.from_row(row)
        return found

    return sketch_all
