"""The contract of domain adapters, checked on each that is registered."""

from __future__ import annotations

import numpy as np
import pytest
from adaptation_references import domains

from headstart.adapt import ADAPTERS, DomainAdapter
from headstart.errors import DataError, ParameterError

MAPS = [name for name in ADAPTERS if hasattr(ADAPTERS[name], "shares")]
WEIGHTS = [name for name in ADAPTERS if name not in MAPS]


@pytest.mark.parametrize("name", list(ADAPTERS))
def test_every_adapter_keeps_the_contract(name):
    xs, ys, xt = domains()
    if name in WEIGHTS:  # which need domains that overlap
        xt = xs[:25] + 0.3
    before = xs.copy(), xt.copy()
    adapter = ADAPTERS[name]()
    assert adapter.fit(xs, xt, ys) is adapter
    assert isinstance(adapter, DomainAdapter)
    source, target = adapter.transform_source(xs), adapter.transform(xt)
    assert source.shape[1] == target.shape[1]
    np.testing.assert_array_equal(target, adapter.target_map_.apply(xt))
    np.testing.assert_array_equal(xs, before[0])
    np.testing.assert_array_equal(xt, before[1])
    # the same again, rows one by one, and float32 rows
    again = ADAPTERS[name]().fit(xs, xt)
    np.testing.assert_allclose(again.transform_source(xs), source, atol=1e-12)
    np.testing.assert_allclose(adapter.transform_source(xs[3:4]), source[3:4], atol=1e-9)
    small = adapter.transform_source(xs.astype(np.float32))
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, source, atol=1e-3)


@pytest.mark.parametrize("name", MAPS)
def test_every_map_brings_the_domains_closer(name):
    xs, ys, xt = domains(n=200, m=200)
    adapter = ADAPTERS[name]().fit(xs, xt, ys)
    source, target = adapter.transform_source(xs), adapter.transform(xt)
    before = np.linalg.norm(xs.mean(axis=0) - xt.mean(axis=0)) / xt.std()
    assert np.linalg.norm(source.mean(axis=0) - target.mean(axis=0)) / target.std() < 0.1 * before


@pytest.mark.parametrize("name", list(ADAPTERS))
def test_wrong_inputs_are_named(name):
    adapter = ADAPTERS[name]()
    with pytest.raises(DataError, match="two rows or more of each domain"):
        adapter.fit(np.eye(2), np.eye(2)[:1])
    with pytest.raises(ParameterError, match=r"an array \(n, 2\)"):
        adapter.fit(np.eye(2), np.eye(3))
    with pytest.raises(DataError, match="NaN"):
        adapter.fit(np.eye(2), [[0.0, np.nan], [0.0, 1.0]])
    if name in MAPS:
        with pytest.raises(ParameterError, match="one class code"):
            ADAPTERS[name](shares=(0.5, 0.5)).fit(np.eye(2), np.eye(2))
    else:
        with pytest.raises(ParameterError, match="'flatten' parameter"):
            ADAPTERS[name](flatten=2.0).fit(np.eye(2), np.eye(2))


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_bring_the_mean_of_the_source_to_that_of_the_target(name):
    rng = np.random.default_rng(0)
    xs, xt = rng.normal(size=(300, 3)), rng.normal(size=(200, 3)) + np.array([0.6, 0.0, 0.0])
    adapter = ADAPTERS[name]().fit(xs, xt)
    assert adapter.weights.shape == (300,)
    assert adapter.weights.min() >= 0
    assert adapter.weights.mean() == pytest.approx(1)
    assert 30 <= adapter.effective < 300
    before, after = (np.linalg.norm(xt.mean(axis=0) - w @ xs / 300) for w in (np.ones(300), adapter.weights))
    assert after < 0.75 * before


@pytest.mark.parametrize("name", MAPS)
def test_target_shares_undo_label_shift(name):
    """The classes look the same in both domains; only their shares differ."""
    rng = np.random.default_rng(0)
    ys, yt = (rng.random(150) < 0.5).astype(int), (rng.random(150) < 0.9).astype(int)
    xs, xt = (4.0 * y[:, None] + rng.normal(size=(150, 2)) for y in (ys, yt))

    def wrong(**options):
        adapter = ADAPTERS[name](**options).fit(xs, xt, ys)
        source, target = adapter.transform_source(xs), adapter.transform(xt)
        means = np.array([source[ys == c].mean(axis=0) for c in (0, 1)])
        return np.mean(((target[:, None] - means) ** 2).sum(axis=2).argmin(axis=1) != yt)

    assert wrong(shares=(0.1, 0.9)) < 0.02
    assert wrong() > wrong(shares=(0.1, 0.9))
