"""The confusion matrix on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.report.figures.canvas import MODEL, OTHER, WRONG, ink, new_axes, shown_names, text_options

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_confusion"]

Counts = Sequence[Sequence[int]]

NUMBERED = 30  # classes up to which counts are written
NAMED = 60  # classes up to which names are
UPRIGHT = 4  # classes up to which names are not turned
FAINTEST, STRONGEST = 0.08, 0.6  # so that the counts can be read


def draw_confusion(counts: Counts, labels: Sequence[str], ax: Axes | None = None) -> Axes:
    """Items by true class (rows) and predicted class (columns), shaded by the share of the row: blue where right.

    Args:
        counts: (C, C) items by true class (row) and predicted class.
        labels: names of the classes.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> axes = draw_confusion([[4, 2], [0, 6]], ["no", "yes"])
        >>> axes.get_title(), [text.get_text() for text in axes.texts]
        ('2 of 12 items are classified wrongly', ['4', '2', '6'])
    """
    size = len(labels)
    side = min(max(4.8, 1.8 + 0.42 * size), 13.0)
    ax = new_axes(side + 0.6, side) if ax is None else ax
    _shades(ax, counts)
    if size <= NUMBERED:
        _numbers(ax, counts)
    _names(ax, labels)
    total, right = sum(map(sum, counts)), sum(row[place] for place, row in enumerate(counts))
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.set_title(f"{total - right:,} of {total:,} items are classified wrongly")
    return ax


def _shades(ax: Axes, counts: Counts) -> None:
    import numpy as np
    from matplotlib.colors import to_rgb

    found = np.asarray(counts, dtype=float)
    share = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    colours = np.empty((*found.shape, 4))
    colours[..., :3] = to_rgb(WRONG)
    diagonal = np.arange(len(found))
    colours[diagonal, diagonal, :3] = to_rgb(MODEL)
    colours[..., 3] = np.where(found > 0, FAINTEST + (STRONGEST - FAINTEST) * share, 0.0)
    if len(found) > NUMBERED:  # without numbers, a single mistake has to be seen
        colours[..., 3] = np.where(found > 0, 0.25 + 0.75 * share, 0.0)
    ax.imshow(colours, interpolation="nearest")


def _numbers(ax: Axes, counts: Counts) -> None:
    size = max(5.0, min(10.0, 110.0 / len(counts)))
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if count:
                ax.text(j, i, f"{count:,}", ha="center", va="center", fontsize=size, color=ink())


def _names(ax: Axes, labels: Sequence[str]) -> None:
    size = len(labels)
    if size > NAMED:
        ax.set_xticks([])
        ax.set_yticks([])
        return
    names = shown_names(labels)
    options = text_options(names)
    small = max(5.0, min(10.0, 220.0 / size))
    ax.set_xticks(range(size), names, rotation=0 if size <= UPRIGHT else 90, fontsize=small, **options)
    ax.set_yticks(range(size), names, fontsize=small, **options)
    if size <= NUMBERED:
        ax.set_xticks([place + 0.5 for place in range(size - 1)], minor=True)
        ax.set_yticks([place + 0.5 for place in range(size - 1)], minor=True)
        ax.grid(which="minor", color=OTHER, alpha=0.35, linewidth=0.6)
        ax.tick_params(which="minor", length=0)
    ax.grid(visible=False, which="major")
