"""Weights of source rows under target class shares, and drawn rows."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.adapt.domains.rows import draw, share_weights
from headstart.errors import ParameterError


def test_the_weights_have_the_shares():
    codes = np.array([0, 0, 0, 2])
    weights = share_weights(codes, 4, (3.0, 0.0, 1.0), "coral")
    np.testing.assert_allclose(np.bincount(codes, weights), [0.75, 0, 0.25])


@pytest.mark.parametrize("shares", [(1.0,), (-1.0, 2.0), (0.0, 0.0), (0.5, 0.2, 0.3), (float("nan"), 1.0)])
def test_wrong_shares_are_refused(shares):
    with pytest.raises(ParameterError, match="class shares of coral"):
        share_weights([0, 1], 2, shares, "coral")


def test_a_draw_depends_on_its_seed():
    rows = np.zeros((100, 1))
    assert len(draw(rows, 10, 0)) == 10
    assert not np.array_equal(draw(rows, 10, 0), draw(rows, 10, 1))
