"""Leak-free splits: given, by time, by group or stratified; near duplicates stay together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.data.auditing.duplicates import chain_pairs, join_pairs
from headstart.data.grouping.assignment import assign_parts, find_strata
from headstart.errors import DataError
from headstart.params import check_choice, check_number
from headstart.reporting.wording import plural
from headstart.types import Dataset, TaskKind, group_codes

__all__ = ["Split", "folds", "split", "union_groups"]

FEW_GROUPS = 10

By = Literal["auto", "given", "time", "group", "stratified"]


@dataclass(frozen=True)
class Split:
    """Which items to fit on and which to test on.

    Attributes:
        train: rows to fit on, ascending.
        test: rows to test on, ascending.
        how: how they were chosen, in one sentence.

    Examples:
        >>> Split(np.array([0, 1]), np.array([2]), "By hand.").test.tolist()
        [2]
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    how: str


def union_groups(groups: NDArray[Any] | None, clusters: NDArray[Any] | None) -> NDArray[np.int64]:
    """Codes of the units that must stay together if both groups and clusters must.

    Args:
        groups: (n,) names or codes, or None.
        clusters: (n,) names or codes, or None.

    Returns:
        (n,) codes of the connected components of both.

    Raises:
        DataError: if both are None, or differ in length.

    Examples:
        >>> union_groups(np.array(["a", "a", "b", "c"]), np.array([0, 1, 1, 2])).tolist()
        [0, 0, 0, 1]
    """
    given = [codes for codes in (groups, clusters) if codes is not None]
    if not given or len({len(codes) for codes in given}) > 1:
        raise DataError(
            f"Groups and clusters must have one entry for each item. Got {[len(codes) for codes in given]}."
        )
    pairs = [chain_pairs(group_codes(codes, len(codes))) for codes in given]
    return join_pairs(len(given[0]), *pairs)


def split(
    dataset: Dataset, clusters: NDArray[np.int64] | None, *, test_size: float = 0.2, seed: int = 0, by: By = "auto"
) -> Split:
    """Hold-out split: items to fit on and items to test on, without a leak.

    Command: headstart fit DATA

    ``auto`` uses the given split if the data have one: it tests on test if there is one, else on val; with both, val
    joins train. Otherwise it holds out the latest items if there are times, else complete groups, else it stratifies by
    label. In the splits made here, near-duplicate clusters and groups stay together; in a split by time, such a unit is
    dated by its first item.

    Args:
        dataset: n items.
        clusters: (n,) near-duplicate clusters from the audit, or None.
        test_size: share of the test items, in (0, 0.99]; 0.2 by convention.
        seed: seed of the shuffle.
        by: what to split by.

    Raises:
        DataError: if the data do not allow such a split.
        ParameterError: if a parameter is out of range.

    Examples:
        >>> from headstart.types import Task
        >>> data = Dataset(list("abcdefghij"), tuple("abcdefghij"), "text", Task("classification", ("x", "y")),
        ...                np.arange(10) % 2)
        >>> found = split(data, None)
        >>> len(found.train), found.how
        (8, 'Held out 2 of 10 items, stratified by label, near duplicates together.')
    """
    check_choice(by, "by", "split", ("auto", "given", "time", "group", "stratified"))
    check_number(test_size, "test_size", "split", low=0.0, high=0.99, open_low=True)
    names = set() if dataset.split is None else set(np.unique(dataset.split).tolist())
    if by == "given" or (by == "auto" and len(names) > 1):
        return _checked(dataset, _given(dataset, names))
    if by == "time" or (by == "auto" and dataset.times is not None):
        return _checked(dataset, _latest(dataset, clusters, test_size))
    if by == "group" and dataset.groups is None:
        raise DataError("Cannot split by group, because the data have no groups; name their column with --group-col.")
    grouped = dataset.groups is not None and by != "stratified"
    return _checked(dataset, _shuffled(dataset, clusters, test_size, seed, grouped=grouped))


def _given(dataset: Dataset, names: set[str]) -> Split:
    if len(names) < 2:
        raise DataError(f"Cannot use the given split: the data name {sorted(names) or 'none'}, and two are needed.")
    test_name = "test" if "test" in names else "val"
    rest = " and ".join(name for name in ("train", "val") if name in names - {test_name})
    is_test = np.asarray(dataset.split == test_name)
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    return Split(
        train, test, f"Tested on the given {test_name} ({plural(len(test), 'item')}), fitted on {rest} ({len(train)})."
    )


def _units(dataset: Dataset, clusters: NDArray[np.int64] | None, *, grouped: bool) -> NDArray[np.int64]:
    groups = dataset.groups if grouped else None
    if groups is None and clusters is None:
        return np.arange(len(dataset), dtype=np.int64)
    return union_groups(groups, clusters)


def _latest(dataset: Dataset, clusters: NDArray[np.int64] | None, test_size: float) -> Split:
    if dataset.times is None:
        raise DataError("Cannot split by time, because the data have no times; name their column with --time-col.")
    units = _units(dataset, clusters, grouped=True)
    _check_units(units, "unit that must stay together (groups or near duplicates)")
    # A unit is dated by its first item, so no test unit has an item from before the cut.
    first = np.full(int(units.max()) + 1, np.inf)
    np.minimum.at(first, units, dataset.times)
    order = np.argsort(-first, kind="stable")  # the latest unit first
    # As many of the latest units as fit into the share, but at least one, and never all of them.
    before = np.cumsum(np.bincount(units)[order])
    chosen = order[: max(1, int(np.searchsorted(before, test_size * len(units) + 1e-9, side="right")))]
    chosen = chosen[: len(first) - 1]
    is_test = np.isin(units, chosen)
    how = f"Held out the latest {int(is_test.sum())} of {len(units)} items, groups and near duplicates together."
    return Split(np.flatnonzero(~is_test), np.flatnonzero(is_test), how)


def _check_units(units: NDArray[np.int64], noun: str) -> None:
    if len(np.unique(units)) < 2:
        items = "the only item forms" if len(units) == 1 else f"all {len(units)} items are in"
        raise DataError(f"Cannot hold items out: {items} one {noun}; at least two are needed.")


def _shuffled(
    dataset: Dataset, clusters: NDArray[np.int64] | None, test_size: float, seed: int, *, grouped: bool
) -> Split:
    units = _units(dataset, clusters, grouped=grouped)
    _check_units(units, "group" if grouped else "cluster of near duplicates")
    kind = None if dataset.task is None else dataset.task.kind
    strata = find_strata(dataset.y, kind, len(dataset))
    parts = _without_empty(assign_parts(units, strata, [1 - test_size, test_size], seed), units, 2)
    train, test = np.flatnonzero(parts == 0), np.flatnonzero(parts == 1)
    by_label = "" if kind is None else ", stratified by label"
    together = "groups and near duplicates together" if grouped else "near duplicates together"
    return Split(train, test, f"Held out {len(test)} of {len(dataset)} items{by_label}, {together}.")


def _without_empty(parts: NDArray[np.int64], units: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The same parts, each with at least one unit: the smallest unit of the largest part moves to an empty one."""
    for part in range(count):
        if (parts == part).any():
            continue
        inside = parts == int(np.bincount(parts, minlength=count).argmax())
        names, sizes = np.unique(units[inside], return_counts=True)
        parts = np.where(units == names[sizes.argmin()], part, parts)
    return parts


def _checked(dataset: Dataset, found: Split) -> Split:
    """The split, if its training part has two classes; classes that only the test part has are reported."""
    if dataset.y is None or dataset.task is None or dataset.task.kind != "classification":
        return found
    known, tested = np.unique(dataset.y[found.train]), np.unique(dataset.y[found.test])
    if len(known) < 2:
        raise DataError(
            f"The training part of this split ({plural(len(found.train), 'item')}) has only one class; at least two "
            "are needed, so split by something else or add items."
        )
    unknown = len(np.setdiff1d(tested, known))
    if not unknown:
        return found
    missing = plural(unknown, "of the classes tested is", "of the classes tested are")
    return Split(found.train, found.test, f"{found.how[:-1]}; {missing} not in training.")


def folds(
    y: NDArray[Any] | None,
    task_kind: TaskKind | None,
    clusters_or_groups: NDArray[Any],
    *,
    n_folds: int = 5,
    seed: int = 0,
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Stratified group k-fold: training and test rows of each fold of a cross-validation; units stay together.

    Command: headstart fit DATA

    With at most 10 units, each is a fold (leave one group out), whatever ``n_folds`` is.

    Args:
        y: labels as in `headstart.types.Dataset`, or None.
        task_kind: kind of task, or None.
        clusters_or_groups: (n,) codes or names of the units; `union_groups` joins two of them.
        n_folds: number of folds; 5 by convention.
        seed: seed of the shuffle.

    Returns:
        For each fold, the rows to train on and the rows to test on, both ascending.

    Raises:
        DataError: if there are fewer units than folds, or if a training part would have only one class.
        ParameterError: if ``n_folds`` is below 2.

    Examples:
        >>> found = folds(np.arange(6) % 2, "classification", np.array(list("aabbcc")))
        >>> [test.tolist() for _, test in found]
        [[0, 1], [2, 3], [4, 5]]
    """
    check_number(n_folds, "n_folds", "folds", low=2, integer=True)
    names, units = np.unique(clusters_or_groups, return_inverse=True)
    units = units.astype(np.int64)
    _check_units(units, "group or cluster of near duplicates")
    if len(names) <= FEW_GROUPS:
        parts, count = units, len(names)
    elif len(names) < n_folds:
        groups = plural(len(names), "group, which stays", "groups, which stay")
        raise DataError(f"Cannot make {n_folds} folds of {groups} intact; ask for fewer folds.")
    else:
        count = n_folds
        parts = assign_parts(units, find_strata(y, task_kind, len(units)), [1 / count] * count, seed)
        parts = _without_empty(parts, units, count)
    found = [(np.flatnonzero(parts != part), np.flatnonzero(parts == part)) for part in range(count)]
    if y is not None and task_kind == "classification":
        poor = next((part for part, (train, _) in enumerate(found) if len(np.unique(y[train])) < 2), None)
        if poor is not None:
            raise DataError(
                f"Without group '{names[poor]}' only one class is left to train on; give groups with several classes, "
                "or more items."
                if len(names) <= FEW_GROUPS
                else f"The training part of fold {poor} has only one class; add items of the others."
            )
    return found
