"""Packed masks are the masks that they were made of, and small where masks are large regions."""

import numpy as np
import pytest

from headstart.annotations import Mask, MaskArray, PackedMask


@pytest.mark.parametrize("most", [1, 255, 300, 32_767])
@pytest.mark.parametrize("low", [-1, 0])
@pytest.mark.parametrize("is_noise", [False, True])
def test_pixels_come_back(most: int, low: int, is_noise: bool) -> None:
    rng = np.random.default_rng(most)
    values = np.repeat(rng.integers(low, most + 1, (7, 3)), 1 if is_noise else 50, axis=1).astype(np.int16)
    objects = (values.astype(np.int32) + 1) * 70_000
    mask = PackedMask.of(MaskArray(values, objects))
    found = mask.instances()
    assert isinstance(mask, Mask)
    assert found is not None
    assert (mask.size, mask.classes().dtype, found.dtype) == ((values.shape[1], 7), np.int16, np.int32)
    assert (mask.classes() == values).all()
    assert (found == objects).all()
    assert PackedMask.of(MaskArray(values)).instances() is None
    assert mask.nbytes <= values.nbytes + objects.nbytes


def test_a_large_mask_takes_few_bytes() -> None:
    y, x = np.mgrid[:1000, :1000]
    values = ((y - 500) ** 2 + (x - 500) ** 2 < 300**2).astype(np.int16)
    mask = PackedMask.of(MaskArray(values, values.astype(np.int32)))
    assert mask.nbytes < 20_000
    assert (mask.classes() == values).all()


def test_a_mask_without_pixels() -> None:
    assert PackedMask.of(MaskArray(np.zeros((0, 4), np.int16))).classes().shape == (0, 4)
