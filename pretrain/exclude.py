"""Find the images of Tiny-ImageNet-200 that are also in a data set on which the body will be evaluated.

    python pretrain/exclude.py --images tiny-imagenet-200 --sets hymenoptera.tar ... --out image_excluded.txt

All images are reduced to 16 x 16 grey thumbnails, those of the data set both in full and as a centre crop. Where two
have a correlation above 0.95, the image of Tiny-ImageNet-200 is excluded from the pre-training.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from image import pictures
from numpy.typing import NDArray
from PIL import Image

from headstart.data import read

SIDE, ALIKE = 16, 0.95


def main() -> None:
    """Write the names of the excluded images, relative to their folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="the unpacked folder tiny-imagenet-200")
    parser.add_argument("--sets", nargs="+", required=True, help="data sets of pictures")
    parser.add_argument("--out", type=Path, required=True, help="output file, one name per line")
    given = parser.parse_args()
    names = pictures(given.images)
    known = _fields([given.images / name for name in names], full=True)
    alike: set[str] = set()
    for data in given.sets:
        items = read(data, labelled=False).items
        found = {names[k] for full in (True, False) for k in _alike(known, _fields(items, full=full))}
        print(f"{data}: {len(found)} pictures")
        alike |= found
    given.out.write_text("".join(f"{name}\n" for name in sorted(alike)))


def _fields(items: Sequence[str | Path], *, full: bool) -> NDArray[np.float32]:
    """Rows (n, 256) of mean 0 and length 1, whose inner products are correlations."""
    rows = np.empty((len(items), SIDE * SIDE), np.float32)
    for row, item in zip(rows, items, strict=True):
        with Image.open(item, formats=("JPEG", "PNG")) as opened:
            grey, side = opened.convert("L"), min(opened.size)
        left, top = (grey.width - side) // 2, (grey.height - side) // 2
        box = None if full else (left, top, left + side, top + side)
        row[:] = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX, box), np.float32).ravel()
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _alike(known: NDArray[np.float32], rows: NDArray[np.float32]) -> set[int]:
    """Positions of the known rows whose correlation with one of the others is above ``ALIKE``."""
    parts = [np.flatnonzero((known @ rows[k : k + 256].T).max(axis=1) > ALIKE) for k in range(0, len(rows), 256)]
    return {int(k) for part in parts for k in part}


if __name__ == "__main__":
    main()
