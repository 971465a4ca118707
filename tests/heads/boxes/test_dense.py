"""The trained head: saved as it is, and refused where it is damaged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.engine.options import Engine
from headstart.heads.boxes.calibration import ScoreCalibration
from headstart.heads.boxes.dense import DenseBoxes
from headstart.heads.boxes.network import DenseHead, HeadShape, decode_boxes, points_of
from headstart.sources.positions.pyramid import Level, levels_of
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo, Task

TORCH = Engine(backend="torch", cache=False)
TASK = Task("box", ("red", "blue"))


@pytest.fixture(scope="module")
def source() -> TimmSource:
    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


@pytest.fixture(scope="module")
def head(source: TimmSource) -> DenseBoxes:
    levels = levels_of(source, 64)[1:3]
    torch.manual_seed(0)
    network = DenseHead(HeadShape(tuple(k.stride for k in levels), tuple(k.width for k in levels), 2))
    state = {k: v.numpy() for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    return DenseBoxes(levels, 64, 2, state, ScoreCalibration(1.5, 0.2, 0.4))


def test_a_saved_head_finds_the_same(source: TimmSource, head: DenseBoxes) -> None:
    again = DenseBoxes.from_saved(head.tensors(), head.facts(), TASK)
    pictures = [np.random.default_rng(k).integers(0, 255, (50, 70, 3)).astype(np.uint8) for k in range(3)]
    first, second = (one.annotate(source, pictures, engine=TORCH) for one in (head, again))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.xyxy, other.xyxy)
        assert one.size == (70, 50)
        assert one.shown == 0.4
        assert (one.xyxy >= 0).all()
        assert (one.xyxy <= [70, 50, 70, 50]).all()


@pytest.mark.parametrize(
    "fact",
    [
        {"levels": []},
        {"levels": [[8, "layer2", 10**9]]},
        {"levels": [[8, "layer2", 64]]},
        {"levels": [[8, 3, 64]]},
        {"side": 10**6},
        {"side": "64"},
        {"calibration": {"slope": float("nan"), "intercept": 0, "shown": 0.5}},
    ],
)
def test_damaged_facts_are_refused(head: DenseBoxes, fact: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        DenseBoxes.from_saved(head.tensors(), {**head.facts(), **fact}, TASK)


def test_numbers_that_are_not_finite_are_refused(head: DenseBoxes) -> None:
    name, value = next(iter(head.tensors().items()))
    with pytest.raises(ValueError, match="not finite"):
        DenseBoxes.from_saved({**head.tensors(), name: np.full_like(value, np.inf)}, head.facts(), TASK)


def test_raw_numbers_decode_to_the_boxes_that_they_encode() -> None:
    points, sides = points_of([(4, 6), (2, 3)])
    rng = np.random.default_rng(0)
    offset, size = (
        torch.tensor(rng.uniform(-0.9, 0.9, (len(points), 2))),
        torch.tensor(rng.uniform(0.05, 0.9, (len(points), 2))),
    )
    raw = torch.cat([torch.atanh(offset), torch.logit(size)], dim=1)
    centres = points + offset * sides
    wanted = torch.cat([centres - size / 2, centres + size / 2], dim=1)
    assert torch.allclose(decode_boxes(raw, points.double(), sides.double()), wanted, atol=1e-6)


def test_a_head_begins_as_the_head_that_it_starts_from() -> None:
    torch.manual_seed(0)
    known = DenseHead(HeadShape((16,), (96,), 3)).eval()
    new = DenseHead(HeadShape((8, 16), (48, 96), 2)).eval()
    new.begin_from(known.levels[0].state_dict(), 1)
    coarse = torch.rand(1, 96, 4, 4)
    one, both = known([coarse]), new([torch.rand(1, 48, 8, 8), coarse])
    assert torch.allclose(one.boxes, both.boxes[:, 64:], atol=1e-5)
    assert torch.allclose(one.objects, both.objects[:, 64:], atol=1e-5)


def test_levels_have_names_of_bounded_length() -> None:
    assert Level(8, "layer2", 64).width == 64
    with pytest.raises(ValueError, match="a level of the head"):
        DenseBoxes.from_saved({}, {"levels": [[8, "x" * 300, 64]], "side": 64}, TASK)


def test_maps_that_would_fill_the_memory_are_refused() -> None:
    facts = {"levels": [[1, "layer2", 8192]], "side": 2048, "calibration": {"slope": 1, "intercept": 0, "shown": 0.5}}
    with pytest.raises(ValueError, match="the maps of 16 pictures have 549755813888 numbers"):
        DenseBoxes.from_saved({}, facts, TASK)
