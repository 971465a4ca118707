"""The CIFAR-10 ResNets of He et al. (2016, section 4.2) as headstart sources, with published weights.

The shortcuts are of option A; the names are those of github.com/akamaster/pytorch_resnet_cifar10.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

import headstart

VERSION = "1"  # of the code below; part of the key of stored features
BLOCKS = {20: 3, 56: 9}  # blocks in each of the three stages, by depth


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut that subsamples and pads with zeros."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.pad = stride, (width - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, width, h / stride, w / stride)."""
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        short = x[:, :, :: self.stride, :: self.stride]
        return torch.relu(out + nn.functional.pad(short, (0, 0, 0, 0, self.pad, self.pad)))


class CifarResNet(nn.Module):
    """The body: three stages of 16, 32 and 64 channels."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, 1)
        self.layer2 = _stage(16, 32, blocks, 2)
        self.layer3 = _stage(32, 64, blocks, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 32, 32) to (n, 64, 8, 8)."""
        return self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x))))))  # type: ignore[no-any-return]


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(inputs, width, stride)
    return nn.Sequential(first, *(BasicBlock(width, width, 1) for _ in range(blocks - 1)))


def cifar_source(weights: Path, depth: int) -> Any:
    """A ResNet of this depth with the weights of ``cifar10_resnetDEPTH.safetensors``, as a source."""
    file = weights / f"cifar10_resnet{depth}.safetensors"
    facts = json.loads(file.with_suffix(".json").read_text())
    body = CifarResNet(BLOCKS[depth])
    tensors = {name: tensor for name, tensor in load_file(file).items() if not name.startswith("linear.")}
    body.load_state_dict(tensors)
    side = facts["input_size"][1]
    mean, std = (np.float32(facts[key])[:, None, None] for key in ("mean", "std"))

    def preprocess(item: Any) -> np.ndarray:
        with Image.open(item, formats=("JPEG", "PNG")) as picture:
            image = picture.convert("RGB")
        square = min(image.size)
        left, top = (image.width - square) // 2, (image.height - square) // 2
        small = image.crop((left, top, left + square, top + square)).resize((side, side), Image.Resampling.BICUBIC)
        return (np.asarray(small, np.float32).transpose(2, 0, 1) / 255 - mean) / std

    return headstart.module(
        body, preprocess, name=f"cifar10_resnet{depth}", modality="image", blocks=("layer1", "layer2"), version=VERSION
    )
