"""Masks in memory."""

import numpy as np
import pytest

from headstart.annotations import MaskArray
from headstart.errors import DataError


def test_objects_have_the_size_of_the_classes() -> None:
    with pytest.raises(DataError, match="objects of that size or none"):
        MaskArray(np.zeros((2, 3), np.int16), np.zeros((3, 2), np.int32))
    mask = MaskArray(np.zeros((2, 3), np.int16), np.ones((2, 3), np.int32))
    instances = mask.instances()
    assert mask.size == (3, 2)
    assert instances is not None
    assert instances.sum() == 6
