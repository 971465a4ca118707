"""The writer of COCO."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.annotations import BACKGROUND, IGNORED, Boxes, Mask
from headstart.data.annotations.masks.shapes import shape_of_mask
from headstart.data.annotations.writers.pictures import WrittenPicture, stored_array, stored_boxes, write_pictures
from headstart.types import Dataset

__all__ = ["write_coco"]


def write_coco(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    """Write ``images/`` and ``annotations.json``, or ``train.json`` and so on where there is a given split.

    A mask becomes a compressed run-length code for each object, or for each class where objects are not numbered; its
    categories then have ``isthing`` 0. Ignored pixels become a crowd.

    Args:
        dataset: of boxes or masks.
        folder: an empty folder.

    Examples:
        >>> import tempfile
        >>> from headstart.types import Task
        >>> folder = Path(tempfile.mkdtemp())
        >>> y = np.array([Boxes(np.array([[0, 0, 3, 2]]), np.array([0]), (4, 3))], object)
        >>> data = Dataset([np.zeros((3, 4), np.uint8)], ("a",), "image", Task("box", ("cup",)), y)
        >>> write_coco(data, folder)
        ()
        >>> json.loads((folder / "annotations.json").read_text())["annotations"][0]["bbox"]
        [0.0, 0.0, 3.0, 2.0]
    """
    task, y = dataset.labelled()
    pictures = write_pictures(dataset, folder)
    is_mask = task.kind == "mask"
    names = task.labels[1:] if is_mask else task.labels
    things = not is_mask or any(mask.instances() is not None for mask in y)
    categories = [
        {"id": code, "name": name, "supercategory": "none", **({"isthing": int(things)} if is_mask else {})}
        for code, name in enumerate(names, start=1)
    ]
    files: dict[str, dict[str, Any]] = {}
    for row, (picture, own) in enumerate(zip(pictures, y, strict=True)):
        split = "" if dataset.split is None else str(dataset.split[row])
        file = files.setdefault(
            split or "annotations", {"info": {"description": "annotations"}, "images": [], "annotations": [],
                                     "categories": categories}
        )  # fmt: skip
        width, height = picture.facts.stored
        file["images"].append({"id": row + 1, "file_name": picture.name, "width": width, "height": height})
        records = _of_mask(own, picture) if is_mask else _of_boxes(own, picture)
        for record in records:
            number = {"id": len(file["annotations"]) + 1, "image_id": row + 1}
            file["annotations"].append(number | record)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return ()


def _of_boxes(boxes: Boxes, picture: WrittenPicture) -> Sequence[dict[str, Any]]:
    records = []
    for row, (x0, y0, x1, y1) in enumerate(stored_boxes(boxes.xyxy, picture.facts).tolist()):
        record: dict[str, Any] = {
            "category_id": int(boxes.labels[row]) + 1, "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0), "iscrowd": int(boxes.ignored[row]),
        }  # fmt: skip
        if boxes.scores is not None:
            record["score"] = float(boxes.scores[row])
        records.append(record)
    return records


def _of_mask(mask: Mask, picture: WrittenPicture) -> Sequence[dict[str, Any]]:
    classes = stored_array(mask.classes(), picture.facts)
    objects = mask.instances()
    numbers = None if objects is None else stored_array(objects, picture.facts)
    parts: list[tuple[int, Any]] = []
    for code in np.unique(classes).tolist():
        own = classes == code
        if code == IGNORED or (code != BACKGROUND and numbers is None):
            parts.append((code, own))
        elif code != BACKGROUND and numbers is not None:
            parts += [(code, own & (numbers == number)) for number in np.unique(numbers[own]).tolist()]
    records = []
    for code, own in parts:
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        box = [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)]
        records.append(
            {"category_id": max(code, 1), "bbox": box, "area": int(own.sum()), "iscrowd": int(code == IGNORED),
             "segmentation": shape_of_mask(own)}
        )  # fmt: skip
    return records
