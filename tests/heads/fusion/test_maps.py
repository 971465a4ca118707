"""Maps of the columns of several sources side by side."""

import numpy as np
import pytest
from fused_rows import make_rows

from headstart.heads import FeatureMap
from headstart.heads.fusion.maps import concatenated_maps, join_maps, scaled_map, spans_of
from headstart.types import Block


def test_joined_maps_give_the_columns_side_by_side():
    rows, _ = make_rows()
    one = FeatureMap("one", ((0, 6),), "unit_norm", columns=np.array([1, 3]))
    two = scaled_map("two", spans_of([Block("n", 6, "a"), Block("m", 26, "b", numbers=True)])[1:], rows)
    three = FeatureMap("three", ((6, 12),), "none")
    joined = join_maps([one, two, three], "all")
    assert np.allclose(joined(rows), np.hstack([one(rows), two(rows), three(rows)]))


def test_quantities_are_standardised_beside_features_of_unit_norm():
    rows, _ = make_rows()
    blocks = (Block("a/last", 12, "a"), Block("columns", 20, "columns", numbers=True))
    mapped = concatenated_maps(rows * 1000, blocks)[0](rows * 1000)
    assert mapped[:, 12:].mean(axis=0) == pytest.approx(np.zeros(20), abs=1e-6)
    assert mapped[:, 12:].var(axis=0).sum() == pytest.approx(1)
    assert mapped[:, :12].var(axis=0).sum() == pytest.approx(1)
