"""A dense head for boxes as a torch module: maps at several strides in, one objectness, box and classes a cell out.

It is anchor-free: each cell may hold one object. The cell in column i and row j of stride s says a box with the centre
x = s (i + tanh a), y = s (j + tanh b) and the sides w = W f(c), h = H f(d), with the logistic function f, in a picture
of W x H pixels. That is the form of FastestDet, so that its weights can start the head.

References: Tian et al. 2019, "FCOS"; Lin et al. 2017, "Feature Pyramid Networks for Object Detection".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headstart.sources.detection_bodies.fastestdet import DetectHead

__all__ = ["DenseHead", "HeadShape", "Predictions", "decode_boxes", "points_of"]

WIDTH = 96
RARE = 0.01  # the share of cells with an object that a new head starts from


@dataclass(frozen=True)
class HeadShape:
    """What determines the parameters of a dense head.

    Attributes:
        strides: of the maps, finest first.
        widths: channels of each map.
        classes: number of classes.
        pyramid: whether a feature pyramid network mixes the maps; one map alone needs none.

    Examples:
        >>> HeadShape((8, 16), (48, 96), 3).pyramid
        True
    """

    strides: tuple[int, ...]
    widths: tuple[int, ...]
    classes: int

    @property
    def pyramid(self) -> bool:
        """Whether a feature pyramid network mixes the maps."""
        return len(self.strides) > 1 or self.widths[0] != WIDTH


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a dense head says of each of P cells, all levels one after the other.

    Attributes:
        objects: (n, P) logits that a cell holds an object.
        boxes: (n, P, 4) left, top, right and bottom as shares of the picture.
        classes: (n, P, C) logits.

    Examples:
        >>> Predictions(torch.zeros(1, 2), torch.zeros(1, 2, 4), torch.zeros(1, 2, 2)).scores()
        tensor([[[0.2500, 0.2500],
                 [0.2500, 0.2500]]])
    """

    objects: Tensor
    boxes: Tensor
    classes: Tensor

    def scores(self) -> Tensor:
        """(n, P, C) the product of objectness and class probability."""
        return self.objects.sigmoid()[..., None] * self.classes.softmax(-1)


def points_of(sizes: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """The cells of maps: their points as shares of the picture, and the side of each cell.

    Args:
        sizes: (height, width) of each map.

    Returns:
        (P, 2) x and y; (P, 2) width and height of the cell.

    Examples:
        >>> points_of([(1, 2)])
        (tensor([[0.0000, 0.0000],
                [0.5000, 0.0000]]), tensor([[0.5000, 1.0000],
                [0.5000, 1.0000]]))
    """
    points, sides = [], []
    for height, width in sizes:
        y, x = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
        points.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
        sides.append(torch.tensor([1 / width, 1 / height]).expand(height * width, 2))
    return torch.cat(points), torch.cat(sides)


def decode_boxes(raw: Tensor, points: Tensor, sides: Tensor) -> Tensor:
    """The boxes of raw outputs, left, top, right and bottom as shares of the picture.

    Args:
        raw: (..., P, 4).
        points: (P, 2) from `points_of`.
        sides: (P, 2) from `points_of`.

    Examples:
        >>> decode_boxes(torch.zeros(1, 4), torch.tensor([[0.5, 0.5]]), torch.tensor([[0.1, 0.1]]))
        tensor([[0.2500, 0.2500, 0.7500, 0.7500]])
    """
    centres = points + torch.tanh(raw[..., :2]) * sides
    half = torch.sigmoid(raw[..., 2:]) / 2
    return torch.cat([centres - half, centres + half], dim=-1)


class DenseHead(nn.Module):
    """A feature pyramid network, where there are several maps, and the outputs of each level.

    Args:
        shape: of the maps and the classes.

    Examples:
        >>> head = DenseHead(HeadShape((8, 16), (4, 6), classes=3))
        >>> found = head([torch.ones(2, 4, 8, 8), torch.ones(2, 6, 4, 4)])
        >>> found.boxes.shape, found.scores().shape
        (torch.Size([2, 80, 4]), torch.Size([2, 80, 3]))
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.shape = shape
        self.pyramid = None
        if shape.pyramid:
            from torchvision.ops import FeaturePyramidNetwork

            self.pyramid = FeaturePyramidNetwork(list(shape.widths), WIDTH)
        self.levels = nn.ModuleList(DetectHead(WIDTH, shape.classes) for _ in shape.strides)

    def forward(self, maps: Sequence[Tensor]) -> Predictions:
        """What the head says of each cell.

        Args:
            maps: (n, channels, height, width) of each level, finest first.
        """
        if self.pyramid is not None:
            maps = list(self.pyramid({str(k): level for k, level in enumerate(maps)}).values())
        points, sides = points_of([(int(level.shape[2]), int(level.shape[3])) for level in maps])
        found = [head(level) for head, level in zip(self.levels, maps, strict=True)]
        objects, raw, classes = (
            torch.cat([part.flatten(2).transpose(1, 2).float() for part in parts], dim=1)
            for parts in zip(*found, strict=True)
        )
        points, sides = points.to(raw.device), sides.to(raw.device)
        return Predictions(objects[..., 0], decode_boxes(raw, points, sides), classes)

    @property
    def heads(self) -> list[DetectHead]:
        """The head of each level."""
        return [head for head in self.levels if isinstance(head, DetectHead)]

    def begin(self, sizes: Tensor) -> None:
        """Start a new head from what is known: few cells hold an object, and boxes are of the usual size.

        Args:
            sizes: (2,) usual width and height of a box as shares of the picture.
        """
        with torch.no_grad():
            for head in self.heads:
                head.obj_layers.bias.fill_(math.log(RARE / (1 - RARE)))
                head.reg_layers.bias[2:] = torch.logit(sizes.clamp(0.01, 0.95))

    def begin_from(self, trained: Mapping[str, Tensor], own: int) -> None:
        """Start from a trained head of one level, whose map is the input of level ``own``.

        All levels get its weights except for the last convolution of the classes. The pyramid starts as the identity of
        that map, which finer levels see enlarged.

        Args:
            trained: the tensors of a `DetectHead`, by name.
            own: position of the level.
        """
        with torch.no_grad():
            for head in self.levels:
                state = head.state_dict()
                state.update({k: v for k, v in trained.items() if k in state and state[k].shape == v.shape})
                head.load_state_dict(state)
            if self.pyramid is None:
                return
            for k, inner in enumerate(self.pyramid.inner_blocks):
                for part in inner.modules():
                    if isinstance(part, nn.Conv2d):
                        part.weight.zero_()
                        if k == own:
                            part.weight[:, :, 0, 0] = torch.eye(*part.weight.shape[:2])
            for part in self.pyramid.layer_blocks.modules():
                if isinstance(part, nn.Conv2d):
                    nn.init.dirac_(part.weight)
