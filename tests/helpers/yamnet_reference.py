"""Random weights of YAMNet, and a functional forward of its published definition."""

import numpy as np
import torch

from headstart.sources.audio_bodies.yamnet import FRONT, tensor_shapes

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


def random_tensors(seed=0):
    """Tensors of YAMNet at a scale that keeps activations near one."""
    rng = np.random.default_rng(seed)
    shapes = {**tensor_shapes(), **FRONT}
    return {
        name: rng.normal(scale=(2 / max(1, np.prod(shape[1:]))) ** 0.5, size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def same(x, weight, bias, stride, groups):
    """TensorFlow's SAME padding for any size, then a convolution without padding."""
    pads = []
    for side in (x.shape[3], x.shape[2]):
        total = max((-(-side // stride) - 1) * stride + 3 - side, 0)
        pads += [total // 2, total - total // 2]
    return torch.nn.functional.conv2d(torch.nn.functional.pad(x, pads), weight, bias, stride, groups=groups)


def plain(tensors, patches):
    """The embedding and the logits, by functions only."""
    t = {name: torch.from_numpy(array.astype(np.float32)) for name, array in tensors.items()}
    x = same(torch.tensor(patches)[:, None], t["stem.weight"], t["stem.bias"], 2, 1).relu()
    for k, stride in enumerate(STRIDES):
        x = same(x, t[f"blocks.{k}.dw.weight"], t[f"blocks.{k}.dw.bias"], stride, x.shape[1]).relu()
        x = torch.nn.functional.conv2d(x, t[f"blocks.{k}.pw.weight"], t[f"blocks.{k}.pw.bias"]).relu()
    embedding = x.mean((2, 3))
    return embedding.numpy(), (embedding @ t["classifier.weight"].T + t["classifier.bias"]).numpy()
