"""Affine maps: what they map, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.linear.affine import AffineMap, identity_map


def test_a_matrix_and_factors_map_rows():
    x = np.arange(6.0).reshape(2, 3)
    weight, bias = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0])
    found = AffineMap(weight, bias)
    np.testing.assert_array_equal(found.apply(x), [x[i] @ weight + bias for i in range(2)])
    assert (found.inputs, found.outputs) == (3, 2)
    np.testing.assert_array_equal(AffineMap(np.array([1.0, 2, 3]), np.ones(3)).apply(x), x * [1, 2, 3] + 1)
    assert identity_map(3).apply(x.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("weight", "bias"),
    [(np.eye(2), np.zeros(3)), (np.ones(2), np.zeros(3)), (np.ones((1, 2, 2)), np.ones(2)), (np.eye(2), [0, np.inf])],
)
def test_what_is_no_map_is_refused(weight, bias):
    with pytest.raises(ParameterError, match="AffineMap needs"):
        AffineMap(weight, np.asarray(bias, dtype=float))


def test_rows_of_another_width_are_refused():
    with pytest.raises(ParameterError, match=r"AffineMap\.apply"):
        identity_map(2).apply(np.eye(3))
