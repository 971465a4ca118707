"""Moments do not depend on the threads of linear algebra."""

import numpy as np

from headstart.engine.moments import moments_of
from headstart.sources.toy import ToySource


def targets(n):
    return np.random.default_rng(1).normal(size=(n, 3))


def assert_same_moments(found, expected):
    arrays = found.moments.to_arrays()
    for name, array in expected.moments.to_arrays().items():
        assert np.array_equal(arrays[name], array), name
    assert found.failures == expected.failures


def test_moments_do_not_depend_on_the_threads_of_linear_algebra():
    from threadpoolctl import threadpool_limits

    items, y = np.random.default_rng(0).normal(size=(397, 1280)), targets(397)
    rows = Rows()
    with threadpool_limits(1, user_api="blas"):
        expected = moments_of(rows, items, y)
    with threadpool_limits(2, user_api="blas"):
        assert_same_moments(moments_of(rows, items, y), expected)


class Rows(ToySource):
    """Rows as they are."""

    def prepare(self, item):
        return item

    def forward(self, prepared):
        return np.stack(prepared)
