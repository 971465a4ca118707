"""Kind: numbers of a saved head that compiled code follows. They are checked before anything is made of the file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from headstart.errors import ModelFolderError
from headstart.heads.gaussian_process import GaussianProcess
from headstart.heads.knn import KNearestNeighbours
from headstart.heads.svm import SupportVectorClassifier, SupportVectorRegressor
from headstart.model.files.estimator import read_estimator, write_estimator

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)

ESTIMATORS: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, Y),
    "regression tree": lambda: DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, X[:, :2]),
    "forest": lambda: ExtraTreesClassifier(3, random_state=0).fit(X, Y),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, Y),
    "boosting values": lambda: HistGradientBoostingRegressor(max_iter=2, random_state=0).fit(X, X[:, 0]),
    "svc": lambda: SupportVectorClassifier().fit(X, Y),
    "svr": lambda: SupportVectorRegressor().fit(X, X[:, 0]),
    "gaussian process": lambda: GaussianProcess().fit(X, Y),
    "knn": lambda: KNearestNeighbours().fit(X, Y),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, dict[str, bytes]]:
    """The files in ``head.skops`` of each estimator, by name."""
    found = {}
    for name, make in ESTIMATORS.items():
        path = tmp_path_factory.mktemp("skops") / "head.skops"
        write_estimator(path, make())
        with zipfile.ZipFile(path) as archive:
            found[name] = {entry: archive.read(entry) for entry in archive.namelist()}
    return found


def packed(parts: dict[str, bytes], place: Path) -> Path:
    with zipfile.ZipFile(place / "head.skops", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return place / "head.skops"


def arrays(parts: dict[str, bytes], change: Callable[[np.ndarray], np.ndarray | None]) -> dict[str, bytes]:
    """The files with arrays changed, wherever ``change`` gives one."""
    changed, found = dict(parts), 0
    for name, raw in parts.items():
        if name.endswith(".npy"):
            new = change(np.load(io.BytesIO(raw)).copy())
            if new is not None:
                stream = io.BytesIO()
                np.save(stream, new)
                changed[name] = stream.getvalue()
                found += 1
    assert found
    return changed


def attributes(parts: dict[str, bytes], name: str, change: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
    """The files with every attribute ``name`` of the schema changed in place."""
    schema, found = json.loads(parts["schema.json"]), []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            for key, inside in part.items():
                if key == name:
                    found.append(key)
                    change(inside)
                walk(inside)
        elif isinstance(part, list):
            for inside in part:
                walk(inside)

    walk(schema)
    assert found
    return parts | {"schema.json": json.dumps(schema).encode()}


def field(name: str, value: Any) -> Callable[[np.ndarray], np.ndarray | None]:
    def change(array: np.ndarray) -> np.ndarray | None:
        if not array.dtype.names or name not in array.dtype.names:
            return None
        array[name] = value
        return array

    return change


def at_root(name: str, value: Any) -> Callable[[np.ndarray], np.ndarray | None]:
    def change(array: np.ndarray) -> np.ndarray | None:
        if not array.dtype.names or name not in array.dtype.names:
            return None
        array[name][0] = value
        return array

    return change


def json_value(value: Any) -> Callable[[dict[str, Any]], None]:
    def change(part: dict[str, Any]) -> None:
        part["content"] = json.dumps(value)

    return change


@pytest.mark.parametrize("kind", list(ESTIMATORS))
def test_what_a_fit_wrote_is_read(files, tmp_path, kind):
    read = read_estimator(packed(files[kind], tmp_path))
    np.testing.assert_allclose(read.predict(X), ESTIMATORS[kind]().predict(X))


@pytest.mark.parametrize("kind", ["tree", "regression tree", "forest"])
@pytest.mark.parametrize(
    "change",
    [
        field("left_child", 2**40), field("right_child", 2**40), field("left_child", 0), field("right_child", 0),
        at_root("left_child", 0), at_root("right_child", -2), at_root("left_child", -(2**50)), field("feature", 2**30),
        at_root("feature", -1), at_root("feature", 3), field("threshold", np.nan),
        lambda array: array[:1] if array.dtype.names else None,
        lambda array: array[:0] if array.dtype.names else None,
        lambda array: array[:-1] if array.ndim == 3 else None,
        lambda array: array * np.nan if array.ndim == 3 else None,
        lambda array: np.full_like(array, 10**9) if array.dtype == np.int64 and array.shape in ((1,), (2,)) else None,
    ],
)  # fmt: skip
def test_trees(files, tmp_path, kind, change):
    if kind != "tree" and change(np.array([1, 1])) is not None:
        pytest.skip("the labels of this one are such an array too")
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(arrays(files[kind], change), tmp_path))


@pytest.mark.parametrize("value", [10**9, -1, 0, 1.5, None, "3", True])
@pytest.mark.parametrize("name", ["node_count", "max_depth"])
def test_the_size_of_a_tree(files, tmp_path, name, value):
    if (name, value) == ("max_depth", 0):
        pytest.skip("may be")
    parts = attributes(files["tree"], name, json_value(value))
    if name == "max_depth" and value is None:
        pytest.skip("it is a parameter of the estimator too")
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(parts, tmp_path))


@pytest.mark.parametrize("kind", ["tree", "forest", "boosting"])
@pytest.mark.parametrize("value", [1, 2, 4, 10**12, -3])
def test_trees_of_other_columns_than_the_estimator(files, tmp_path, kind, value):
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(attributes(files[kind], "n_features_in_", json_value(value)), tmp_path))


@pytest.mark.parametrize("kind", ["boosting", "boosting values"])
@pytest.mark.parametrize(
    "change",
    [
        field("feature_idx", 2**30), field("left", 2**31), field("right", 0), at_root("left", 0), field("is_leaf", 0),
        field("is_leaf", 7), field("is_categorical", 1), field("value", np.nan), field("num_threshold", np.nan),
        lambda array: array[:1] if array.dtype.names else None,
    ],
)  # fmt: skip
def test_boosted_trees(files, tmp_path, kind, change):
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(arrays(files[kind], change), tmp_path))


@pytest.mark.parametrize("kind", ["svc", "svr"])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("support_", lambda array: array + 10**6),
        ("support_", lambda array: -array - 1),
        ("support_", lambda array: array[:-1]),
        ("_n_support", lambda array: array + 5),
        ("_n_support", lambda array: np.full(50, len(array), array.dtype)),
        ("_dual_coef_", lambda array: array[:, :1]),
        ("_dual_coef_", lambda array: array * np.nan),
        ("_intercept_", lambda _: np.zeros(0)),
        ("_probA", lambda _: np.zeros(9)),
        ("support_vectors_", lambda _: np.zeros((3, 3))),
    ],
)
def test_support_vectors(files, tmp_path, kind, name, change):
    parts = dict(files[kind])

    def replaced(part: dict[str, Any]) -> None:
        stream = io.BytesIO()
        np.save(stream, change(np.load(io.BytesIO(parts[part["file"]]))))
        parts[f"new-{name}.npy"] = stream.getvalue()
        part["file"] = f"new-{name}.npy"
        part["__id__"] = 1

    new = attributes(files[kind], name, replaced) | {k: v for k, v in parts.items() if k.startswith("new-")}
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(new, tmp_path))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kernel", "rbf"),
        ("_sparse", True),
        ("num_rows_", 10**9),
        ("n_features_in_", 2**40),
        ("_effective_probability", True),
    ],
)
def test_support_vector_machines_of_another_kind(files, tmp_path, name, value):
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(attributes(files["svc"], name, json_value(value)), tmp_path))


@pytest.mark.parametrize(("name", "value"), [("pos", 10**6), ("pos", -1), ("bit_generator", "SFC64")])
def test_states_of_random_generators(files, tmp_path, name, value):
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(attributes(files["gaussian process"], name, json_value(value)), tmp_path))


@pytest.mark.parametrize(("name", "value"), [("pool_size", 10**9), ("bit_generator", "MT19937")])
def test_seeds_of_random_generators(files, tmp_path, name, value):
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(attributes(files["boosting"], name, json_value(value)), tmp_path))


def test_two_parts_of_one_number_are_the_same(files, tmp_path):
    """skops takes the first of them, so that a sound part could stand for another one."""
    schema = json.loads(files["tree"]["schema.json"])
    content = schema["content"]["content"]
    content["max_features"] = {**content["max_depth"], "__id__": content["tree_"]["__id__"]}
    with pytest.raises(ModelFolderError, match="two parts"):
        read_estimator(packed(files["tree"] | {"schema.json": json.dumps(schema).encode()}, tmp_path))


def test_arrays_that_say_they_are_larger_than_their_bytes(files, tmp_path):
    def header(raw: bytes) -> bytes:
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)})
        return stream.getvalue() + raw[-64:]

    parts = {name: header(raw) if name.endswith(".npy") else raw for name, raw in files["knn"].items()}
    with pytest.raises(ModelFolderError, match="damaged"):
        read_estimator(packed(parts, tmp_path))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(files, tmp_path):
    path = packed(files["knn"], tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("schema.json", files["tree"]["schema.json"])
    with pytest.raises(ModelFolderError, match="two files of one name"):
        read_estimator(path)


@pytest.mark.parametrize(("kind", "name"), [("knn", "n_jobs"), ("forest", "n_jobs")])
def test_numbers_of_jobs(files, tmp_path, kind, name):
    if name.encode() not in files[kind]["schema.json"]:
        pytest.skip("it has none")
    with pytest.raises(ModelFolderError, match="jobs"):
        read_estimator(packed(attributes(files[kind], name, json_value(10**6)), tmp_path))


def test_many_parts_that_name_one_file_do_not_unpack_it_each_time(files, tmp_path, monkeypatch):
    """A megabyte of zeros takes a kilobyte in the archive; a schema of some megabytes may name it 10,000 times."""
    monkeypatch.setattr("headstart.model.files.estimator.SPARE_BYTES", 0)
    schema = json.loads(files["tree"]["schema.json"])
    stream = io.BytesIO()
    np.save(stream, np.zeros(10_000))
    named = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy"}
    many = [{**named, "__id__": 10**6 + k, "file": "zeros.npy"} for k in range(1000)]
    schema["content"]["content"]["more"] = {
        "__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "__id__": 5, "content": many,
    }  # fmt: skip
    parts = files["tree"] | {"schema.json": json.dumps(schema).encode(), "zeros.npy": stream.getvalue()}
    with pytest.raises(ModelFolderError, match="name the same files again and again"):
        read_estimator(packed(parts, tmp_path))
