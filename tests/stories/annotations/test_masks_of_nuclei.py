"""Nuclei of the Data Science Bowl 2018: few pictures suffice, and transfer helps (real data)."""

from __future__ import annotations

import csv
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.annotations import MaskArray
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.annotating.masks import MASKS, RAW
from headstart.transfer.stages.context import RunContext
from headstart.types import Dataset, Task


def nuclei(folder: Path, rows: list[dict[str, str]]) -> Dataset:
    y = np.empty(len(rows), object)
    for k, row in enumerate(rows):
        numbers = np.asarray(Image.open(folder / "labels" / f"{row['name']}.png")).astype(np.int32)
        y[k] = MaskArray((numbers > 0).astype(np.int16), numbers)
    items = [folder / "images" / f"{row['name']}.jpg" for row in rows]
    return Dataset(items, tuple(row["name"] for row in rows), "image", Task("mask", ("background", "nucleus")), y)


@pytest.mark.realdata
@pytest.mark.slow
def test_a_few_fluorescence_pictures_find_most_nuclei(real_data: Path, tmp_path: Path) -> None:
    with tarfile.open(real_data / "segmentation/nuclei_dsb2018.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "nuclei_dsb2018"
    every = list(csv.DictReader((folder / "index.csv").read_text(encoding="utf-8").splitlines()))
    rows = [row for row in every if row["kind"] == "fluo" and (row["width"], row["height"]) == ("256", "256")][::40]
    train, test = nuclei(folder, rows[:4]), nuclei(folder, rows[4:8])
    context = RunContext(SilentReporter())
    solved = MASKS.solve(train, open_source("headstart:image"), context)
    found = solved.head.annotate(solved.source, test.items, engine=context.engine)
    raw = MASKS.baselines(train, solved, context)[RAW]()(test.items)
    ours, theirs = MASKS.evaluate(test, found).metrics, MASKS.evaluate(test, raw).metrics
    assert ours["dice"].value > 0.8
    assert ours["instance_f1"].value > 0.6
    assert ours["instance_f1"].value > theirs["instance_f1"].value
