"""The contracting half of a small U-Net, which is trained from random weights: the baseline of transfer.

Reference: Ronneberger, Fischer & Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation".
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["PlainEncoder"]

WIDTHS = (32, 48, 64, 96, 128)
GROUP = 8


class PlainEncoder(nn.Module):
    """Maps at strides 2 to 32, each by two convolutions after pooling.

    Examples:
        >>> import torch
        >>> encoder = PlainEncoder()
        >>> [tuple(found.shape[1:]) for found in encoder(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))][::2]
        [(32, 32, 32), (64, 8, 8), (128, 2, 2)]
    """

    widths = WIDTHS
    strides = (2, 4, 8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), *_convolution(before, width), *_convolution(width, width))
            for before, width in zip((16, *WIDTHS), WIDTHS, strict=False)
        )
        self.stem = nn.Sequential(*_convolution(3, 16))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Maps of pictures (n, height, width, 3) uint8, finest first."""
        found = self.stem(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1)
        maps = []
        for stage in self.stages:
            found = stage(found)
            maps.append(found)
        return maps


def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.GroupNorm(outputs // GROUP, outputs), nn.ReLU()]
