"""Nested orders: every prefix has the shares of the classes, groups stay whole, a pair covers all rows."""

from __future__ import annotations

import numpy as np

from headstart.evaluate.curves.subsamples import nested_orders
from headstart.types import Task

TASK = Task("classification", ("a", "b", "c"))


def test_every_prefix_has_the_shares_of_the_classes_but_for_one_row():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    for order in nested_orders(y, TASK, None, 4, seed=1):
        for size in (10, 20, 37, 50):
            counts = np.bincount(y[order.prefix(size)], minlength=3)
            assert counts.sum() == size
            assert (abs(counts - size * np.array([0.6, 0.3, 0.1])) <= 1.5).all()


def test_prefixes_are_nested_and_a_pair_covers_all_rows():
    first, second = nested_orders(np.arange(40) % 3, TASK, None, 2, seed=0)
    assert set(first.prefix(10)) < set(first.prefix(20))
    assert sorted([*first.prefix(20), *second.prefix(20)]) == list(range(40))


def test_groups_are_never_split():
    groups = np.repeat(np.arange(12), 5)
    y = np.random.default_rng(0).integers(0, 3, 60)
    for order in nested_orders(y, TASK, groups, 4, seed=0):
        part = order.prefix(22)
        assert len(part) % 5 == 0
        assert set(np.bincount(groups[part])) <= {0, 5}


def test_regression_and_several_labels_have_orders_too():
    y = np.random.default_rng(0).normal(size=(30, 2))
    (order,) = nested_orders(y, Task("regression", ("u", "v")), None, 1, seed=0)
    assert sorted(order.prefix(30)) == list(range(30))
    (order,) = nested_orders((y > 0).astype(float), Task("multilabel", ("u", "v")), None, 1, seed=0)
    assert sorted(order.prefix(30)) == list(range(30))
