"""The toy source."""

import numpy as np
import pytest

from headstart.errors import ItemError
from headstart.sources.registry import open_source
from headstart.sources.toy import ToySource


def test_toy_is_deterministic_and_learnable():
    texts = ["a good day", "a good night", "bad weather", "bad luck"]
    rows = ToySource().encode(texts)
    np.testing.assert_array_equal(rows, open_source("toy").encode(texts))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    near = unit @ unit.T
    assert near[0, 1] > near[0, 2]
    assert not np.array_equal(ToySource().untrained(0).encode(texts), rows)
    assert not np.array_equal(ToySource().untrained(0).encode(texts), ToySource().untrained(1).encode(texts))


@pytest.mark.parametrize("item", ["", " ", None, [], ["a"]])
def test_nonsense_for_the_toy(item):
    with pytest.raises(ItemError):
        ToySource().prepare(item)
