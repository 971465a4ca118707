"""Lists, arrays, frames, pairs and Hugging Face datasets."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.data import audit, read, read_image
from headstart.errors import DataError


def test_texts_and_paths(folder_of_pictures):
    root = folder_of_pictures("1.png", "2.png")
    paths = [str(root / "1.png"), str(root / "2.png")]
    assert read((["good", "bad"], ["x", "y"])).modality == "text"
    assert read((paths, ["x", "y"])).modality == "image"
    assert read([Path(path) for path in paths], labelled=False).ids == tuple(paths)
    assert read([paths[0], paths[0]], labelled=False).ids == ("0", "1")
    assert read(["see photo.png", "b"], labelled=False).modality == "text"


def test_pictures_and_arrays(picture):
    assert read(([picture(0), picture(1)], [0, 1])).modality == "image"
    assert read(([np.zeros((4, 4, 3), np.uint8)] * 2, [0, 1])).modality == "image"
    assert read((np.zeros((2, 4, 4), np.uint8), [0, 1])).modality == "image"
    assert read((np.zeros((2, 4, 4, 3)), [0, 1])).modality == "image"
    data = read((np.eye(2, dtype=int), np.array([0, 1])))
    assert (data.modality, np.asarray(data.items).dtype) == ("vector", np.float64)
    assert read(([[1.0, 2.0], [3.0, 4.0]], [0, 1])).modality == "vector"
    assert read(([np.ones(3), np.zeros(3)], [0, 1])).modality == "vector"


def test_sounds():
    assert read([(np.zeros(9), 8000)], labelled=False).modality == "audio"
    assert read([{"array": np.zeros(9), "sampling_rate": 8000}], labelled=False).modality == "audio"


def test_labels_of_a_pair():
    y = pd.Series(["a", "b"], name="kind")
    assert read((["p", "q"], y)).task.column == "kind"
    assert read((["p", "q"], np.array([[0, 1], [1, 0]]))).task.kind == "multilabel"
    data = read((["p", "q"], pd.DataFrame({"u": [0.5, 1], "v": [2, 3]})))
    assert (data.task.kind, data.task.labels) == ("regression", ("u", "v"))
    assert read((pd.DataFrame({"a": [1, 2], "b": [3, 4]}), ["x", "y"])).modality == "vector"
    assert read((["p", "q"], None), labelled=False).task is None


def test_records():
    assert read([{"text": "good one", "label": "x"}, {"text": "bad one", "label": "y"}]).task.labels == ("x", "y")


def test_a_dict_of_columns(picture):
    data = read({"text": ["good one", "bad one"], "label": np.array([1, 0])})
    assert (data.items, data.y.tolist()) == (["good one", "bad one"], [1, 0])
    data = read({"image": [picture(0), picture(1)], "label": ("a", "b")})
    assert (data.modality, data.task.labels) == ("image", ("a", "b"))
    data = read({"features": np.eye(2), "label": ["a", "b"]})
    assert np.asarray(data.items).tolist() == [[1, 0], [0, 1]]
    assert read(({"a": [1, 2], "b": [3, 4]}, ["x", "y"])).columns == ("a", "b")
    assert read({"data": [{"text": "good one"}, {"text": "bad one"}], "label": ["x", "y"]}).items[1] == "bad one"
    sound = {"array": np.zeros(9), "sampling_rate": 8000}
    assert read([sound], labelled=False).modality == "audio"
    with pytest.raises(DataError, match="Cannot read a dict"):
        read(sound, labelled=False)


def test_tensors():
    torch = pytest.importorskip("torch")
    data = read((torch.eye(2, requires_grad=True), torch.tensor([1, 0])))
    assert (data.modality, data.task.labels, data.y.tolist()) == ("vector", ("0", "1"), [1, 0])
    assert np.asarray(data.items).tolist() == [[1, 0], [0, 1]]
    assert np.asarray(read((torch.eye(2, dtype=torch.bfloat16), [0, 1])).items).dtype == np.float32
    pictures = torch.zeros(2, 3, 6, 8)
    pictures[:, 0] = 1
    for tensor in (pictures, pictures.permute(0, 2, 3, 1)):
        data = read((tensor, ["a", "b"]))
        assert data.modality == "image"
        assert read_image(data.items[0]).size == (8, 6)
        assert read_image(data.items[0]).getpixel((0, 0)) == (255, 0, 0)
    assert read({"x": torch.eye(2), "label": torch.tensor([0, 1])}).modality == "vector"
    with pytest.raises(DataError, match="Cannot read the tensor"):
        read((torch.eye(2).to_sparse(), [0, 1]))
    with pytest.raises(DataError, match="contains items without labels"):
        read(torch.eye(2))


def test_hugging_face(folder_of_pictures):
    datasets = pytest.importorskip("datasets")
    root = folder_of_pictures("1.png", "2.png")
    features = datasets.Features({"image": datasets.Image(), "kind": datasets.ClassLabel(names=["b", "a"])})
    rows = {"image": [str(root / "1.png"), str(root / "2.png")], "kind": [0, 1]}
    whole = datasets.Dataset.from_dict(rows, features=features)
    data = read(whole)
    assert (data.modality, data.task.labels, data.y.tolist()) == ("image", ("a", "b"), [1, 0])
    assert read_image(data.items[0]).size == (96, 80)
    data = read(datasets.DatasetDict({"train": whole, "validation": whole}))
    assert data.split.tolist() == ["train", "train", "val", "val"]
    assert data.ids[2] == "validation/0"
    nested = datasets.Dataset.from_dict({"data": [{"text": "p q"}, {"text": "r s"}], "label": ["x", "y"]})
    assert read(nested).items == ["p q", "r s"]
    texts = datasets.Dataset.from_dict({"sentence": ["p q", "r s"], "label": ["x", "y"]})
    assert read(texts).items == ["p q", "r s"]
    with pytest.raises(DataError, match="not streamed"):
        read(whole.to_iterable_dataset())
    with pytest.raises(DataError, match="must be train, validation and test"):
        read(datasets.DatasetDict({"french": texts, "german": texts}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "Cannot read a int; give a path"),
        ({"a": 1}, "Cannot read a dict"),
        ({}, "Cannot read a dict"),
        ({"text": ["a", "b"], "label": ["x"]}, "differ in length: 'text' has 2 rows, 'label' has 1 row"),
        ([], "list given is empty"),
        ((["p", "q"], ["x"]), "Got 2 items, but 1 label;"),
        (["p", "q"], "without labels"),
        (["p", 3], "must be of one kind .* Got int, str"),
        (np.zeros(3), r"An array must be \(n, d\)"),
        (np.zeros((2, 2, 2, 2, 2)), r"An array must be \(n, d\)"),
        ([[1.0], [1.0, 2.0]], "differ in length"),
        ((["p", "q"], np.zeros((2, 2, 2))), "Labels must be"),
        (["gone.png", "lost.png"], "2 of 2 files do not exist, for example 'gone.png'"),
        ([Path("a.xyz")], "Paths must be of pictures or sounds"),
    ],
)
def test_objects_that_cannot_be_read(data, message):
    with pytest.raises(DataError, match=message):
        read(data)


def test_mixed_paths(folder_of_pictures):
    root = folder_of_pictures("1.png")
    (root / "2.wav").write_bytes(b"x")
    with pytest.raises(DataError, match="both pictures and sounds"):
        read([root / "1.png", root / "2.wav"], labelled=False)


def block(dtype, most):
    return (np.kron(np.random.default_rng(0).random((6, 6)), np.ones((4, 4))) * most).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "most"),
    [
        ("uint8", 255),
        ("uint16", 4095),
        ("uint16", 65535),
        ("int32", 1000),
        ("float32", 1),
        ("float64", 255),
        ("bool", 1),
    ],
)
@pytest.mark.parametrize("form", ["hw", "hw1", "hw3", "hw4", "1hw", "3hw"])
def test_pictures_in_arrays_of_every_type(dtype, most, form):
    """A picture may be held as numbers of any type, with its channels last, first or not at all."""
    grey = block(dtype, most)
    opaque = np.full_like(grey, True if dtype == "bool" else most)
    arrays = {
        "hw": grey, "hw1": grey[:, :, None], "hw3": np.stack([grey] * 3, axis=2), "1hw": grey[None],
        "3hw": np.stack([grey] * 3), "hw4": np.stack([grey, grey, grey, opaque], axis=2),
    }  # fmt: skip
    data = read(([arrays[form], arrays[form][..., ::-1].copy() if form == "hw" else arrays[form]], ["x", "y"]))
    assert data.modality == "image"
    shown = np.asarray(read_image(data.items[0]))
    assert shown.shape == (24, 24, 3)
    assert shown.max() >= 64
    assert audit(data).keep.all()


@pytest.mark.parametrize("shape", [(4, 24, 24), (4, 24, 24, 3), (4, 3, 24, 24), (4, 1, 24, 24), (4, 24, 24, 4)])
def test_one_array_of_pictures(shape):
    data = read((np.random.default_rng(0).random(shape), list("xyxy")))
    assert (data.modality, len(data)) == ("image", 4)
    assert read_image(data.items[0]).size == (24, 24)


def test_a_list_of_tensors():
    import torch

    pictures = [torch.rand(3, 24, 24) for _ in range(4)]
    assert read((pictures, list("xyxy"))).modality == "image"
    assert read(([torch.rand(5) for _ in range(4)], list("xyxy"))).modality == "vector"


def test_a_column_of_arrays():
    frame = pd.DataFrame({"scan": [block("uint16", 4000)] * 4, "kind": list("xyxy")})
    data = read(frame, label="kind")
    assert (data.modality, len(data)) == ("image", 4)


def test_paths_whose_names_say_nothing(tmp_path):
    for name in ("one", "two"):
        Image.fromarray(block("uint8", 255)).save(tmp_path / name, "PNG")
    data = read(([tmp_path / "one", tmp_path / "two"], ["x", "y"]))
    assert data.modality == "image"


@pytest.mark.parametrize("name", ["a.HEIC", "a.avif", "a.jfif"])
def test_paths_of_every_format_are_no_texts(tmp_path, name):
    (tmp_path / name).write_bytes(b"any")
    assert read([str(tmp_path / name)], labelled=False).modality == "image"
