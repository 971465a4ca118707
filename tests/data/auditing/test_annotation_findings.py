"""What the audit finds in spans, boxes and masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from headstart.annotations import Boxes, MaskArray
from headstart.data import audit, read
from headstart.data.annotations.masks.values import Coding, MaskFile
from headstart.types import Dataset, Task


def kinds(dataset):
    return {finding.kind: finding for finding in audit(dataset).findings}


def pictures(count, *, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (count, 24, 32, 3), dtype=np.uint8))


def boxed(items, own, labels=("cat", "dog"), **more):
    y = np.empty(len(own), dtype=object)
    y[:] = own
    return Dataset(items, tuple(map(str, range(len(items)))), "image", Task("box", labels), y, **more)


def box(*sides, labels=None):
    return Boxes(np.array(sides, float).reshape(-1, 4), np.zeros(len(sides)) if labels is None else labels, (32, 24))


def test_a_surface_with_two_types_is_listed():
    words = [["Jordan", "ran"], ["In", "Jordan"], ["Jordan", "won"]]
    data = read((words, [["B-PER", "O"], ["O", "B-LOC"], ["B-PER", "O"]]), task="token")
    found = kinds(data)["surface_with_types"]
    assert (found.count, found.examples) == (1, ("Jordan",))
    assert "'Jordan' (PER 2, LOC 1)" in found.message


def test_the_same_sentence_with_other_spans_is_a_conflict():
    data = read(([["Ada", "ran"], ["Ada", "ran"]], [["B-PER", "O"], ["O", "O"]]), task="token")
    found = kinds(data)
    assert found["conflicting_labels"].count == 2
    assert found["conflicting_labels"].message.startswith(
        "2 sentences have the same content as another sentence but diff"
    )
    assert found["exact_duplicates"].message.startswith("1 sentence is an exact copy of another")


def test_a_conflict_of_pictures_names_their_boxes():
    """Kind: messages on labels where annotations are meant."""
    one, two = pictures(2)
    found = kinds(boxed([one, one, two], [box([1, 1, 9, 9]), box([2, 2, 9, 9]), box([1, 1, 9, 9])]))
    said = "2 pictures have the same content as another picture but different boxes; correct or remove them."
    assert found["conflicting_labels"].message == said


def test_sentences_and_pictures_that_leak_between_splits():
    data = read(([["Ada", "ran"], ["Ada", "ran"]], [["B-PER", "O"], ["B-PER", "O"]]), task="token")
    assert kinds(replace(data, split=np.array(["train", "test"])))["leak"].examples == ("1",)
    one, two = pictures(2)
    split = np.array(["train", "test", "test"])
    found = kinds(boxed([one, one, two], [box([1, 1, 9, 9])] * 3, split=split))
    assert found["leak"].examples == ("1",)


def test_boxes_that_lie_on_each_other():
    twice = box([1, 1, 21, 21], [1, 1, 21, 21.5], [0, 0, 5, 5])
    other = box([1, 1, 21, 21], [1, 1, 21, 21], labels=np.array([0, 1]))
    found = kinds(boxed(pictures(2), [twice, other]))
    assert found["doubled_box"].examples == ("0 (cat at 1, 1, 21, 21)",)
    assert found["conflicting_boxes"].examples == ("1 (cat at 1, 1, 21, 21)",)


def test_pictures_without_objects_and_classes_without_pictures():
    found = kinds(boxed(pictures(3), [box([1, 1, 9, 9]), box(), box([2, 2, 8, 8])], absent=("fox",)))
    assert found["no_annotations"].examples == ("1",)
    assert found["empty_class"].examples == ("dog", "fox")


def test_no_annotation_at_all_is_an_error():
    assert kinds(boxed(pictures(2), [box(), box()]))["nothing_left"].severity == "error"


def test_a_mask_that_cannot_be_read_leaves_its_picture_out(tmp_path):
    Image.fromarray(np.eye(24, 32, dtype=np.uint8)).save(tmp_path / "a.png")
    masks = [MaskFile(tmp_path / name, (32, 24), Coding.of({0: 0, 1: 1})) for name in ("a.png", "gone.png")]
    y = np.empty(3, dtype=object)
    y[:] = [*masks, MaskArray(np.zeros((24, 32), np.int16))]
    checked = audit(Dataset(pictures(3), ("a", "b", "c"), "image", Task("mask", ("background", "cell")), y))
    assert checked.keep.tolist() == [True, False, True]
    assert "gone.png" in next(one.message for one in checked.findings if one.kind == "unreadable")


@pytest.mark.realdata
def test_conflicts_and_surfaces_of_wnut(real_data):
    found = kinds(read(real_data / "ner" / "wnut17"))
    assert found["surface_with_types"].count == 25
    assert found["conflicting_labels"].count == 29
