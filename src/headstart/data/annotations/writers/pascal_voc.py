"""The writer of Pascal VOC."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from headstart.annotations import Boxes
from headstart.data.annotations.writers.pictures import (
    WrittenPicture,
    plain_number,
    stored_boxes,
    write_pictures,
    write_splits,
)
from headstart.reporting.wording import plural
from headstart.types import Dataset

__all__ = ["write_voc"]


def write_voc(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    """Write ``images/``, ``annotations/NAME.xml`` for each picture and ``splits/SPLIT.txt``.

    Args:
        dataset: of boxes.
        folder: an empty folder.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart.types import Task
        >>> folder = Path(tempfile.mkdtemp())
        >>> y = np.array([Boxes(np.array([[0, 0, 3, 2]]), np.array([0]), (4, 3))], object)
        >>> data = Dataset([np.zeros((3, 4), np.uint8)], ("a",), "image", Task("box", ("cup",)), y)
        >>> write_voc(data, folder), "<xmin>1</xmin>" in (folder / "annotations" / "a.xml").read_text()
        ((), True)
    """
    task, y = dataset.labelled()
    pictures = write_pictures(dataset, folder)
    (folder / "annotations").mkdir()
    thin = 0
    for picture, boxes in zip(pictures, y, strict=True):
        (folder / "annotations" / f"{picture.stem}.xml").write_text(
            _document(picture, boxes, task.labels), encoding="utf-8"
        )
        thin += int((boxes.xyxy[:, 2:] - boxes.xyxy[:, :2] <= 1).any(axis=1).sum())
    write_splits(dataset, pictures, folder)
    if not thin:
        return ()
    which = plural(thin, "box of at most one pixel has", "boxes of at most one pixel have")
    return (f"{which} no area in Pascal VOC, which names the first and the last pixel.",)


def _document(picture: WrittenPicture, boxes: Boxes, labels: tuple[str, ...]) -> str:
    width, height = picture.facts.stored
    lines = [
        "<annotation>", "\t<folder>images</folder>", f"\t<filename>{escape(picture.name)}</filename>", "\t<size>",
        f"\t\t<width>{width}</width>", f"\t\t<height>{height}</height>", "\t\t<depth>3</depth>", "\t</size>",
        "\t<segmented>0</segmented>",
    ]  # fmt: skip
    for row, (x0, y0, x1, y1) in enumerate(stored_boxes(boxes.xyxy, picture.facts).tolist()):
        lines += ["\t<object>", f"\t\t<name>{escape(labels[boxes.labels[row]])}</name>"]
        lines += ["\t\t<pose>Unspecified</pose>", "\t\t<truncated>0</truncated>"]
        lines += [f"\t\t<difficult>{int(boxes.ignored[row])}</difficult>"]
        if boxes.scores is not None:
            lines += [f"\t\t<confidence>{plain_number(float(boxes.scores[row]))}</confidence>"]
        sides = {"xmin": x0 + 1, "ymin": y0 + 1, "xmax": x1, "ymax": y1}
        lines += ["\t\t<bndbox>"]
        lines += [f"\t\t\t<{side}>{plain_number(value)}</{side}>" for side, value in sides.items()]
        lines += ["\t\t</bndbox>", "\t</object>"]
    return "\n".join([*lines, "</annotation>", ""])
