"""The head survives saving, annotates pictures of all sizes, and refuses damaged files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.engine.options import Engine
from headstart.heads.annotating.contract import AnnotationHead
from headstart.heads.masks import cell_rows
from headstart.heads.masks.mask_head import MaskHead
from headstart.heads.masks.solve import solve_masks
from headstart.heads.masks.toy import toy_masks
from headstart.sources import open_source
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import maps_of
from headstart.types import Source

DATA = toy_masks(4, side=30)


@pytest.fixture(scope="module")
def source() -> Source:
    return open_source("headstart:image")


@pytest.fixture(scope="module")
def head(source: Source) -> MaskHead:
    return solve_masks(DATA, maps_of(source, MapSettings(blocks=(), stride=2))).head


def test_a_saved_head_gives_the_same_masks(head: MaskHead, source: Source) -> None:
    assert isinstance(head, AnnotationHead)
    facts = json.loads(json.dumps(head.facts()))
    again = MaskHead.from_saved(head.tensors(), facts, DATA.task)  # type: ignore[arg-type]
    first, second = (each.annotate(source, DATA.items, engine=Engine()) for each in (head, again))
    for one, other in zip(first, second, strict=True):
        assert (one.classes() == other.classes()).all()
        assert (one.instances() == other.instances()).all()


def test_masks_have_the_size_of_their_pictures(head: MaskHead, source: Source) -> None:
    pictures = [np.zeros((17, 41, 3), np.uint8), np.full((64, 9, 3), 200, np.uint8)]
    found = head.annotate(source, pictures, engine=Engine())
    assert [mask.size for mask in found] == [(41, 17), (9, 64)]


def test_objects_are_told_apart_on_new_pictures(head: MaskHead, source: Source) -> None:
    new = toy_masks(3, side=30, seed=9)
    for mask, truth in zip(head.annotate(source, new.items, engine=Engine()), new.y, strict=True):
        assert mask.instances().max() == truth.instances().max() == 2
        assert (mask.classes() == truth.classes()).mean() > 0.95


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "tree"),
        ("lambda", float("nan")),
        ("lambda", True),
        ("settings", None),
        ("settings", {"stride": 3}),
        ("decoder", {}),
        ("decoder", {"boundary": False}),
    ],
)
def test_damaged_facts_are_refused(head: MaskHead, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        MaskHead.from_saved(head.tensors(), {**head.facts(), name: value}, DATA.task)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", np.zeros((9, 2), np.float32)),
        ("weight", np.full((9, 3), np.nan, np.float32)),
        ("weight", np.zeros((9, 3), np.int64)),
        ("bias", np.zeros(2, np.float32)),
        ("bias", np.zeros((3, 1), np.float32)),
    ],
)
def test_damaged_tensors_are_refused(head: MaskHead, name: str, value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="masks"):
        MaskHead.from_saved({**head.tensors(), name: value}, head.facts(), DATA.task)  # type: ignore[arg-type]


def test_a_saved_head_that_would_fill_the_memory_is_refused(head: MaskHead) -> None:
    settings = {**head.facts()["settings"], "limit": 8192, "stride": 1}
    tensors = {**head.tensors(), "weight": np.zeros((1000, 3), np.float32)}
    with pytest.raises(ValueError, match="lower the limit"):
        MaskHead.from_saved(tensors, {**head.facts(), "settings": settings}, DATA.task)  # type: ignore[arg-type]


def test_large_pictures_are_encoded_alone(head: MaskHead, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_rows, "BATCH_BYTES", 1)
    done: list[int] = []
    found = head.annotate(source, DATA.items, engine=Engine(), progress=lambda k, _n, _text="": done.append(k))
    assert done == [1, 2, 3, 4]
    assert [mask.size for mask in found] == [(30, 30)] * 4
