"""The loss of a dense detector: which cells answer for an object, and what their answers cost.

References: Li et al. 2020, "Generalized Focal Loss" (quality focal loss); Zheng et al. 2020, "Distance-IoU Loss";
Ge et al. 2021, "YOLOX" (the number of cells of an object follows from their overlaps).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from headstart.heads.boxes.network import Predictions

__all__ = ["Objects", "assign_cells", "detection_loss", "distance_iou", "quality_focal"]

BOX, OBJECT, CLASS = 2.0, 1.0, 0.5  # weights of the three parts
FOCUS = 2.0  # the exponent of the quality focal loss
BOX_COST = 3.0  # of a poor overlap in the assignment, as in YOLOX
TINY = 1e-7


def paired_iou(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """(...,) intersection over union of boxes pair by pair, and the penalty of distant centres of Distance-IoU."""
    shared = (torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])).clamp(0)
    areas = [(box[..., 2:] - box[..., :2]).clamp(0).prod(-1) for box in (first, second)]
    inside = shared.prod(-1)
    iou = inside / (areas[0] + areas[1] - inside + TINY)
    around = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    centres = (first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2
    return iou, centres.square().sum(-1) / (around.square().sum(-1) + TINY)


def distance_iou(first: Tensor, second: Tensor) -> Tensor:
    """Distance-IoU of boxes, pair by pair: the overlap minus the squared distance of the centres, in [-1, 1].

    It is finite, and so is its gradient, where centres coincide and where a box has no area.

    Args:
        first: (..., 4) left, top, right, bottom.
        second: (..., 4).

    Examples:
        >>> box = torch.tensor([0.0, 0.0, 2.0, 2.0])
        >>> round(float(distance_iou(box, box)), 4), round(float(distance_iou(box, box + 2)), 4)
        (1.0, -0.25)
    """
    iou, penalty = paired_iou(first, second)
    return iou - penalty


def quality_focal(logits: Tensor, target: Tensor) -> Tensor:
    """The quality focal loss of each logit: |t - p|² times the cross-entropy with the target t in [0, 1].

    Examples:
        >>> quality_focal(torch.tensor([0.0, 9.0]), torch.tensor([0.5, 1.0])).round(decimals=3)
        tensor([0., 0.])
    """
    weight = (target - logits.sigmoid()).abs().pow(FOCUS)
    return weight * functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of a batch.

    Attributes:
        boxes: (M, 4) left, top, right and bottom as shares of their picture.
        labels: (M,) class codes.
        owners: (M,) position of each object's picture in the batch.
    """

    boxes: Tensor
    labels: Tensor
    owners: Tensor


def assign_cells(found: Predictions, objects: Objects, sizes: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Which cells answer for which object.

    Of each level, the four cells around an object's centre may answer, fewer at the border. As many of them do as the
    sum of their overlaps says, at least one: those with the least cost. A cell that several objects want belongs to the
    one that it costs least.

    Args:
        found: what the head says now.
        objects: of all pictures of the batch.
        sizes: (height, width) of each level.

    Returns:
        (A,) indices into the n P cells of the batch, each once; (A,) the object that each answers for.

    Examples:
        >>> from headstart.heads.boxes.network import DenseHead, HeadShape
        >>> found = DenseHead(HeadShape((16,), (96,), 1))([torch.zeros(1, 96, 4, 4)])
        >>> corner = Objects(torch.tensor([[0.0, 0, 0.1, 0.1]]), torch.zeros(1).long(), torch.zeros(1).long())
        >>> at, which = assign_cells(found, corner, [(4, 4)])
        >>> int(at[0]) in (0, 1, 4, 5), which.unique()
        (True, tensor([0]))
    """
    boxes, labels, owners = objects.boxes, objects.labels, objects.owners
    with torch.no_grad():
        cells, valid = _candidates(boxes, sizes)  # (M, K) cell of a picture
        total = found.objects.shape[1]
        flat = owners[:, None] * total + cells
        iou, _ = paired_iou(found.boxes.reshape(-1, 4)[flat], boxes[:, None])
        chance = (
            found.scores()
            .reshape(-1, found.classes.shape[-1])[flat]
            .gather(2, labels[:, None, None].expand(-1, flat.shape[1], 1))[..., 0]
        )
        cost = -(chance + TINY).log() - BOX_COST * (iou + TINY).log()
        cost = cost.masked_fill(~valid, float("inf"))
        count = (iou * valid).sum(1).round().clamp(1).long()
        rank = cost.argsort(dim=1).argsort(dim=1)
        chosen = valid & (rank < count[:, None])
        rows, columns = chosen.nonzero(as_tuple=True)
        at, price = flat[rows, columns], cost[rows, columns]
        order = price.argsort(descending=True)
        winner = torch.full((len(found.objects) * total,), -1, dtype=torch.long, device=boxes.device)
        winner = _last_write(winner, at[order], rows[order])
        used = (winner >= 0).nonzero()[:, 0]
        return used, winner[used]


def _last_write(target: Tensor, index: Tensor, values: Tensor) -> Tensor:
    """``target[index] = values`` where of equal indices the last counts, on every device."""
    place = torch.arange(len(index), device=index.device)
    last = torch.full_like(target, -1).scatter_reduce(0, index, place, "amax")
    hit = last >= 0
    target[hit] = values[last[hit]]
    return target


def _candidates(boxes: Tensor, sizes: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """(M, 4 x levels) cells around each centre, and which of them are in the picture."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    cells, valid, start = [], [], 0
    for height, width in sizes:
        scale = torch.tensor([width, height], device=boxes.device)
        corner = (centres * scale).floor()
        for dx in (0, 1):
            for dy in (0, 1):
                at = corner + torch.tensor([dx, dy], device=boxes.device)
                valid.append(((at >= 0) & (at < scale)).all(1))
                inside = torch.minimum(at.clamp(0), scale - 1).long()
                cells.append(start + inside[:, 1] * width + inside[:, 0])
        start += height * width
    return torch.stack(cells, 1), torch.stack(valid, 1)


def detection_loss(
    found: Predictions, objects: Objects, sizes: list[tuple[int, int]], outside: Tensor | None = None
) -> Tensor:
    """The loss of a batch: quality focal of the objectness, Distance-IoU of the boxes, cross-entropy of the classes.

    Args:
        found: what the head says.
        objects: of the batch; there may be none.
        sizes: (height, width) of each level.
        outside: (n, P) cells that do not count as empty, such as those in ignored regions; None for none.

    Returns:
        A scalar.

    Examples:
        >>> from headstart.heads.boxes.network import DenseHead, HeadShape
        >>> found = DenseHead(HeadShape((16,), (96,), 1))([torch.zeros(1, 96, 4, 4)])
        >>> none = Objects(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0).long())
        >>> detection_loss(found, none, [(4, 4)]).item() > 0
        True
    """
    target = torch.zeros_like(found.objects).reshape(-1)
    if not len(objects.boxes):
        empty = quality_focal(found.objects.reshape(-1), target)
        counted = 1.0 if outside is None else (~outside.reshape(-1)).to(empty.dtype)
        return OBJECT * (empty * counted).sum() / len(found.objects)  # as if each picture had one cell
    at, which = assign_cells(found, objects, sizes)
    chosen = found.boxes.reshape(-1, 4)[at]
    iou, penalty = paired_iou(chosen, objects.boxes[which])
    target[at] = iou.detach().clamp(0, 1)
    present = quality_focal(found.objects.reshape(-1), target)
    if outside is not None:
        counted = ~outside.reshape(-1)
        counted[at] = True
        present = present * counted
    many = max(len(at), 1)
    classes = functional.cross_entropy(found.classes.reshape(-1, found.classes.shape[-1])[at], objects.labels[which])
    return OBJECT * present.sum() / many + BOX * (1 - iou + penalty).mean() + CLASS * classes
