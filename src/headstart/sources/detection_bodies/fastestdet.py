"""The FastestDet network: a trunk like ShuffleNetV2, spatial pyramid pooling, and its head for objects of one scale.

Module and parameter names are those of the published weights. Written from those weights and the papers.

References: Ma et al. 2018, "ShuffleNet V2"; He et al. 2015, "Spatial Pyramid Pooling in Deep Convolutional Networks";
the weights: FastestDet by dog-qiuqiu, BSD-3-Clause.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CLASSES", "STRIDES", "DetectHead", "FastestDet", "parts_of"]

CLASSES = 80
"""Classes of the published weights: those of COCO."""

STRIDES = {8: "backbone.stage2", 16: "SPP", 32: "backbone.stage4"}
"""The module whose output is the map of each stride."""

REPEATS, WIDTHS, STEM, NECK = (4, 8, 4), (48, 96, 192), 24, 96
MOST_CLASSES = 10_000


def _conv(inner: int, outer: int, kernel: int, stride: int = 1, *, depthwise: bool = False) -> list[nn.Module]:
    groups = inner if depthwise else 1
    conv = nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outer)]


class _Unit(nn.Module):
    """A unit of ShuffleNetV2: half of the channels pass unchanged, or both branches shrink the map."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        width = outer // 2 if stride == 1 else outer - inner
        middle = outer // 2
        self.branch_main = nn.Sequential(
            *_conv(inner, middle, 1), nn.ReLU(),
            *_conv(middle, middle, 3, stride, depthwise=True),
            *_conv(middle, width, 1), nn.ReLU(),
        )  # fmt: skip
        self.branch_proj = None
        if stride == 2:
            self.branch_proj = nn.Sequential(
                *_conv(inner, inner, 3, stride, depthwise=True), *_conv(inner, inner, 1), nn.ReLU()
            )

    def forward(self, x: Tensor) -> Tensor:
        if self.branch_proj is not None:
            return torch.cat([self.branch_proj(x), self.branch_main(x)], dim=1)
        # every second channel passes, the others are computed: the shuffle of the paper
        n, channels, height, width = x.shape
        pairs = x.reshape(n, channels // 2, 2, height, width)
        return torch.cat([pairs[:, :, 0], self.branch_main(pairs[:, :, 1])], dim=1)


class _Trunk(nn.Module):
    """Maps at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.first_conv = nn.Sequential(*_conv(3, STEM, 3, 2), nn.ReLU())
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inner, stages = STEM, []
        for outer, repeats in zip(WIDTHS, REPEATS, strict=True):
            units = [_Unit(inner, outer, 2), *(_Unit(outer // 2, outer, 1) for _ in range(repeats - 1))]
            stages.append(nn.Sequential(*units))
            inner = outer
        self.stage2, self.stage3, self.stage4 = stages

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.stage2(self.maxpool(self.first_conv(x)))
        middle = self.stage3(fine)
        return fine, middle, self.stage4(middle)


class _Mixed(nn.Module):
    """A 1x1 convolution; the name of its only child is that of the weights."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1x1 = nn.Sequential(*_conv(inner, outer, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.conv1x1(x)
        return mixed


class _Pooling(nn.Module):
    """Spatial pyramid pooling by one, two and three depthwise 5x5 convolutions."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.Conv1x1 = _Mixed(inner, width)
        self.S1, self.S2, self.S3 = (
            nn.Sequential(
                *(part for _ in range(depth) for part in (*_conv(width, width, 5, depthwise=True), nn.ReLU()))
            )
            for depth in (1, 2, 3)
        )
        self.output = nn.Sequential(*_conv(3 * width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.Conv1x1(x)
        return functional.relu(x + self.output(torch.cat([self.S1(x), self.S2(x), self.S3(x)], dim=1)))


class _Branch(nn.Module):
    """A depthwise 5x5 convolution, then the outputs."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.conv5x5 = nn.Sequential(*_conv(width, width, 5, depthwise=True), nn.ReLU(), *_conv(width, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv5x5(x)
        return found

    @property
    def bias(self) -> Tensor:
        """(outputs,) what is added to the outputs in the end, of the last normalisation."""
        found: Tensor = self.conv5x5[-1].get_parameter("bias")
        return found


class DetectHead(nn.Module):
    """The outputs of each cell: objectness, four numbers of a box, and a score for each class.

    Args:
        width: channels of the map.
        classes: number of classes.

    Examples:
        >>> [tuple(part.shape) for part in DetectHead(96, 3)(torch.ones(2, 96, 4, 5))]
        [(2, 1, 4, 5), (2, 4, 4, 5), (2, 3, 4, 5)]
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.conv1x1 = _Mixed(width, width)
        self.obj_layers = _Branch(width, 1)
        self.reg_layers = _Branch(width, 4)
        self.cls_layers = _Branch(width, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The three maps as logits."""
        x = self.conv1x1(x)
        return self.obj_layers(x), self.reg_layers(x), self.cls_layers(x)


class FastestDet(nn.Module):
    """The network, or only its trunk.

    Args:
        neck: whether the pooling at stride 16 is there.
        classes: classes of its own detection head; 0 for none.

    Examples:
        >>> body = FastestDet().eval()
        >>> body(torch.zeros(1, 3, 64, 96)).shape, body.detections(torch.zeros(1, 3, 64, 64)).shape
        (torch.Size([1, 96, 4, 6]), torch.Size([1, 85, 4, 4]))
    """

    def __init__(self, *, neck: bool = True, classes: int = CLASSES) -> None:
        super().__init__()
        self.backbone = _Trunk()
        self.SPP = _Pooling(sum(WIDTHS), NECK) if neck else None
        self.detect_head = DetectHead(NECK, classes) if neck and classes else None

    def forward(self, x: Tensor) -> Tensor:
        """The deepest map: of the neck at stride 16, or of the trunk at stride 32.

        Args:
            x: (n, 3, height, width), channels blue, green, red in [0, 1].
        """
        fine, middle, coarse = self.backbone(x)
        if self.SPP is None:
            found: Tensor = coarse
            return found
        shrunk = functional.avg_pool2d(fine, 3, 2, 1)
        grown = functional.interpolate(coarse, size=middle.shape[2:], mode="nearest")
        pooled: Tensor = self.SPP(torch.cat([shrunk, middle, grown], dim=1))
        return pooled

    def detections(self, x: Tensor) -> Tensor:
        """(n, 5 + classes, height / 16, width / 16): objectness, four raw numbers of a box, probabilities of classes.

        Raises:
            ValueError: without a detection head.
        """
        if self.detect_head is None:
            raise ValueError("this network has no detection head")
        objects, boxes, classes = self.detect_head(self(x))
        return torch.cat([objects.sigmoid(), boxes, classes.softmax(1)], dim=1)


def parts_of(shapes: Mapping[str, Collection[int]]) -> tuple[bool, int]:
    """Whether stored weights hold the neck, and the number of classes of their detection head (0 without one).

    Args:
        shapes: name of each tensor to its shape.

    Raises:
        ValueError: for a head of more than 10,000 classes.

    Examples:
        >>> parts_of({"backbone.first_conv.0.weight": (24, 3, 3, 3)})
        (False, 0)
    """
    neck = any(name.startswith("SPP.") for name in shapes)
    last = [
        tuple(shape) for name, shape in shapes.items() if re.fullmatch(r"detect_head\.cls_layers\..*\.3\.weight", name)
    ]
    classes = int(last[0][0]) if last else 0
    if classes > MOST_CLASSES:
        raise ValueError(f"a detection head of {classes} classes, more than {MOST_CLASSES}")
    return neck, classes
