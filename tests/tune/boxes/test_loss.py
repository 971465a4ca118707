"""The loss is finite where it must be, and each object has cells that answer for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.heads.boxes.network import DenseHead, HeadShape, Predictions, decode_boxes, points_of
from headstart.tune.boxes.loss import Objects, assign_cells, detection_loss, distance_iou, quality_focal

SIZES = [(8, 8), (4, 4)]


def predictions(raw: torch.Tensor | None = None, classes: int = 2) -> Predictions:
    points, sides = points_of(SIZES)
    raw = torch.zeros(1, len(points), 4) if raw is None else raw
    logits = torch.zeros(1, len(points), classes)
    return Predictions(torch.zeros(1, len(points)), decode_boxes(raw, points, sides), logits)


def objects(*boxes: tuple[float, float, float, float]) -> Objects:
    none = torch.zeros(len(boxes), dtype=torch.long)
    return Objects(torch.tensor(boxes).reshape(-1, 4), none, none)


def test_the_overlap_equals_torchvision() -> None:
    from torchvision.ops import distance_box_iou

    rng = np.random.default_rng(0)
    corner = torch.tensor(rng.random((50, 2, 2)))
    boxes = torch.cat([corner, corner + torch.tensor(rng.uniform(0.05, 0.5, (50, 2, 2)))], dim=2)
    wanted = distance_box_iou(boxes[:, 0], boxes[:, 1]).diagonal()
    assert torch.allclose(distance_iou(boxes[:, 0], boxes[:, 1]), wanted, atol=1e-5)


def test_the_gradient_is_finite_where_centres_coincide() -> None:
    """The published loss divides by the distance of the centres."""
    raw = torch.zeros(1, 80, 4, requires_grad=True)
    found = predictions(raw)
    cell = points_of(SIZES)[0][9]
    box = torch.cat([cell - 0.25, cell + 0.25])  # exactly what the cell says
    loss = detection_loss(found, Objects(box[None], torch.zeros(1).long(), torch.zeros(1).long()), SIZES)
    loss.backward()
    assert torch.isfinite(loss)
    assert raw.grad is not None
    assert torch.isfinite(raw.grad).all()


def test_boxes_without_area_have_a_finite_loss() -> None:
    raw = torch.full((1, 80, 4), -50.0, requires_grad=True)
    loss = detection_loss(predictions(raw), objects((0.5, 0.5, 0.5, 0.5)), SIZES)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(raw.grad).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.05, 0.05), (0.95, 0.95, 1.0, 1.0), (0.0, 0.4, 0.02, 0.6), (0.97, 0.0, 1.0, 0.03)]
)
def test_objects_in_the_first_and_last_row_and_column_have_cells(box: tuple[float, float, float, float]) -> None:
    """The published assignment loses objects in row or column 0."""
    at, which = assign_cells(predictions(), objects(box), SIZES)
    assert len(at) >= 1
    assert which.unique().tolist() == [0]
    points = torch.cat([points_of(SIZES)[0]])
    middle = torch.tensor([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    assert ((points[at] - middle).abs() <= 0.25 + 1e-6).all()


def test_pictures_that_are_not_square_have_all_their_cells() -> None:
    sizes = [(2, 6)]
    points, sides = points_of(sizes)
    found = Predictions(torch.zeros(1, 12), decode_boxes(torch.zeros(1, 12, 4), points, sides), torch.zeros(1, 12, 2))
    at, _ = assign_cells(found, objects((0.8, 0.6, 1.0, 1.0)), sizes)
    assert set(at.tolist()) <= {5, 10, 11}


def test_a_cell_answers_for_one_object_only() -> None:
    both = objects((0.3, 0.3, 0.7, 0.7), (0.31, 0.31, 0.69, 0.69), (0.3, 0.3, 0.7, 0.7))
    at, which = assign_cells(predictions(), both, SIZES)
    assert len(at.unique()) == len(at)
    assert len(which) == len(at)


def test_objects_of_other_pictures_get_cells_of_their_own() -> None:
    one = predictions()
    found = Predictions(one.objects.repeat(2, 1), one.boxes.repeat(2, 1, 1), one.classes.repeat(2, 1, 1))
    box = (0.3, 0.3, 0.7, 0.7)
    made = Objects(torch.tensor([box, box]), torch.zeros(2).long(), torch.tensor([0, 1]))
    at, which = assign_cells(found, made, SIZES)
    assert ((at >= 80) == (which == 1)).all()


def test_ignored_cells_cost_nothing() -> None:
    empty = Objects(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0).long())
    found = predictions()
    some = objects((0.3, 0.3, 0.7, 0.7))
    everywhere = torch.ones(1, 80, dtype=torch.bool)
    assert detection_loss(found, some, SIZES, everywhere) < detection_loss(found, some, SIZES)
    assert detection_loss(found, empty, SIZES) > 0


def test_without_an_object_ignored_cells_cost_nothing_and_the_loss_is_a_mean_over_pictures() -> None:
    """The kind: a batch without objects forgot its ignored regions and cost more the more pictures it had."""
    empty = Objects(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0).long())
    found = predictions()
    assert detection_loss(found, empty, SIZES, torch.ones(1, 80, dtype=torch.bool)) == 0
    twice = Predictions(
        *(value.repeat(2, *[1] * (value.ndim - 1)) for value in (found.objects, found.boxes, found.classes))
    )
    assert float(detection_loss(twice, empty, SIZES)) == pytest.approx(float(detection_loss(found, empty, SIZES)))


def test_quality_focal_is_least_at_its_target() -> None:
    target = torch.full((99,), 0.3)
    logits = torch.logit(torch.linspace(0.01, 0.99, 99))
    assert abs(float(logits.sigmoid()[quality_focal(logits, target).argmin()]) - 0.3) < 0.01


def test_a_few_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    head = DenseHead(HeadShape((8, 16), (4, 6), 2))
    maps = [torch.rand(2, 4, 8, 8), torch.rand(2, 6, 4, 4)]
    made = Objects(
        torch.tensor([[0.1, 0.1, 0.4, 0.4], [0.5, 0.5, 0.9, 0.8]]), torch.tensor([0, 1]), torch.tensor([0, 1])
    )
    optimizer, losses = torch.optim.AdamW(head.parameters(), 3e-3), []
    for _ in range(12):
        loss = detection_loss(head(maps), made, SIZES)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
