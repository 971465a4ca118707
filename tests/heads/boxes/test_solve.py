"""The solved head is the weighted ridge, and left-out pictures are those of fits without them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from headstart.annotations import Boxes
from headstart.engine.body.machine import BF16_SWITCH
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.heads.boxes.cells import centres, object_cells
from headstart.heads.boxes.solve import SolvedFit, _choose, _sample, _Solved, solve_boxes
from headstart.heads.boxes.solved import STRIDE, SolvedBoxes
from headstart.heads.boxes.sums import ridge_weights, sum_cells
from headstart.sources.positions.maps import maps_of
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo, Task

SIDE = 64
TORCH = Engine(backend="torch", cache=False)


def drawn(seed: int) -> tuple[np.ndarray, Boxes]:
    """Grey noise with a red and, at times, a blue square."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(100, 150, (48, 80, 3)).astype(np.uint8)
    boxes, labels = [], []
    for channel in (0, 2)[: 1 + seed % 2]:
        x, y, side = rng.integers(0, 60), rng.integers(0, 30), rng.integers(12, 18)
        picture[y : y + side, x : x + side] = 0
        picture[y : y + side, x : x + side, channel] = 255
        boxes.append([x, y, x + side, y + side])
        labels.append(channel // 2)
    return picture, Boxes(np.array(boxes), np.array(labels), (80, 48))


@pytest.fixture(scope="module", autouse=True)
def fp32() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(BF16_SWITCH, "0")
        yield


@pytest.fixture(scope="module")
def source() -> TimmSource:
    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


@pytest.fixture(scope="module")
def pictures() -> tuple[list[np.ndarray], list[Boxes]]:
    made = [drawn(seed) for seed in range(12)]
    return [one for one, _ in made], [boxes for _, boxes in made]


@pytest.fixture(scope="module")
def fitted(source: TimmSource, pictures: tuple[list[np.ndarray], list[Boxes]]) -> SolvedFit:
    return solve_boxes(source, *pictures, 2, side=SIDE, engine=TORCH)


def test_the_heat_is_the_weighted_ridge(source, pictures, fitted) -> None:  # type: ignore[no-untyped-def]
    items, truth = pictures
    cells, head = SIDE // STRIDE, fitted.head
    encoded = extract(maps_of(source, head.settings), items, engine=TORCH).rows.reshape(len(items), cells**2, -1)
    rows = np.concatenate([head.seen(one) for one in encoded])
    squares = [Boxes(one.xyxy / (80, 48, 80, 48) * SIDE, one.labels) for one in truth]
    scale = (float(STRIDE), *head.usual)
    targets = [object_cells(one, centres(cells, STRIDE), 2, scale) for one in squares]
    heat, weights = np.concatenate([t.heat for t in targets]), np.concatenate([t.weights for t in targets])
    mean, target_mean = weights @ rows / weights.sum(), weights @ heat / weights.sum()
    scaled = rows - mean
    gram = (scaled * weights[:, None]).T @ scaled
    inner = np.linalg.solve(
        gram + head.penalties[0] * np.eye(len(gram)), (scaled * weights[:, None]).T @ (heat - target_mean)
    )
    np.testing.assert_allclose(rows @ head.heat[:-1] + head.heat[-1], target_mean + scaled @ inner, atol=1e-6)


def test_left_out_pictures_equal_a_fit_without_them(source, pictures, fitted) -> None:  # type: ignore[no-untyped-def]
    items, truth = pictures
    usual, codes = fitted.head.usual, np.arange(len(items))
    maps, sample, head = maps_of(source, fitted.head.settings), [3], fitted.head

    def sums(kept: list[int], wanted: set[int]):  # type: ignore[no-untyped-def]
        own = [items[k] for k in kept], [truth[k] for k in kept]
        return sum_cells(*own, maps, head, classes=2, wanted=wanted, engine=TORCH)

    every = sums(codes.tolist(), set(sample))
    solved = _Solved.of(every)
    blank = SolvedBoxes(maps.settings, head.columns, np.empty((0, 2)), np.empty((0, 4)), usual, head.calibration)
    [left_out] = _choose(solved, blank, every, [truth[3]], codes[sample]).found
    without = sums([k for k in codes.tolist() if k != 3], set())
    # the same columns and the same λ as with all pictures
    from headstart.heads.boxes.solve import _mean
    from headstart.linear.spectrum import Spectrum

    choice = _choose(solved, blank, every, [truth[3]], codes[sample])
    heat, box = (
        ridge_weights(Spectrum.from_moments(moments), factor * _mean(full))
        for moments, factor, full in zip(
            (without.heat, without.box), choice.factors, (solved.heat, solved.box), strict=True
        )
    )
    rows = every.rows[3]
    again = blank.detect(rows @ heat[:-1] + heat[-1], rows @ box[:-1] + box[-1], truth[3].size)
    np.testing.assert_allclose(left_out.xyxy, again.xyxy, atol=1e-6)
    np.testing.assert_allclose(left_out.scores, again.scores, atol=1e-8)


def test_it_finds_squares_and_says_how_sure_it_is(source, fitted) -> None:  # type: ignore[no-untyped-def]
    assert fitted.ap50 is not None
    assert fitted.ap50 > 0.3
    assert sum(row["chosen"] for row in fitted.candidates) == 1
    new, true = drawn(100)
    [found] = fitted.head.annotate(source, [new], engine=TORCH)
    assert found.size == true.size
    assert found.scores is not None
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert found.shown == fitted.head.shown


def test_groups_are_left_out_together(source, pictures) -> None:  # type: ignore[no-untyped-def]
    items, truth = pictures
    made = solve_boxes(source, items, truth, 2, groups=np.zeros(len(items), np.int64), side=SIDE, engine=TORCH)
    assert made.ap50 is None
    assert len(made.left_out) == 0


def test_without_a_box_there_is_nothing_to_solve(source) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="no box"):
        solve_boxes(source, [drawn(0)[0]], [Boxes.empty((80, 48))], 2, side=SIDE, engine=TORCH)


def test_a_saved_head_finds_the_same(source, fitted) -> None:  # type: ignore[no-untyped-def]
    head, task = fitted.head, Task("box", ("red", "blue"))
    again = SolvedBoxes.from_saved(head.tensors(), head.facts(), task)
    picture = [drawn(50)[0]]
    first, second = (one.annotate(source, picture, engine=TORCH)[0] for one in (head, again))
    np.testing.assert_array_equal(first.xyxy, second.xyxy)


@pytest.mark.parametrize(
    ("tensor", "fact"),
    [
        ({"boxes.heat": np.full((3, 2), np.nan)}, {}),
        ({"boxes.box": np.zeros((5, 4))}, {}),
        ({}, {"usual": [0, 1]}),
        ({}, {"calibration": {"slope": -1, "intercept": 0, "shown": 0.5}}),
        ({}, {"maps": {"stride": 16, "fit": "own"}}),
        ({}, {"maps": []}),
    ],
)
def test_damaged_heads_are_refused(fitted, tensor, fact) -> None:  # type: ignore[no-untyped-def]
    head = fitted.head
    with pytest.raises(ValueError, match=r"\w"):
        SolvedBoxes.from_saved({**head.tensors(), **tensor}, {**head.facts(), **fact}, Task("box", ("red", "blue")))


def test_cells_that_would_fill_the_memory_are_refused(fitted) -> None:  # type: ignore[no-untyped-def]
    head = fitted.head
    maps = head.facts()["maps"] | {"stride": 1, "window": [2048, 2048]}
    with pytest.raises(ValueError, match="have 4194304 cells of"):
        SolvedBoxes.from_saved(head.tensors(), {**head.facts(), "maps": maps}, Task("box", ("red", "blue")))


def test_at_most_32_pictures_are_left_out_whatever_the_groups() -> None:
    """The kind: the first group was taken whole, and the rows of a thousand pictures filled the memory."""
    large, mixed = np.repeat([0, 1], 200), np.concatenate([np.zeros(200, int), np.arange(1, 11)])
    for seed in range(3):
        part = _sample(large, seed)
        assert len(part) == 32
        assert len(np.unique(large[part])) == 1
        assert _sample(mixed, seed).tolist() == list(range(200, 210))
