"""The parts of a ranking: order, samples, speeds, rows that grow, licences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from rank_sources import Blurred, labelled_rows

from headstart.engine.options import Engine
from headstart.errors import ParameterError
from headstart.evaluate.evaluation import Metric
from headstart.transfer.ranking.growing_rows import GrowingRows
from headstart.transfer.ranking.limits import is_permissive, parse_count
from headstart.transfer.ranking.measure import Measured
from headstart.transfer.ranking.order import Known, order_sources, prior_ranks
from headstart.transfer.ranking.speed import Speed, keep_speed, kept_speed
from headstart.transfer.ranking.successive_halving import samples
from headstart.types import SourceInfo


def measured(losses: np.ndarray, neighbours: float) -> Measured:
    loss = Metric(float(losses.mean()), 0.0, 1.0)
    return Measured(len(losses), np.arange(len(losses)), losses, loss, loss, "ridge", "", neighbours, None, {}, ())


def test_nobody_outside_of_the_tie_set_is_first():
    rng = np.random.default_rng(0)
    best = rng.uniform(0.1, 0.3, 200)
    near, far = best + rng.normal(0.002, 0.1, 200), best + 0.5
    found = [measured(far, 0.01), measured(best, 0.3), measured(near, 0.2)]
    known = [Known(0.99, "t"), Known(0.1, "t"), Known(0.5, "t")]
    order = order_sources(found, known, None, 0)
    assert order.tied == (False, True, True)
    assert order.places[0] == 2  # neighbours and prior speak for it
    assert order.by_prior
    assert order.differences[0].low > 0.4


def test_the_tie_set_is_resampled_by_groups():
    losses, groups = np.zeros(100), np.repeat(np.arange(4), 25)
    shifted = np.repeat([0.3, 0.2, 0.25, -0.2], 25)  # clear over items, not over four groups
    found = [measured(losses, 0.1), measured(losses + shifted, 0.1)]
    assert order_sources(found, [Known()] * 2, None, 0).tied == (True, False)
    assert order_sources(found, [Known()] * 2, groups, 0).tied == (True, True)


def test_published_accuracies_are_compared_within_a_source_task_only():
    ranks = np.array([1.0, 2.0, 3.0, 4.0])
    assert prior_ranks(ranks, [Known(0.7, "a"), Known(0.9, "b"), Known(), Known(0.8)]) is None
    known = [Known(0.7, "a"), Known(0.9, "b"), Known(0.8, "a"), Known(0.8, "a")]
    assert prior_ranks(ranks, known).tolist() == [4.0, 2.0, 2.0, 2.0]


def test_samples_are_nested_stratified_and_leave_groups_whole():
    y, units = np.arange(3000) % 3, np.arange(3000) // 6
    among = np.arange(0, 2400)
    found = samples(y, "classification", units, among, 0)
    assert [len(sample) for sample in found] == pytest.approx([300, 600, 1200, 2400], rel=0.03)
    for small, large in pairwise(found):
        assert set(small) < set(large)
    for sample in found:
        assert np.bincount(y[sample]).min() > len(sample) / 3.3
        assert set(np.unique(np.bincount(units[sample]))) <= {0, 6}
    assert [len(s) for s in samples(y[:1000], "classification", units[:1000], np.arange(1000), 0)] == [1000]
    many = np.arange(3000) % 100
    assert [len(s) for s in samples(many, "classification", np.arange(3000), np.arange(3000), 0)] == [1500, 3000]


def test_rows_grow_without_encoding_anything_twice():
    rows, _ = labelled_rows(30)
    source = Blurred(bad_item=float(rows[4, -1]))
    growing, plain = GrowingRows(source, rows), Engine(cache=False)
    first = growing.grow(np.arange(0, 30, 3), plain)
    every = growing.grow(np.arange(30), plain)
    assert len(source.seen) == 29
    assert list(growing.failures) == [4]
    np.testing.assert_array_equal(every, np.delete(np.arange(30), 4))
    np.testing.assert_array_equal(growing.rows(first)[:], source.forward(rows[first]))
    found = growing.extraction(plain)
    np.testing.assert_array_equal(found.rows, source.forward(rows[every]))
    assert found.failures == {4: "This row is not liked."}


def test_a_speed_is_kept_until_one_of_more_items(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    info, engine = SourceInfo("a", "text"), Engine()
    for speed in (Speed(5.0, 100, "x"), Speed(9.0, 20, "x")):
        keep_speed(info, engine, speed)
    assert kept_speed(info, engine) == Speed(5.0, 100, "x")
    keep_speed(info, engine, Speed(7.0, 400, "x"))
    assert kept_speed(info, engine).items_per_second == 7.0
    assert kept_speed(info, Engine(backend="torch")) is None


def test_licences_by_name():
    good = ["apache-2.0", "MIT", "BSD-3-Clause", "bsd", "cc0-1.0", "CC-BY-4.0", "isc", "unlicense", "The Unlicense"]
    bad = ["gpl-3.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "other", "openrail", "mitx", "apache-2.0 (non-commercial use)"]
    assert [is_permissive(name) for name in good + bad] == [True] * len(good) + [False] * len(bad)


@pytest.mark.parametrize("text", ["", "ten", "-3", "0", "10 MB", "1e6"])
def test_numbers_of_parameters_that_cannot_be_read_are_refused(text):
    with pytest.raises(ParameterError, match="10M"):
        parse_count(text)
