"""Masks as pictures: indexed, grey, in colours, numbers of objects."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.data import read


def masks(root, *arrays, folder="masks"):
    """Pictures of the size of some masks, and the masks."""
    (root / "images").mkdir(exist_ok=True)
    (root / folder).mkdir(exist_ok=True)
    for index, values in enumerate(arrays):
        picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
        Image.new("RGB", picture.size).save(root / "images" / f"{index}.jpg")
        picture.save(root / folder / f"{index}.png")
    return root


def numbered(count, dtype=np.uint8):
    values = np.zeros((8, 40), dtype)
    for number in range(1, count + 1):
        values[2:5, 2 * number : 2 * number + 1] = number
    return values


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_numbers_of_objects_are_one_class(tmp_path, dtype):
    data = read(masks(tmp_path, numbered(3, dtype), numbered(7, dtype), numbered(5, dtype)))
    assert data.task.labels == ("background", "object")
    assert [mask.instances().max() for mask in data.y] == [3, 7, 5]
    assert (data.y[1].classes() == (numbered(7) > 0)).all()


def test_classes_stay_classes(tmp_path):
    two = np.zeros((8, 40), np.uint8)
    two[:, :10], two[:, 20:30], two[:, 30:35], two[0, 0] = 1, 1, 2, 255
    data = read(masks(tmp_path, two, two))
    assert data.task.labels == ("background", "1", "2")
    assert data.y[0].classes()[0, 0] == -1
    assert data.y[0].instances() is None


@pytest.mark.realdata
def test_nuclei_are_numbered(real_data):
    data = read(real_data / "segmentation" / "nuclei_dsb2018.tar")
    assert len(data) == 664
    assert data.y[0].instances().max() == int(data.named["nuclei"][0])
    assert set(data.named["kind"]) == {"fluo", "purple", "bright_gray", "light"}
