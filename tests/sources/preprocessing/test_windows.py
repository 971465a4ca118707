"""Windows cover each cell of a picture exactly once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headstart.sources.preprocessing.windows import Windows

SIDE = st.integers(1, 300)
WINDOW = st.sampled_from([32, 64, 96, 160])


@given(SIDE, SIDE, WINDOW, WINDOW, st.sampled_from([0, 32, 64]), st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_every_cell_has_one_owner_and_lies_where_it_was_cut(
    height: int, width: int, tall: int, wide: int, overlap: int, stride: int
) -> None:
    windows = Windows((height, width), (tall, wide), overlap)
    rows, columns = -(-height // stride), -(-width // stride)
    owners = np.zeros((rows, columns), int)
    places = np.zeros((rows, columns, 2), int)
    for (top, left), (outer, inner) in zip(windows.starts, windows.owned(stride), strict=True):
        owners[outer] += 1
        inside = np.stack(np.mgrid[: tall // stride, : wide // stride], axis=-1)[inner]
        places[outer] = inside + np.array([top // stride, left // stride])
    assert (owners == 1).all()
    assert (places == np.stack(np.mgrid[:rows, :columns], axis=-1)).all()


def test_a_small_picture_is_padded_with_its_last_pixels() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 1, 3)
    (window,) = Windows((2, 1), (32, 32), 0).cut(pixels)
    assert window.shape == (32, 32, 3)
    assert (window[5:, 7] == pixels[1, 0]).all()
