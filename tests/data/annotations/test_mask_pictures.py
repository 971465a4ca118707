"""Masks as pictures: indexed, grey, in colours, numbers of objects, names of classes, turned pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.data import read
from headstart.errors import DataError


def masks(root, *arrays, folder="masks", images="images", exif=None):
    """Pictures of the size of some masks, and the masks."""
    (root / images).mkdir(exist_ok=True)
    (root / folder).mkdir(exist_ok=True)
    for index, values in enumerate(arrays):
        picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
        Image.new("RGB", picture.size).save(root / images / f"{index}.jpg", **({"exif": exif} if exif else {}))
        picture.save(root / folder / f"{index}.png")
    return root


def numbered(count, dtype=np.uint8):
    values = np.zeros((8, 40), dtype)
    for number in range(1, count + 1):
        values[2:5, 2 * number : 2 * number + 1] = number
    return values


def striped(*values):
    """Two separate stripes of each value, so that they are no numbers of objects."""
    found = np.zeros((8, 40), np.uint8)
    for place, value in enumerate(values):
        found[:, 4 * place : 4 * place + 2] = found[0:2, 20 + 4 * place : 22 + 4 * place] = value
    return found


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_numbers_of_objects_are_one_class(tmp_path, dtype):
    data = read(masks(tmp_path, numbered(3, dtype), numbered(7, dtype), numbered(5, dtype)))
    assert data.task.labels == ("background", "object")
    assert [mask.instances().max() for mask in data.y] == [3, 7, 5]
    assert (data.y[1].classes() == (numbered(7) > 0)).all()


def test_numbers_above_255_are_objects(tmp_path):
    values = numbered(3, np.uint16) * 300
    data = read(masks(tmp_path, values))
    assert (data.y[0].instances() == values).all()


def test_classes_stay_classes_and_255_is_ignored(tmp_path):
    data = read(masks(tmp_path, striped(1, 2, 255), striped(2)))
    assert data.task.labels == ("background", "1", "2")
    assert sorted(set(data.y[0].classes().ravel().tolist())) == [-1, 0, 1, 2]
    assert data.y[0].instances() is None
    stated = read(tmp_path, annotations="masks,values=instances")
    assert stated.y[1].instances().max() == 2


@pytest.mark.parametrize("picture", [Image.fromarray(striped(255) > 0), Image.fromarray(striped(255))], ids=["1", "L"])
def test_black_and_white_is_one_class(tmp_path, picture):
    data = read(masks(tmp_path, picture, picture))
    assert data.task.labels == ("background", "object")
    assert [mask.classes().max() for mask in data.y] == [1, 1]


def test_indices_of_a_palette_with_names(tmp_path):
    picture = Image.fromarray(striped(1, 2))
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    masks(tmp_path, picture, folder="SegmentationClass", images="JPEGImages")
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\nfox\n")
    data = read(tmp_path)
    assert data.task.labels == ("background", "cat", "dog", "fox")
    assert data.y[0].classes()[0, :6].tolist() == [1, 1, 0, 0, 2, 2]


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("class_dict.csv", "name,r,g,b\nvoid,0,0,0\nsky,128,128,128\nroad,128,64,128\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nvoid:0,0,0::\nsky:128,128,128::\nroad:128,64,128::\n"),
        ("label_colors.txt", "0 0 0\tvoid\n128 128 128\tsky\n128 64 128\troad\n"),
    ],
)
def test_colours_of_a_table(tmp_path, name, table):
    values = np.zeros((6, 8, 3), np.uint8)
    values[:, 2:4], values[:, 4:6], values[:, 6:] = (128, 128, 128), (128, 64, 128), (1, 2, 3)
    masks(tmp_path, values)
    (tmp_path / name).write_text(table)
    data = read(tmp_path)
    assert data.task.labels == ("void", "sky", "road")
    assert data.y[0].classes()[0].tolist() == [0, 0, 1, 1, 2, 2, -1, -1]
    assert any("1 mask holds a value without a class, which is ignored" in note for note in data.notes)


def test_colours_without_a_table(tmp_path):
    values = np.zeros((6, 8, 3), np.uint8)
    values[:, 4:] = (255, 0, 0)
    values[:, 2:3] = (0, 0, 255)
    data = read(masks(tmp_path, values))
    assert data.task.labels == ("background", "#0000ff", "#ff0000")


def test_classes_and_objects_of_pascal_voc(tmp_path):
    masks(tmp_path, striped(1, 2, 255), folder="SegmentationClass", images="JPEGImages")
    masks(tmp_path, numbered(4), folder="SegmentationObject", images="JPEGImages")
    data = read(tmp_path)
    assert data.y[0].instances() is not None
    assert (data.y[0].instances()[data.y[0].classes() <= 0] == 0).all()


def test_masks_beside_pictures_by_their_names(tmp_path):
    for stem in ("a", "b"):
        Image.new("RGB", (40, 8)).save(tmp_path / f"{stem}.jpg")
        Image.fromarray(striped(1)).save(tmp_path / f"{stem}_mask.png")
    assert read(tmp_path).ids == ("a.jpg", "b.jpg")


def test_two_classes_of_photographs_are_no_masks(tmp_path):
    noise = np.random.default_rng(0)
    for folder in ("mask", "no_mask"):
        (tmp_path / folder).mkdir()
        for k in range(4):
            Image.fromarray(noise.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / folder / f"{k}.png")
    assert read(tmp_path).task.labels == ("mask", "no_mask")


def test_sizes_that_differ_and_files_without_a_partner_are_named(tmp_path):
    masks(tmp_path, striped(1), striped(1), striped(1))
    Image.new("RGB", (41, 8)).save(tmp_path / "images" / "1.jpg")
    Image.new("RGB", (41, 8)).save(tmp_path / "images" / "new.jpg")
    Image.fromarray(striped(1)).save(tmp_path / "masks" / "old.png")
    data = read(tmp_path)
    assert data.ids == ("images/0.jpg", "images/2.jpg")
    words = " ".join(data.notes)
    assert "1 mask is not of the size of its picture and was set aside" in words
    assert "1.png' (40 x 8, its picture has 41 x 8)" in words
    assert "1 picture has no annotation and was left out: 'images/new.jpg'" in words
    assert "1 annotation has no picture and was set aside" in words


@pytest.mark.parametrize("turn", range(1, 9))
def test_masks_of_stored_and_of_shown_pixels(tmp_path, turn):
    """A mask of the stored pixels is turned with its picture; one that has the size of the shown picture is not."""
    exif = Image.Exif()
    exif[274] = turn
    values = striped(1, 2)
    data = read(masks(tmp_path, values, exif=exif))
    shown = Image.fromarray(values)
    method = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(turn)
    shown = shown if method is None else shown.transpose(Image.Transpose(method))
    assert (data.y[0].classes() == np.asarray(shown)).all()
    if turn > 4:
        shown.save(tmp_path / "masks" / "0.png")
        assert (read(tmp_path).y[0].classes() == np.asarray(shown)).all()


def test_columns_of_an_index_are_groups(tmp_path):
    masks(tmp_path, striped(1), striped(1))
    (tmp_path / "index.csv").write_text("name,stain\n0,red\n1,blue\n")
    assert read(tmp_path, group_col="stain").groups.tolist() == ["red", "blue"]
    with pytest.raises(DataError, match=r"no column 'colour' .* its columns are 'stain'"):
        read(tmp_path, group_col="colour")


@pytest.mark.realdata
def test_nuclei_are_numbered(real_data):
    data = read(real_data / "segmentation" / "nuclei_dsb2018.tar")
    assert len(data) == 664
    assert data.y[0].instances().max() == int(data.named["nuclei"][0])
    assert set(data.named["kind"]) == {"fluo", "purple", "bright_gray", "light"}
