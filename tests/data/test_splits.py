"""Splits: what is chosen, and that nothing leaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data import folds, split, union_groups
from headstart.errors import DataError, ParameterError
from headstart.types import Dataset, Task


def make(n, y=None, classes=2, **more):
    codes = np.arange(n) % classes if y is None else np.array(y)
    task = Task("classification", tuple(map(str, range(int(codes.max()) + 1))))
    return Dataset([f"{index}" for index in range(n)], tuple(map(str, range(n))), "text", task, codes, **more)


def check_partition(found, n):
    assert sorted([*found.train.tolist(), *found.test.tolist()]) == list(range(n))
    assert len(found.train)
    assert len(found.test)


@pytest.mark.parametrize(
    ("names", "train", "test"),
    [
        (["train", "train", "val", "test"], [0, 1, 2], [3]),
        (["train", "train", "train", "val"], [0, 1, 2], [3]),
        (["val", "val", "val", "test"], [0, 1, 2], [3]),
    ],
)
def test_given_splits_win(names, train, test):
    data = make(4, split=np.array(names), times=np.arange(4.0), groups=np.array(list("aabb")))
    found = split(data, None)
    assert (found.train.tolist(), found.test.tolist()) == (train, test)
    assert "given" in found.how
    if set(names) == {"train", "val", "test"}:
        assert "fitted on train and val" in found.how


def test_one_given_split_is_none():
    found = split(make(20, split=np.full(20, "train")), None)
    assert len(found.test) == 4


def test_time_takes_the_latest():
    times = np.random.default_rng(0).permutation(20).astype(float)
    found = split(make(20, times=times), None)
    assert sorted(times[found.test]) == [16, 17, 18, 19]
    assert "latest" in found.how
    clusters = np.arange(20)
    clusters[np.argmax(times)] = clusters[np.argmin(times)]
    found = split(make(20, times=times), clusters)
    assert np.argmax(times) in found.train


def test_stratified_shares_are_exact():
    y = np.repeat(np.arange(4), [100, 50, 30, 20])
    found = split(make(200, y), None)
    assert np.bincount(y[found.test]).tolist() == [20, 10, 6, 4]
    assert split(make(200, y), None).test.tolist() == found.test.tolist()
    assert split(make(200, y), None, seed=1).test.tolist() != found.test.tolist()
    assert len(split(make(200, y), None, test_size=0.5).test) == 100


def test_every_class_is_in_training():
    y = np.concatenate([np.repeat(np.arange(300), 2), [300, 301, 302]])
    found = split(make(len(y), y), None)
    assert len(np.unique(y[found.train])) == 303
    assert abs(len(found.test) / len(y) - 0.2) < 0.01


def attempt(call):
    try:
        return call(), ""
    except DataError as error:
        return None, str(error)


codes = st.integers(4, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
        st.lists(st.integers(0, 15), min_size=n, max_size=n),
        st.lists(st.integers(0, 30), min_size=n, max_size=n),
    )
)


@settings(max_examples=150, deadline=None)
@given(codes, st.sampled_from(["group", "stratified", "time"]), st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 5))
def test_splits_separate_no_group_and_no_cluster(drawn, by, test_size, seed):
    y, groups, clusters = map(np.array, drawn)
    y[:2], groups[:2] = [0, 1], [100, 101]
    clusters[:2] = [100, 101]
    data = make(len(y), y, groups=groups.astype(str), times=np.random.default_rng(0).random(len(y)))
    found, refusal = attempt(lambda: split(data, clusters, test_size=test_size, seed=seed, by=by))
    if found is None:
        assert "one class" in refusal
        return
    check_partition(found, len(y))
    assert not set(clusters[found.train]) & set(clusters[found.test])
    if by != "stratified":
        assert not set(groups[found.train]) & set(groups[found.test])


@settings(max_examples=100, deadline=None)
@given(codes, st.sampled_from(["classification", "multilabel", "regression", None]), st.integers(2, 5))
def test_folds_separate_no_unit(drawn, kind, n_folds):
    y, _, clusters = map(np.array, drawn)
    units = clusters
    labels = {"multilabel": np.eye(4)[y], "regression": y[:, None] * 0.5, None: None}.get(kind, y)
    found, refusal = attempt(lambda: folds(labels, kind, units, n_folds=n_folds))
    if found is None:
        assert len(np.unique(units)) < 2 or "one class" in refusal
        return
    tests = np.concatenate([test for _, test in found])
    assert sorted(tests.tolist()) == list(range(len(y)))
    count = len(np.unique(units))
    assert len(found) == (count if count <= 10 else n_folds)
    for train, test in found:
        assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(y)))
        assert not set(units[train]) & set(units[test])
        assert len(test)


def test_folds_are_stratified():
    y = np.repeat(np.arange(3), [50, 25, 15])
    for _, test in folds(y, "classification", np.arange(90)):
        assert np.bincount(y[test]).tolist() == [10, 5, 3]
    grouped = np.arange(90) // 3
    counts = [np.bincount(y[test], minlength=3) for _, test in folds(y, "classification", grouped)]
    assert np.ptp(counts, axis=0).max() <= 4
    marks = (np.random.default_rng(0).random((400, 5)) < [0.5, 0.3, 0.2, 0.1, 0.05]).astype(float)
    shares = [marks[test].mean(axis=0) for _, test in folds(marks, "multilabel", np.arange(400))]
    assert np.ptp(shares, axis=0).max() < 0.05
    values = np.random.default_rng(0).normal(size=(200, 1))
    means = [values[test].mean() for _, test in folds(values, "regression", np.arange(200))]
    assert np.ptp(means) < 0.15


def test_few_groups_are_the_folds():
    groups = np.array(list("abcabcabc"))
    found = folds(np.arange(9) % 2, "classification", groups)
    assert [set(groups[test]) for _, test in found] == [{"a"}, {"b"}, {"c"}]


@settings(deadline=None)
@given(codes)
def test_unions_join_both(drawn):
    _, groups, clusters = map(np.array, drawn)
    joined = union_groups(groups.astype(str), clusters)
    for part in (groups, clusters):
        for code in np.unique(part):
            assert len(np.unique(joined[part == code])) == 1
    assert (union_groups(None, clusters)[:, None] == union_groups(None, clusters)).sum() == (
        clusters[:, None] == clusters
    ).sum()


def test_splits_that_cannot_be():
    data = make(10)
    with pytest.raises(DataError, match="no times"):
        split(data, None, by="time")
    with pytest.raises(DataError, match="no groups"):
        split(data, None, by="group")
    with pytest.raises(DataError, match="Cannot use the given split"):
        split(data, None, by="given")
    with pytest.raises(DataError, match="all 10 items are in one cluster of near duplicates"):
        split(data, np.zeros(10, int))
    with pytest.raises(DataError, match="all 10 items are in one group"):
        split(make(10, groups=np.full(10, "a")), None)
    with pytest.raises(DataError, match=r"training part of this split \(2 items\) has only one class"):
        split(make(4, [0, 0, 1, 1], split=np.array(["train", "train", "test", "test"])), None)
    with pytest.raises(DataError, match="Cannot make 20 folds of 12 groups"):
        folds(np.arange(12) % 2, "classification", np.arange(12), n_folds=20)
    with pytest.raises(DataError, match="Without group 'a' only one class is left"):
        folds(np.array([0, 0, 1, 1]), "classification", np.array(list("aabb")))
    with pytest.raises(DataError, match="one entry for each item"):
        union_groups(np.arange(3), np.arange(4))
    for wrong in (0.0, 1.5, "a"):
        with pytest.raises(ParameterError, match="'test_size' parameter of split"):
            split(data, None, test_size=wrong)
    with pytest.raises(ParameterError, match="'by' parameter of split"):
        split(data, None, by="luck")
    with pytest.raises(ParameterError, match="'n_folds' parameter of folds"):
        folds(data.y, "classification", np.arange(10), n_folds=1)


def test_classes_that_are_not_in_training_are_said():
    data = make(5, [0, 1, 0, 2, 1], split=np.array(["train", "train", "train", "test", "test"]))
    assert "1 of the classes tested is not in training" in split(data, None).how


def test_small_data_have_a_test_part():
    for n in (2, 3, 4, 6):
        data = make(n, np.zeros(n, int) if n < 4 else None)
        if n < 4:
            with pytest.raises(DataError, match="one class"):
                split(data, None)
        else:
            check_partition(split(data, None), n)
