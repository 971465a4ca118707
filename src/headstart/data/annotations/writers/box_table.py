"""The writer of tables of boxes."""

from __future__ import annotations

import csv
from pathlib import Path

from headstart.data.annotations.writers.pictures import plain_number, stored_boxes, write_pictures
from headstart.types import Dataset

__all__ = ["write_csv"]


def write_csv(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    """Write ``images/`` and ``boxes.csv``; a picture without objects is a row without numbers.

    Args:
        dataset: of boxes.
        folder: an empty folder.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart.annotations import Boxes
        >>> from headstart.types import Task
        >>> folder = Path(tempfile.mkdtemp())
        >>> y = np.array([Boxes(np.array([[0, 0, 2, 2]]), np.array([0]), (4, 3))], object)
        >>> data = Dataset([np.zeros((3, 4), np.uint8)], ("a",), "image", Task("box", ("cup",)), y)
        >>> write_csv(data, folder), (folder / "boxes.csv").read_text().splitlines()[1]
        ((), 'a.png,4,3,0,0,2,2,cup,0')
    """
    task, y = dataset.labelled()
    pictures = write_pictures(dataset, folder)
    is_scored = any(boxes.scores is not None for boxes in y)
    header = ["filename", "width", "height", "xmin", "ymin", "xmax", "ymax", "class", "difficult"]
    header += ["score"] * is_scored + ["split"] * (dataset.split is not None)
    with (folder / "boxes.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        for row, (picture, boxes) in enumerate(zip(pictures, y, strict=True)):
            start = [picture.name, *picture.facts.stored]
            end = [] if dataset.split is None else [str(dataset.split[row])]
            if not len(boxes):
                table.writerow([*start, *[""] * (6 + is_scored), *end])
            for place, sides in enumerate(stored_boxes(boxes.xyxy, picture.facts).tolist()):
                own = [*map(plain_number, sides), task.labels[boxes.labels[place]], int(boxes.ignored[place])]
                if is_scored:
                    own.append("" if boxes.scores is None else plain_number(float(boxes.scores[place])))
                table.writerow([*start, *own, *end])
    return ()
