"""The padding of TensorFlow, which Keras and bodies that were trained with it share."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["same_pads"]


def same_pads(
    sides: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int] = (1, 1)
) -> list[int]:
    """TensorFlow's SAME padding as torch wants it: left, right, top, bottom.

    A map has as many places afterwards as its side divided by the stride, rounded up; an odd number of zeros has the
    larger half at the end.

    Args:
        sides: height and width of the map; also those of the other arguments.
        kernel: of the windows.
        strides: between them.
        dilation: within them.

    Examples:
        >>> same_pads((8, 8), (3, 3), (2, 2))
        [0, 1, 0, 1]
    """
    pads: list[int] = []
    for k in (1, 0):
        reach = dilation[k] * (kernel[k] - 1) + 1
        total = max((-(-sides[k] // strides[k]) - 1) * strides[k] + reach - sides[k], 0)
        pads += [total // 2, total - total // 2]
    return pads
