"""The audit: each finding with its planted defect."""

import shutil
import time
import tracemalloc

import numpy as np
import pytest
import soundfile
from PIL import Image

from headstart.data import audit, read
from headstart.types import Dataset, Task


def texts(items, y=None, labels=("x", "y"), **more):
    task = None if y is None else Task("classification", labels)
    codes = None if y is None else np.array(y)
    return Dataset(items, tuple(map(str, range(len(items)))), "text", task, codes, **more)


def kinds(found):
    return [finding.kind for finding in found.findings]


def the(found, kind):
    return next(finding for finding in found.findings if finding.kind == kind)


@pytest.fixture
def good_folder(folder_of_pictures):
    return folder_of_pictures(*(f"{name}/{index}.jpg" for name in ("ant", "bee") for index in range(5)))


def test_a_clean_folder(good_folder):
    found = audit(read(good_folder))
    assert found.findings == ()
    assert found.keep.all()
    assert len(set(found.clusters.tolist())) == len(set(found.content)) == 10


def test_unreadable_pictures(good_folder):
    raw = (good_folder / "ant" / "0.jpg").read_bytes()
    (good_folder / "ant" / "0.jpg").write_bytes(raw[: len(raw) // 2])
    (good_folder / "bee" / "1.jpg").write_text("a text")
    (good_folder / "bee" / "2.jpg").write_bytes(b"")
    found = audit(read(good_folder))
    bad = the(found, "unreadable")
    assert (bad.count, bad.severity, bad.examples) == (3, "warning", ("ant/0.jpg", "bee/1.jpg", "bee/2.jpg"))
    assert "'ant/0.jpg'" in bad.message
    assert bad.message.count(". ") == 0
    assert np.flatnonzero(~found.keep).tolist() == [0, 6, 7]
    assert found.content[0] == ""
    assert len(set(found.clusters.tolist())) == 10


def test_unreadable_sounds(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(5):
            noise = np.random.default_rng([index, len(name), ord(name[0])]).normal(0, 0.1, 2000)
            soundfile.write(tmp_path / name / f"{index}.wav", noise, 8000)
    (tmp_path / "dog" / "4.wav").write_bytes(b"")
    found = audit(read(tmp_path))
    assert the(found, "unreadable").examples == ("dog/4.wav",)
    assert kinds(found) == ["unreadable", "small_class"]


def test_copies_leaks_and_conflicts_of_pictures(folder_of_pictures):
    names = [
        f"{split}/{name}/{index}.jpg" for split in ("train", "test") for name in ("ant", "bee") for index in range(5)
    ]
    root = folder_of_pictures(*names)
    shutil.copy(root / "train/ant/0.jpg", root / "train/bee/copy.jpg")
    shutil.copy(root / "train/ant/1.jpg", root / "test/ant/copy.jpg")
    with Image.open(root / "train/ant/2.jpg") as picture:
        picture.resize((192, 160)).save(root / "test/ant/near.jpg", quality=60)
    data = read(root)
    found = audit(data)
    assert kinds(found) == ["conflicting_labels", "leak", "exact_duplicates", "near_duplicates"]
    assert the(found, "conflicting_labels").examples == ("train/ant/0.jpg", "train/bee/copy.jpg")
    assert the(found, "leak").message.startswith("2 of the 12 test items are copies of train items (1 exact, 1 near)")
    assert the(found, "exact_duplicates").count == 2
    assert the(found, "near_duplicates").examples == ("test/ant/near.jpg", "train/ant/2.jpg")
    codes = dict(zip(data.ids, found.clusters.tolist(), strict=True))
    assert codes["train/ant/2.jpg"] == codes["test/ant/near.jpg"]
    assert "near_duplicates" not in kinds(audit(data, near=False))


def test_texts():
    found = audit(texts(["Where is it?", "", "where is it", "  ", "Where is it?"], [0, 1, 0, 1, 1]))
    assert the(found, "empty").examples == ("1", "3")
    assert the(found, "conflicting_labels").count == 2
    assert the(found, "exact_duplicates").count == 1
    assert the(found, "near_duplicates").count == 1
    assert found.keep.tolist() == [True, False, True, False, True]
    assert len(set(found.clusters.tolist())) == 3


def test_all_pairs_of_splits_are_looked_at():
    split = np.array(["train", "val", "test", "train"])
    found = audit(texts(["same here", "same here", "Same here.", "another"], [0, 1, 0, 1], split=split))
    said = [finding.message for finding in found.findings if finding.kind == "leak"]
    counts = [message.split(" (")[1].split(")")[0] for message in said]
    assert counts == ["1 exact, 0 near", "0 exact, 1 near", "0 exact, 1 near"]


def test_groups_on_both_sides():
    data = texts(
        ["a", "b", "c"], [0, 1, 1], split=np.array(["train", "train", "test"]), groups=np.array(["p", "q", "p"])
    )
    assert the(audit(data), "group_leak").examples == ("2",)


def test_classes_of_one_group():
    items = [f"item {index * 7919}" for index in range(30)]
    y, groups = [0, 1, 2] * 10, np.array(["p", "q", "r"] * 10)
    groups[0] = "q"  # class x is met in two groups
    data = texts(items, y, ("x", "y", "z"), groups=groups)
    alone = the(audit(data), "class_in_one_group")
    assert (alone.severity, alone.count, alone.examples) == ("warning", 2, ("y", "z"))
    assert alone.message == (
        "2 classes occur in only one group ('y', 'z'), so nothing can be learnt about them from other groups when "
        "groups are held out."
    )
    groups[1] = "p"
    one = the(audit(data), "class_in_one_group").message
    assert one.startswith("1 class occurs in only one group ('z'), so nothing can be learnt about it")
    for free in (np.array(["p", "q"] * 15), np.full(30, "p"), None):
        assert "class_in_one_group" not in kinds(audit(texts(items, y, ("x", "y", "z"), groups=free)))


def test_one_is_singular():
    said = {}
    split = np.array(["train"] * 5 + ["test"])
    rows = ["one here", "one here", "ONE here", "", "two there", "two there"]
    data = texts(rows, [0, 0, 0, 0, 0, 1], ("x", "y"), split=split, groups=np.array(list("abcdee")))
    for finding in audit(data).findings:
        said[finding.kind] = finding.message
    assert said["empty"] == "1 item is empty and is left out ('x' 1 of 5)."
    assert said["near_duplicates"].startswith("1 item is a near copy of another;")
    assert said["leak"].startswith("1 of the 1 test item is a copy of train items (1 exact, 0 near)")
    assert said["group_leak"] == "1 of the 1 test item is of a group that train also has."
    assert said["single_item_class"] == "1 class has one item and cannot be validated: 'y'."
    assert said["small_class"] == "1 class has fewer than 5 items: 'x'."
    broken = Dataset(np.array([[np.nan], [1.0]]), ("a", "b"), "vector")
    assert the(audit(broken), "unreadable").message.startswith("1 item cannot be read and is left out; the first, 'a'")


def test_classes():
    items = [f"item {index * 7919}" for index in range(120)]
    found = audit(texts(items, [0] * 113 + [1] * 2 + [2] + [3] * 4, ("big", "Big ", "one", "four")))
    assert kinds(found) == ["imbalance", "single_item_class", "similar_labels", "small_class"]
    assert the(found, "imbalance").examples == ("big", "one")
    assert the(found, "single_item_class").examples == ("one",)
    assert the(found, "small_class").examples == ("Big ", "four")
    assert "'big' and 'Big '" in the(found, "similar_labels").message
    mild = audit(texts(items[:60], [0] * 55 + [1] * 5))
    assert [(finding.kind, finding.severity) for finding in mild.findings] == [("imbalance", "info")]


def test_multilabel_classes():
    y = np.zeros((20, 2))
    y[:, 0], y[0, 1] = 1, 1
    data = Dataset([f"item {index * 7919}" for index in range(20)], tuple(map(str, range(20))), "text",
                   Task("multilabel", ("a", "b")), y)  # fmt: skip
    assert kinds(audit(data)) == ["single_item_class", "imbalance"]


def test_vectors():
    rows = np.array([[1.0, 2.0], [1.0, 2.0], [np.nan, 1.0], [0.0, 1.0], [-0.0, 1.0], [np.inf, 0.0]])
    data = Dataset(rows, tuple("abcdef"), "vector", Task("classification", ("x", "y")), np.array([0, 1, 0, 1, 1, 0]))
    found = audit(data)
    assert the(found, "unreadable").examples == ("c", "f")
    assert the(found, "exact_duplicates").count == 2
    assert the(found, "conflicting_labels").examples == ("a", "b")
    assert "near_duplicates" not in kinds(found)


def test_a_mapped_file_of_vectors_is_read_in_chunks(tmp_path):
    count = 20_000
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(count, 512)).astype(np.float32))
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r+")
    rows[count - 1], rows[5000, 3] = rows[1], np.nan
    heard, ids = [], tuple(map(str, range(count)))
    audit(Dataset(rows[:9], ids[:9], "vector"))  # what is imported does not count below
    tracemalloc.start()
    found = audit(Dataset(rows, ids, "vector"), progress=lambda done, _count: heard.append(done))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.flatnonzero(~found.keep).tolist() == [5000]
    assert found.clusters[count - 1] == found.clusters[1]
    assert len(np.unique(found.clusters)) == count - 1
    assert heard == [4096, 8192, 12288, 16384, count]
    assert peak < rows.nbytes


def test_all_items_are_taken_without_a_copy():
    data = Dataset(np.eye(3), ("a", "b", "c"), "vector")
    assert data.take([0, 1, 2]) is data
    assert data.take([0, 2, 1]).ids == ("a", "c", "b")
    assert len(data.take([0, 1])) == 2


def test_nothing_is_left():
    found = audit(texts(["", " "], [0, 1]))
    assert (found.findings[0].kind, found.findings[0].severity) == ("nothing_left", "error")
    one = audit(texts(["a", "b", ""], [0, 0, 1]))
    assert {"nothing_left", "empty_class"} <= set(kinds(one))


def test_unlabelled_items_and_progress(good_folder):
    seen = []
    found = audit(read(good_folder, labelled=False), progress=lambda done, count: seen.append((done, count)))
    assert seen == [(index + 1, 10) for index in range(10)]
    assert found.findings == ()


def test_speed(picture):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnop"), 5)) for _ in range(2000)]
    items = [" ".join(row) for row in rng.choice(words, (10_000, 10))]
    start = time.perf_counter()
    audit(texts(items))
    assert time.perf_counter() - start < 4  # 0.4 s measured; room for a busy machine
