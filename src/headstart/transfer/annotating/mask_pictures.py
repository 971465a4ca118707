"""Pictures with labelled and found outlines for the report, as plain JSON values."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED, Mask
from headstart.decode.instances import outlines
from headstart.decode.object_matches import object_matches
from headstart.errors import ItemError
from headstart.evaluate.annotations.masks import picture_scores
from headstart.heads.masks.cells import resized_codes
from headstart.sources.preprocessing.decode import open_picture
from headstart.types import Dataset

__all__ = ["COLOURS", "mask_examples"]

SIDE = 360  # pixels of the longer side of a thumbnail
QUALITY = 80
SMALLEST = 0.5  # a small picture is enlarged, so that outlines of one pixel are seen: to half of SIDE at least

COLOURS = {"hit": (0, 158, 115), "missed": (213, 94, 0), "false alarm": (204, 121, 167), "outline": (240, 228, 66)}
"""Red, green and blue of outlines, from the palette of Okabe and Ito, which colour-blind readers can tell apart."""


def mask_examples(truth: Dataset, found: Sequence[Mask], count: int) -> list[dict[str, Any]]:
    """Pictures with their labelled and found outlines, worst first.

    Args:
        truth: labelled pictures.
        found: their masks.
        count: pictures at most.

    Returns:
        For each picture its ``name``, ``size`` in pixels, ``score``, two JPEG files in base64 (``labelled`` and
        ``found``), and where objects are told apart the number of ``hits``, ``missed`` and ``false_alarms``. Objects
        that have a partner are outlined in another colour than those without.

    Examples:
        >>> from headstart.annotations import MaskArray
        >>> from headstart.heads.masks.toy import toy_masks
        >>> data = toy_masks(2)
        >>> nothing = MaskArray(np.zeros((24, 24), np.int16), np.zeros((24, 24), np.int32))
        >>> shown = mask_examples(data, [data.y[0], nothing], 1)
        >>> shown[0]["name"], shown[0]["score"], shown[0]["missed"], shown[0]["false_alarms"]
        ('picture 1', 0.0, 2, 0)
    """
    task, y = truth.labelled()
    scores = picture_scores(task, list(y), found)
    order = np.argsort(scores, kind="stable")[:count].tolist()
    return [_example(truth, k, y[k], found[k], float(scores[k])) for k in order]


def _example(truth: Dataset, position: int, true: Mask, seen: Mask, score: float) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": truth.ids[position], "size": list(true.size), "score": round(score, 4)}
    first, second, counts = _kinds(true, seen)
    facts |= counts
    try:
        image = open_picture(truth.items[position], (SIDE, SIDE)).image.convert("RGB")
    except ItemError as error:
        return facts | {"missing": str(error)}
    factor = SIDE / max(image.size)
    if factor > 1:
        factor = max(1.0, SMALLEST * factor)
    size = max(1, round(image.height * factor)), max(1, round(image.width * factor))
    pixels = np.asarray(image.resize(size[::-1]))
    for name, mask, kinds in (("labelled", true, first), ("found", seen, second)):
        facts[name] = _jpeg(_drawn(pixels, mask, kinds))
    return facts


def _kinds(true: Mask, seen: Mask) -> tuple[dict[int, str], dict[int, str], dict[str, int]]:
    """What each labelled and each found object is, by its number, and how many there are of each kind."""
    labelled, found = true.instances(), seen.instances()
    if labelled is None or found is None:
        return {}, {}, {}
    codes, others = np.asarray(true.classes()), np.asarray(seen.classes())
    first, second, hits = dict[int, str](), dict[int, str](), 0
    for code in np.unique(np.concatenate([np.unique(codes[codes > 0]), np.unique(others[others > 0])])).tolist():
        matches = object_matches(
            np.where(codes == code, labelled, 0), np.where(others == code, found, 0), codes == IGNORED
        )
        a, b = set(matches.pairs[:, 0].tolist()), set(matches.pairs[:, 1].tolist())
        first |= {int(number): "hit" if k in a else "missed" for k, number in enumerate(matches.truth)}
        second |= {int(number): "hit" if k in b else "false alarm" for k, number in enumerate(matches.found)}
        hits += len(matches.pairs)
    counts = {"hits": hits, "missed": len(first) - hits, "false_alarms": len(second) - hits}
    return first, second, counts


def _drawn(pixels: NDArray[np.uint8], mask: Mask, kinds: dict[int, str]) -> NDArray[np.uint8]:
    """A picture with the outlines of a mask's objects, or of its classes."""
    drawn = pixels.copy()
    objects = mask.instances() if kinds else None
    values = (mask.classes() if objects is None else objects).astype(np.int32)
    numbers = resized_codes(values, (pixels.shape[0], pixels.shape[1]))
    edge = outlines(np.maximum(numbers, 0))
    if objects is None:
        drawn[edge] = COLOURS["outline"]
        return drawn
    for kind in set(kinds.values()):
        own = [number for number, found in kinds.items() if found == kind]
        drawn[edge & np.isin(numbers, own)] = COLOURS[kind]
    return drawn


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return base64.b64encode(file.getvalue()).decode()
