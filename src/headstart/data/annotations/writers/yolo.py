"""The writer of YOLO."""

from __future__ import annotations

import json
from pathlib import Path

from headstart.data.annotations.writers.pictures import plain_number, stored_boxes, write_pictures
from headstart.errors import DataError
from headstart.reporting.wording import plural
from headstart.types import Dataset

__all__ = ["write_yolo"]


def write_yolo(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    r"""Write ``images/``, ``labels/`` and ``data.yaml``; with a given split, ``images/train/`` and so on.

    Args:
        dataset: of boxes.
        folder: an empty folder.

    Raises:
        DataError: for masks, which polygons of fractions cannot hold exactly.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart.annotations import Boxes
        >>> from headstart.types import Task
        >>> folder = Path(tempfile.mkdtemp())
        >>> y = np.array([Boxes(np.array([[0, 0, 2, 2]]), np.array([0]), (4, 4))], object)
        >>> data = Dataset([np.zeros((4, 4), np.uint8)], ("a",), "image", Task("box", ("cup",)), y)
        >>> write_yolo(data, folder), (folder / "labels" / "a.txt").read_text()
        ((), '0 0.25 0.25 0.5 0.5\n')
    """
    task, y = dataset.labelled()
    if task.kind != "box":
        raise DataError("The format 'yolo' is written for boxes; write masks as 'coco' or 'masks'.")
    splits = [""] * len(dataset) if dataset.split is None else [str(split) for split in dataset.split]
    pictures = write_pictures(dataset, folder)
    ignored = 0
    for picture, boxes, split in zip(pictures, y, splits, strict=True):
        width, height = picture.facts.stored
        lines = []
        for row, (x0, y0, x1, y1) in enumerate(stored_boxes(boxes.xyxy, picture.facts).tolist()):
            if boxes.ignored[row]:
                ignored += 1
                continue
            numbers = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
            numbers += [] if boxes.scores is None else [float(boxes.scores[row])]
            lines.append(" ".join([str(int(boxes.labels[row])), *map(plain_number, numbers)]) + "\n")
        labels = folder / "labels" / split
        labels.mkdir(parents=True, exist_ok=True)
        (labels / f"{picture.stem}.txt").write_text("".join(lines), encoding="utf-8")
        if split:
            (folder / "images" / split).mkdir(exist_ok=True)
            (folder / "images" / picture.name).rename(folder / "images" / split / picture.name)
    places = [f"{split}: images/{split}\n" for split in ("train", "val", "test") if split in splits]
    names = [f"  {code}: {json.dumps(name, ensure_ascii=False)}\n" for code, name in enumerate(task.labels)]
    text = "".join(["path: .\n", *(places or ["train: images\n"]), f"nc: {len(names)}\n", "names:\n", *names])
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    which = plural(ignored, "ignored region was", "ignored regions were")
    return (f"{which} left out, because YOLO has none.",) if ignored else ()
