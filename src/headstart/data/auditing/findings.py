"""Findings of an audit, and the checks that need only labels, splits and cluster codes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.reporting.wording import plural
from headstart.types import Dataset

__all__ = [
    "Finding",
    "check_classes",
    "check_conflicts",
    "check_duplicates",
    "check_leaks",
    "check_pictures",
    "name_classes",
    "name_ids",
]

EXAMPLES = 5
IMBALANCE, STRONG_IMBALANCE = 10, 100
FEW = 5
MOST = 10  # classes named with the items they lose


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        kind: one of ``"unreadable"``, ``"empty"``, ``"exact_duplicates"``, ``"near_duplicates"``,
            ``"conflicting_labels"``, ``"leak"``, ``"group_leak"``, ``"imbalance"``, ``"single_item_class"``,
            ``"small_class"``, ``"empty_class"``, ``"class_in_one_group"``, ``"class_not_in_train"``,
            ``"class_not_in_val"``, ``"class_not_in_test"``, ``"similar_labels"``, ``"several_pages"``,
            ``"deep_pictures"``, ``"nothing_left"``, ``"surface_with_types"``, ``"doubled_box"``,
            ``"conflicting_boxes"``, ``"no_annotations"``,
            ``"unknown_language"``, ``"unknown_signs"``, ``"marks_taken_away"`` or ``"truncated"``.
        severity: ``"error"`` (a fit is impossible), ``"warning"`` (results suffer) or ``"info"``.
        count: number of items or classes concerned.
        message: one sentence.
        examples: ids of at most five items, or names of classes if it is about classes.
    """

    kind: str
    severity: Literal["error", "warning", "info"]
    count: int
    message: str
    examples: tuple[str, ...] = ()


def name_ids(dataset: Dataset, rows: Iterable[int]) -> tuple[str, ...]:
    """The ids of the first five rows.

    Examples:
        >>> name_ids(Dataset(["a", "b"], ("0", "1"), "text"), [1])
        ('1',)
    """
    return tuple(dataset.ids[row] for row in list(rows)[:EXAMPLES])


def name_classes(dataset: Dataset, rows: Sequence[int]) -> str:
    """The classes of the rows, with how many of each class are among them, in brackets; empty without classes.

    Args:
        dataset: n items.
        rows: positions of some of the items.

    Examples:
        >>> from headstart.types import Task
        >>> data = Dataset(["a"] * 3, tuple("012"), "text", Task("classification", ("x", "y")), np.array([0, 0, 1]))
        >>> name_classes(data, [0])
        " ('x' 1 of 2)"
    """
    if dataset.task is None or dataset.y is None or dataset.task.kind != "classification":
        return ""
    size = len(dataset.task.labels)
    lost, total = np.bincount(dataset.y[list(rows)], minlength=size), np.bincount(dataset.y, minlength=size)
    order = [code for code in np.argsort(-lost / np.maximum(total, 1), kind="stable") if lost[code]]
    shown = ", ".join(f"'{dataset.task.labels[code]}' {lost[code]} of {total[code]}" for code in order[:MOST])
    return f" ({shown}{', ...' if len(order) > MOST else ''})"


def _copies(codes: NDArray[np.int64], rows: NDArray[np.intp]) -> list[list[int]]:
    """Groups of at least two of the rows (ascending) with the same code, ordered by their first rows."""
    _, place, counts = np.unique(codes[rows], return_inverse=True, return_counts=True)
    repeated = rows[counts[place] > 1]
    groups: dict[int, list[int]] = defaultdict(list)
    for row, code in zip(repeated.tolist(), codes[repeated].tolist(), strict=True):
        groups[code].append(row)
    return list(groups.values())


def check_duplicates(
    dataset: Dataset, exact: NDArray[np.int64], clusters: NDArray[np.int64], keep: NDArray[np.bool_]
) -> Iterator[Finding]:
    """Items that are exact or near copies of others.

    Args:
        dataset: n items.
        exact: (n,) codes of equal content.
        clusters: (n,) codes of near-duplicate clusters, which are unions of groups of equal content.
        keep: (n,) whether an item can be used.

    Examples:
        >>> data = Dataset(["a", "a"], ("0", "1"), "text")
        >>> [found.kind for found in check_duplicates(data, np.zeros(2, int), np.zeros(2, int), np.ones(2, bool))]
        ['exact_duplicates']
    """
    rows = np.flatnonzero(keep)
    groups = _copies(exact, rows)
    extra = [row for group in groups for row in group[1:]]
    if extra:
        which = plural(len(extra), "item is an exact copy of another", "items are exact copies of others")
        message = f"{which}; copies stay on one side of every split made here."
        yield Finding(
            "exact_duplicates",
            "info",
            len(extra),
            message,
            name_ids(dataset, (row for group in groups for row in group)),
        )
    first = np.sort(rows[np.unique(exact[rows], return_index=True)[1]])
    near = _copies(clusters, first)
    extra = [row for group in near for row in group[1:]]
    if extra:
        which = plural(len(extra), "item is a near copy of another", "items are near copies of others")
        message = f"{which}; near copies stay on one side of every split made here."
        yield Finding(
            "near_duplicates", "info", len(extra), message, name_ids(dataset, (row for group in near for row in group))
        )


def check_conflicts(
    dataset: Dataset, exact: NDArray[np.int64], keep: NDArray[np.bool_], *, other: str = "a different label"
) -> Iterator[Finding]:
    """Items with equal content but different labels.

    Args:
        dataset: n items with labels.
        exact: (n,) codes of equal content.
        keep: (n,) whether an item can be used.
        other: what such items have, in the message.

    Examples:
        >>> data = Dataset(["a", "a"], ("0", "1"), "text", y=np.array([0, 1]))
        >>> [found.count for found in check_conflicts(data, np.zeros(2, int), np.ones(2, bool))]
        [2]
    """
    if dataset.y is None:
        return
    y = dataset.y.reshape(len(dataset), -1)
    groups = _copies(exact, np.flatnonzero(keep))
    conflicting = [group for group in groups if not (y[group] == y[group[0]]).all()]
    if conflicting:
        rows = [row for group in conflicting for row in group]
        message = f"{len(rows)} items have the same content as another item but {other}; correct or remove them."
        yield Finding("conflicting_labels", "warning", len(rows), message, name_ids(dataset, rows))


def check_leaks(
    dataset: Dataset, exact: NDArray[np.int64], clusters: NDArray[np.int64], keep: NDArray[np.bool_]
) -> Iterator[Finding]:
    """Content or groups that occur on both sides of a given split.

    Args:
        dataset: n items with a given split.
        exact: (n,) codes of equal content.
        clusters: (n,) codes of near-duplicate clusters.
        keep: (n,) whether an item can be used.

    Examples:
        >>> data = Dataset(["a", "a"], ("0", "1"), "text", split=np.array(["train", "test"]))
        >>> found, = check_leaks(data, np.zeros(2, int), np.zeros(2, int), np.ones(2, bool))
        >>> found.message
        '1 of the 1 test item is a copy of train items (1 exact, 0 near), so results on test are too optimistic.'
    """
    if dataset.split is None:
        return
    for one, two in combinations(("train", "val", "test"), 2):
        here = np.flatnonzero(keep & (dataset.split == one))
        there = np.flatnonzero(keep & (dataset.split == two))
        same = np.isin(exact[there], exact[here])
        near = np.isin(clusters[there], clusters[here]) & ~same
        rows = there[same | near]
        if len(rows):
            message = (
                f"{len(rows)} of the {plural(len(there), f'{two} item')} {_are(rows, 'a copy', 'copies')} of "
                f"{one} items ({int(same.sum())} exact, {int(near.sum())} near), so results on {two} are "
                "too optimistic."
            )
            yield Finding("leak", "warning", len(rows), message, name_ids(dataset, rows.tolist()))
        if dataset.groups is not None:
            rows = there[np.isin(dataset.groups[there], dataset.groups[here])]
            if len(rows):
                message = (
                    f"{len(rows)} of the {plural(len(there), f'{two} item')} {_are(rows, 'of a group', 'of groups')} "
                    f"that {one} also has."
                )
                yield Finding("group_leak", "warning", len(rows), message, name_ids(dataset, rows.tolist()))


def _are(rows: NDArray[np.intp], one: str, more: str) -> str:
    return f"is {one}" if len(rows) == 1 else f"are {more}"


def check_pictures(dataset: Dataset, pages: Sequence[int], white: Mapping[int, float]) -> Iterator[Finding]:
    """Find pictures that are read only in part (the first of several pages, or only 8 bits of deeper channels).

    Args:
        dataset: n items.
        pages: rows whose files contain further pages or frames.
        white: by row, for pictures with more than 8 bits per channel, the value that is shown as white.

    Examples:
        >>> data = Dataset(["a.tif", "b.tif"], ("a.tif", "b.tif"), "image")
        >>> [found.message for found in check_pictures(data, [], {0: 4095.0, 1: 4095.0})]
        ['2 pictures have more than 8 bits per channel: white is 4095.']
    """
    if pages:
        which = plural(len(pages), "file contains several pages or frames", "files contain several pages or frames")
        message = f"{which}, of which only the first is read."
        yield Finding("several_pages", "info", len(pages), message, name_ids(dataset, pages))
    if not white:
        return
    levels = sorted(Counter(white.values()).items())
    which = plural(len(white), "picture has more than 8 bits", "pictures have more than 8 bits")
    shown = " and ".join(f"{level:g} in {count}" for level, count in levels[:EXAMPLES])
    alike = len(levels) == 1
    how = "" if alike else ", so the brightness of these groups is not comparable"
    message = f"{which} per channel: white is {f'{levels[0][0]:g}' if alike else shown}{how}."
    yield Finding("deep_pictures", "info" if alike else "warning", len(white), message, name_ids(dataset, white))


def check_classes(dataset: Dataset, keep: NDArray[np.bool_]) -> Iterator[Finding]:
    """Imbalance, classes with few items or in only one group, and names that differ only in case or spaces.

    Args:
        dataset: n items with labels.
        keep: (n,) whether an item can be used.

    Examples:
        >>> from headstart.types import Task
        >>> data = Dataset(["a"] * 3, tuple("012"), "text", Task("classification", ("x", "X ")), np.array([0, 0, 1]))
        >>> [found.kind for found in check_classes(data, np.ones(3, bool))]
        ['single_item_class', 'small_class', 'similar_labels']
    """
    if dataset.task is None or dataset.y is None or dataset.task.kind == "regression":
        return
    labels = dataset.task.labels
    if dataset.task.kind == "classification":
        counts = np.bincount(dataset.y[keep], minlength=len(labels))
    else:
        counts = dataset.y[keep].sum(axis=0).astype(np.int64)
    lost = [labels[code] for code in np.flatnonzero(counts == 0)] + list(dataset.absent)
    if lost:
        which = plural(len(lost), "class has", "classes have")
        message = f"{which} no usable item left: {_some(lost, np.arange(len(lost)))}."
        yield Finding("empty_class", "warning", len(lost), message, tuple(lost[:EXAMPLES]))
    if dataset.task.kind == "classification" and (counts > 0).sum() < 2:
        yield Finding("nothing_left", "error", 0, "Fewer than two classes have usable items; add items or repair them.")
    yield from _sizes(labels, counts)
    yield from _of_one_group(dataset, labels, keep)
    yield from _of_one_side(dataset, labels, keep)
    yield from _similar(labels)


def _of_one_group(dataset: Dataset, labels: Sequence[str], keep: NDArray[np.bool_]) -> Iterator[Finding]:
    groups = dataset.group_codes
    if groups is None or dataset.y is None or dataset.y.ndim != 1:
        return
    pairs = np.unique(np.stack([dataset.y[keep], groups[keep]], axis=1), axis=0)  # distinct (class, group) pairs
    # A class that occurs in one pair has only one group.
    single = np.flatnonzero(np.bincount(pairs[:, 0], minlength=len(labels)) == 1)
    if len(single) and len(np.unique(pairs[:, 1])) > 1:
        which = plural(len(single), "class occurs", "classes occur")
        message = (
            f"{which} in only one group ({_some(labels, single)}), so nothing can be learnt about "
            f"{'it' if len(single) == 1 else 'them'} from other groups when groups are held out."
        )
        yield Finding("class_in_one_group", "warning", len(single), message, _first(labels, single))


def _of_one_side(dataset: Dataset, labels: Sequence[str], keep: NDArray[np.bool_]) -> Iterator[Finding]:
    """Classes that occur on only one side of a given split."""
    if dataset.split is None or dataset.y is None or dataset.y.ndim != 1:
        return
    counts = {
        name: np.bincount(dataset.y[keep & (dataset.split == name)], minlength=len(labels))
        for name in ("train", "val", "test")
    }
    if not counts["train"].any():
        return
    others = counts["val"] + counts["test"]
    unknown = np.flatnonzero((counts["train"] == 0) & (others > 0))
    if len(unknown):
        which = plural(len(unknown), "class has no train item", "classes have no train items")
        message = f"{which}, so nothing can be learnt about {'it' if len(unknown) == 1 else 'them'}: "
        shown = ", ".join(f"'{labels[code]}' ({others[code]} elsewhere)" for code in unknown[:EXAMPLES])
        more = ", ..." if len(unknown) > EXAMPLES else ""
        yield Finding(
            "class_not_in_train", "warning", len(unknown), f"{message}{shown}{more}.", _first(labels, unknown)
        )
    for name in ("val", "test"):
        unseen = np.flatnonzero((counts[name] == 0) & (counts["train"] > 0))
        if counts[name].any() and len(unseen):
            which = plural(len(unseen), f"class has no {name} item", f"classes have no {name} items")
            message = f"{which} and cannot be evaluated there: {_some(labels, unseen)}."
            yield Finding(f"class_not_in_{name}", "info", len(unseen), message, _first(labels, unseen))


def _sizes(labels: Sequence[str], counts: NDArray[Any]) -> Iterator[Finding]:
    present = counts[counts > 0]
    if len(present) and present.max() > IMBALANCE * present.min():
        ratio = present.max() / present.min()
        ends = (labels[int(counts.argmax())], labels[int(np.where(counts > 0, counts, counts.max() + 1).argmin())])
        message = (
            f"The largest class, '{ends[0]}', has {ratio:.0f} times the items of the smallest, '{ends[1]}'; "
            "look at balanced accuracy as well."
        )
        yield Finding("imbalance", "warning" if ratio > STRONG_IMBALANCE else "info", len(present), message, ends)
    single, few = np.flatnonzero(counts == 1), np.flatnonzero((counts > 1) & (counts < FEW))
    if len(single):
        which = plural(len(single), "class has one item", "classes have one item each")
        message = f"{which} and cannot be validated: {_some(labels, single)}."
        yield Finding("single_item_class", "warning", len(single), message, _first(labels, single))
    if len(few):
        which = plural(len(few), f"class has fewer than {FEW} items", f"classes have fewer than {FEW} items each")
        message = f"{which}: {_some(labels, few)}."
        yield Finding("small_class", "info", len(few), message, _first(labels, few))


def _similar(labels: Sequence[str]) -> Iterator[Finding]:
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        spellings[" ".join(label.split()).casefold()].append(label)
    same = [names for names in spellings.values() if len(names) > 1]
    if same:
        pairs = "; ".join(" and ".join(map(repr, names)) for names in same[:EXAMPLES])
        which = plural(len(same), "label is spelt", "labels are spelt")
        kept = "in ways that differ only in case or spaces; they were kept as different classes"
        message = f"{which} {kept}: {pairs}."
        yield Finding(
            "similar_labels", "warning", len(same), message, tuple(name for names in same for name in names)[:EXAMPLES]
        )


def _first(labels: Sequence[str], which: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(labels[index] for index in which[:EXAMPLES])


def _some(labels: Sequence[str], which: NDArray[np.intp]) -> str:
    shown = ", ".join(f"'{name}'" for name in _first(labels, which))
    return shown + (", ..." if len(which) > EXAMPLES else "")
