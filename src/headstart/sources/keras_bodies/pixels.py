"""How the applications of Keras treat pixels: what ``preprocess_input`` computes, on batches of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MODES", "preprocess"]

MODES = ("caffe", "tf", "torch", "none")


def preprocess(batch: Tensor, mode: str) -> Tensor:
    """What ``preprocess_input`` of Keras makes of pictures.

    Args:
        batch: (n, height, width, 3) uint8, red, green, blue.
        mode: one of `MODES`.

    Returns:
        (n, 3, height, width) float32.

    Examples:
        >>> import torch
        >>> preprocess(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8), "tf").unique()
        tensor([1.])
    """
    import torch

    x = batch.permute(0, 3, 1, 2).float()
    if mode == "none":
        return x
    if mode == "tf":
        return x / 127.5 - 1
    if mode == "caffe":
        return x.flip(1) - torch.tensor([103.939, 116.779, 123.68], device=x.device).view(1, 3, 1, 1)
    mean, deviation = (
        torch.tensor(values, device=x.device).view(1, 3, 1, 1)
        for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    return (x / 255 - mean) / deviation
