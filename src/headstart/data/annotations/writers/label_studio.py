"""The writer of Label Studio's JSON for pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from headstart.annotations import BACKGROUND, IGNORED, Boxes, Mask
from headstart.data.annotations.masks.brush import pack_brush
from headstart.data.annotations.writers.pictures import WrittenPicture, stored_array, stored_boxes, write_pictures
from headstart.reporting.wording import plural
from headstart.types import Dataset

__all__ = ["write_label_studio"]


def write_label_studio(dataset: Dataset, folder: Path, *, predicted: bool = False) -> tuple[str, ...]:
    """Write ``images/`` and ``annotations.json``: rectangles for boxes, a brush stroke for each object or class.

    What a model found is written as predictions, which Label Studio shows for correction.

    Args:
        dataset: of boxes or masks.
        folder: an empty folder.
        predicted: whether a model found the annotations; boxes with scores always count as such.

    Returns:
        What it cannot hold, one sentence each.

    Examples:
        >>> import tempfile
        >>> from headstart.types import Task
        >>> folder = Path(tempfile.mkdtemp())
        >>> y = np.array([Boxes(np.array([[0, 0, 2, 3]]), np.array([0]), (4, 3))], object)
        >>> data = Dataset([np.zeros((3, 4), np.uint8)], ("a",), "image", Task("box", ("cup",)), y)
        >>> write_label_studio(data, folder)
        ()
        >>> task, = json.loads((folder / "annotations.json").read_text())
        >>> task["annotations"][0]["result"][0]["value"]
        {'x': 0.0, 'y': 0.0, 'width': 50.0, 'height': 100.0, 'rotation': 0, 'rectanglelabels': ['cup']}
    """
    task, y = dataset.labelled()
    pictures = write_pictures(dataset, folder)
    is_predicted = predicted or any(isinstance(one, Boxes) and one.scores is not None for one in y)
    tasks, ignored = [], 0
    for row, (picture, own) in enumerate(zip(pictures, y, strict=True)):
        regions = (
            _rectangles(own, picture, task.labels) if isinstance(own, Boxes) else _strokes(own, picture, task.labels)
        )
        ignored += int(own.ignored.any() if isinstance(own, Boxes) else (own.classes() == IGNORED).any())
        width, height = picture.facts.stored
        size = {"original_width": width, "original_height": height, "image_rotation": 0}
        names = {"from_name": "label", "to_name": "image"}
        result = [{"id": str(place), **names, **size, **region} for place, region in enumerate(regions, start=1)]
        data = {"image": f"images/{picture.name}"}
        data |= {} if dataset.split is None else {"split": str(dataset.split[row])}
        tasks.append({"data": data, "predictions" if is_predicted else "annotations": [{"result": result}]})
    (folder / "annotations.json").write_text(json.dumps(tasks), encoding="utf-8")
    which = plural(ignored, "picture has", "pictures have")
    return (f"{which} ignored regions, which Label Studio does not hold; they were left out.",) if ignored else ()


def _rectangles(boxes: Boxes, picture: WrittenPicture, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    width, height = picture.facts.stored
    regions = []
    for row, (x0, y0, x1, y1) in enumerate(stored_boxes(boxes.xyxy, picture.facts).tolist()):
        if boxes.ignored[row]:
            continue
        sides = {"x": 100 * x0 / width, "y": 100 * y0 / height}
        sides |= {"width": 100 * (x1 - x0) / width, "height": 100 * (y1 - y0) / height}
        value = {**sides, "rotation": 0, "rectanglelabels": [labels[boxes.labels[row]]]}
        score = {} if boxes.scores is None else {"score": float(boxes.scores[row])}
        regions.append({"type": "rectanglelabels", "value": value, **score})
    return regions


def _strokes(mask: Mask, picture: WrittenPicture, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    classes = stored_array(mask.classes(), picture.facts)
    objects = mask.instances()
    numbers = None if objects is None else stored_array(objects, picture.facts)
    regions = []
    for code in np.unique(classes[(classes != BACKGROUND) & (classes != IGNORED)]).tolist():
        own = classes == code
        parts = [own] if numbers is None else [own & (numbers == k) for k in np.unique(numbers[own]).tolist()]
        for part in parts:
            value = {"format": "rle", "rle": pack_brush(part), "brushlabels": [labels[code]]}
            regions.append({"type": "brushlabels", "value": value})
    return regions
