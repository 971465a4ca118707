"""A small decoder of a body's maps: lateral convolutions and a path from the deepest map to the picture's pixels.

Each map is joined with the enlarged result of the deeper ones, as in a U-Net (Ronneberger et al. 2015), after a lateral
1x1 convolution, as in a feature pyramid (Lin et al. 2017). The last step joins the pixels themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from headstart.engine.body.recipe import Forward

__all__ = ["DecoderShape", "MapDecoder", "MaskNetwork"]

WIDTHS = {1: 16, 2: 24, 4: 48, 8: 64, 16: 96, 32: 96}  # channels of the path at each stride
GROUP = 8  # channels that are normalised together
PIXELS = 8  # channels of the pixels' own convolution
LAST = 16


@dataclass(frozen=True)
class DecoderShape:
    """What a decoder reads and gives.

    Attributes:
        widths: channels of the maps, finest first.
        strides: pixels a cell of each, in the same order.
        outputs: classes, that of outlines among them.

    Examples:
        >>> sum(p.numel() for p in MapDecoder(DecoderShape((16, 24, 32, 96, 320), (2, 4, 8, 16, 32), 3)).parameters())
        453603
    """

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    outputs: int


class MapDecoder(nn.Module):
    """Logits of pixels from maps and pixels.

    Args:
        shape: of the maps and of the result.

    Examples:
        >>> decoder = MapDecoder(DecoderShape((4, 8), (2, 8), 3))
        >>> maps = [torch.zeros(1, 4, 16, 16), torch.zeros(1, 8, 4, 4)]
        >>> decoder(maps, torch.zeros(1, 32, 32, 3, dtype=torch.uint8)).shape
        torch.Size([1, 3, 32, 32])
    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        path = [_width(stride) for stride in shape.strides]
        self.lateral = nn.ModuleList(nn.Conv2d(width, own, 1) for width, own in zip(shape.widths, path, strict=True))
        self.join = nn.ModuleList(
            _convolution(own + deeper, own) for own, deeper in zip(path, [*path[1:], 0], strict=True)
        )
        self.narrow = nn.Conv2d(path[0], LAST, 1)
        self.pixels = _convolution(3, PIXELS)
        self.last = _convolution(LAST + PIXELS, LAST)
        self.classes = nn.Conv2d(LAST, shape.outputs, 1)

    def forward(self, maps: Sequence[Tensor], pictures: Tensor) -> Tensor:
        """(n, outputs, height, width) of maps (n, channels, rows, columns) and pictures (n, height, width, 3) uint8."""
        deepest, *finer = reversed(list(zip(self.lateral, self.join, maps, strict=True)))
        below = deepest[1](deepest[0](deepest[2]))
        for lateral, join, found in finer:
            own = lateral(found)
            below = join(torch.cat([own, _enlarged(below, own)], 1))
        colour = self.pixels(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1)
        fine = torch.cat([_enlarged(self.narrow(below), colour), colour], 1)
        logits: Tensor = self.classes(self.last(fine))
        return logits


class MaskNetwork(nn.Module):
    """A body and its decoder.

    Args:
        body: the module that gives the maps.
        read: a function of (body, pictures (n, height, width, 3) uint8) that gives its maps, finest first.
        decoder: of the maps.
        frozen: whether the body stays as it is.

    Examples:
        >>> body = nn.Conv2d(3, 4, 2, stride=2)
        >>> read = lambda module, pictures: [module(pictures.permute(0, 3, 1, 2).float())]
        >>> network = MaskNetwork(body, read, MapDecoder(DecoderShape((4,), (2,), 2)))
        >>> network(torch.zeros(1, 8, 6, 3, dtype=torch.uint8)).shape, network.train().body.training
        (torch.Size([1, 2, 8, 6]), False)
    """

    def __init__(self, body: nn.Module, read: Forward, decoder: MapDecoder, *, frozen: bool = True) -> None:
        super().__init__()
        self.body, self.decoder = body, decoder
        self._read, self._frozen = read, frozen

    def train(self, mode: bool = True) -> MaskNetwork:
        """Training mode of the decoder; a frozen body keeps its statistics."""
        super().train(mode)
        if self._frozen:
            self.body.eval()
        return self

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, outputs, height, width) logits of pictures (n, height, width, 3) uint8."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._frozen):
            maps = self._read(self.body, pictures)
        logits: Tensor = self.decoder(maps, pictures)
        return logits


def _width(stride: int) -> int:
    return WIDTHS[min(WIDTHS, key=lambda known: abs(known - stride))]


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[Any] = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.GroupNorm(outputs // GROUP, outputs)]
    return nn.Sequential(*layers, nn.ReLU())


def _enlarged(found: Tensor, like: Tensor) -> Tensor:
    return interpolate(found, size=like.shape[2:], mode="bilinear", align_corners=False)
