"""The data audit: unusable items, duplicates, leaks, and rare or conflicting classes."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from headstart.annotations.units import ANNOTATIONS_OF, in_units
from headstart.data.auditing.annotation_findings import (
    AnnotationCounts,
    check_annotations,
    count_annotations,
    is_annotated,
    plain_view,
    with_keys,
)
from headstart.data.auditing.duplicates import Pairs, chain_pairs, fold_text, join_pairs, near_sketches, near_texts
from headstart.data.auditing.findings import (
    Finding,
    check_classes,
    check_conflicts,
    check_duplicates,
    check_leaks,
    check_pictures,
    name_classes,
    name_ids,
)
from headstart.data.auditing.sketches import Sketch, digest, sketch_audio, sketch_image
from headstart.data.auditing.token_counts import TextFacts, draw_texts, measure_texts
from headstart.data.table.several_columns import QUANTITIES, parse_column, text_columns
from headstart.errors import ItemError
from headstart.reporting.summary import summary_html, summary_text
from headstart.reporting.wording import plural
from headstart.types import Dataset, Modality

__all__ = ["Audit", "audit"]

CHUNK = 4096
REASON = re.compile(r"Cannot read (?:'.*?'|the \w+ given)(?: as an? \w+)?: (.*)", re.DOTALL)
MAX_REASONS = 4
SHOWN = 10  # findings in the printed form of an audit
ASPECT_TOLERANCE = 0.05  # of log(width / height)
DURATION_TOLERANCE = 0.02  # of log(seconds)

Progress = Callable[[int, int], None]
SketchAll = Callable[[Sequence[Any], Callable[[Any], Sketch], Progress], Sequence[Sketch | str]]


@dataclass(frozen=True)
class Audit:
    """The result of an audit.

    Attributes:
        findings: what was found, errors first, then warnings.
        keep: (n,) booleans; False for items that cannot be used because they are unreadable or empty.
        clusters: (n,) codes of near-duplicate clusters, whose items must stay on one side of a split; an item without
            near duplicates has a code of its own.
        content: n digests of the items' exact content, empty for an unreadable item.
        texts: for each column of texts, the scripts they are written in and, once a source is known, how its tokenizer
            handles them.

    Examples:
        >>> audit(Dataset(["hello there", "", "Hello there!"], ("0", "1", "2"), "text")).keep.tolist()
        [True, False, True]
    """

    findings: tuple[Finding, ...]
    keep: NDArray[np.bool_]
    clusters: NDArray[np.int64]
    content: tuple[str, ...]
    texts: tuple[TextFacts, ...] = ()

    def __repr__(self) -> str:
        """A summary in a few lines."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A summary table for notebooks."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        title = f"Audit: {int(self.keep.sum()):,} of {len(self.keep):,} items are usable"
        found = [(finding.severity, finding.message) for finding in self.findings[:SHOWN]]
        more = len(self.findings) - len(found)
        return title, found + ([("", f"and {more} more in .findings")] if more else [])


@dataclass(frozen=True)
class _Contents:
    """The result of reading all items: digests, unusable items, the search for near pairs, and details of pictures."""

    digests: tuple[str, ...]
    unreadable: dict[int, str]
    empty: tuple[int, ...]
    near: Callable[[list[int]], Pairs]
    pages: tuple[int, ...] = ()
    white: Mapping[int, float] = field(default_factory=dict)

    def also_unreadable(self, reasons: Mapping[int, str]) -> _Contents:
        """The same with further items that cannot be read, such as those whose mask cannot."""
        return replace(self, unreadable={**self.unreadable, **reasons})


def audit(
    dataset: Dataset, *, near: bool = True, progress: Progress | None = None, sketch_all: SketchAll | None = None
) -> Audit:
    """Data audit: reads every item once, and finds what would harm a model or bias its metrics.

    It finds unreadable and empty items (not kept); exact and near duplicates; the same content with different labels;
    exact or near copies, and groups, on both sides of a given split; imbalance above 10 to 1; classes with one item or
    with fewer than five; classes without items, on only one side of a given split, or in only one group; and labels
    that differ only in case or spaces.

    Args:
        dataset: n items.
        near: whether to search for near duplicates; exact duplicates are always found.
        progress: called with (items done, n) after each picture or sound, and after every 4,096 rows of numbers, in
            order and from the calling thread.
        sketch_all: reads all pictures or sounds. It is called with (items, the function that sketches one item,
            progress), and returns for each item its sketch or the reason why it cannot be read. By default all items
            are decoded, in up to eight threads.

    Examples:
        >>> found = audit(Dataset(["Where is it?", "where is it", "Who?"], ("0", "1", "2"), "text"))
        >>> found.clusters.tolist(), [finding.kind for finding in found.findings]
        ([0, 0, 1], ['near_duplicates'])
    """
    counted = count_annotations(dataset) if is_annotated(dataset) else None
    annotated, dataset = dataset, dataset if counted is None else plain_view(dataset, counted)
    contents = _read(dataset, progress or (lambda _done, _count: None), sketch_all or _sketch_each)
    keep = np.ones(len(dataset), dtype=bool)
    contents = contents if counted is None else contents.also_unreadable(counted.unreadable)
    keep[[*contents.unreadable, *contents.empty]] = False
    exact = _exact_codes(contents.digests, keep)
    pairs = _near_pairs(contents, exact, keep) if near else np.empty((0, 2), dtype=np.int64)
    clusters = join_pairs(len(dataset), chain_pairs(exact), pairs)
    found = [
        *_unusable(dataset, contents, keep),
        *_conflicts(annotated, counted, exact, keep),
        *check_leaks(dataset, exact, clusters, keep),
        *check_duplicates(dataset, exact, clusters, keep),
        *check_classes(dataset, keep),
        *check_pictures(dataset, contents.pages, contents.white),
        *([] if counted is None else check_annotations(annotated, counted, keep)),
    ]
    order = ("error", "warning", "info")
    found.sort(key=lambda finding: order.index(finding.severity))
    kind = "" if annotated.task is None else annotated.task.kind
    findings = tuple(replace(one, message=in_units(one.message, kind)) for one in found)
    texts = tuple(measure_texts(draw_texts(column), column=name) for name, column in text_columns(dataset))
    return Audit(findings, keep, clusters, contents.digests, texts)


def _conflicts(
    dataset: Dataset, counted: AnnotationCounts | None, exact: NDArray[np.int64], keep: NDArray[np.bool_]
) -> Iterator[Finding]:
    if counted is None:
        return check_conflicts(dataset, exact, keep)
    other = f"different {ANNOTATIONS_OF[dataset.labelled()[0].kind]}"
    return check_conflicts(with_keys(dataset, counted), exact, keep, other=other)


def _read(dataset: Dataset, progress: Progress, sketch_all: SketchAll) -> _Contents:
    if dataset.modality == "multimodal":
        return _read_several(dataset, progress, sketch_all)
    if dataset.modality == "text":
        return _read_texts(dataset.items)
    if dataset.modality == "vector":
        return _read_vectors(np.asarray(dataset.items), progress)
    if dataset.modality == "image":
        return _sketched(sketch_all(dataset.items, sketch_image, progress), ASPECT_TOLERANCE)
    return _sketched(sketch_all(dataset.items, sketch_audio, progress), DURATION_TOLERANCE)


def _read_several(dataset: Dataset, progress: Progress, sketch_all: SketchAll) -> _Contents:
    """Items of several columns: unreadable if one of their parts is, and near if all their parts are near."""
    columns = [parse_column(name) for name in dataset.columns]
    held = [column for column in columns if column.kind not in QUANTITIES]
    digests = [[repr(item[len(held) :])] for item in dataset.items]
    unreadable: dict[int, str] = {}
    parts: list[tuple[dict[int, int], _Contents]] = []
    for place, column in enumerate(held):
        there = [row for row, item in enumerate(dataset.items) if item[place] is not None]
        values, kind = [dataset.items[row][place] for row in there], cast("Modality", column.kind)
        found = _read(Dataset(values, tuple(map(str, there)), kind), progress, sketch_all)
        parts.append(({row: k for k, row in enumerate(there)}, found))
        unreadable |= {there[k]: f"{column.name}: {reason}" for k, reason in found.unreadable.items()}
        for k, row in enumerate(there):
            digests[row].append(f"{place} {found.digests[k]}")

    def near(rows: list[int]) -> Pairs:
        # Codes per row: one column for the quantities, then one per part. Rows with equal codes are near in all parts.
        codes = np.array([hash(digests[row][0]) for row in rows])[:, None]
        for place_of, found in parts:
            own = [(k, place_of[row]) for k, row in enumerate(rows) if row in place_of]
            back = {place: k for k, place in own}
            pairs = np.array([[back[a], back[b]] for a, b in found.near([place for _, place in own])], np.int64)
            joined = join_pairs(len(rows), pairs.reshape(-1, 2))
            gone = [k for k, row in enumerate(rows) if row not in place_of]
            # Items without this part share a code.
            joined[gone] = -1
            codes = np.column_stack([codes, joined])
        _, same = np.unique(codes, axis=0, return_inverse=True)
        return _renumber(chain_pairs(same.ravel().astype(np.int64)), rows)

    names = tuple("" if row in unreadable else digest("\n".join(own).encode("utf-8", "surrogatepass"))
                  for row, own in enumerate(digests))  # fmt: skip
    nothing = tuple(row for row, item in enumerate(dataset.items) if all(_is_missing(part) for part in item))
    return _Contents(names, unreadable, nothing, near)


def _is_missing(part: object) -> bool:
    return part is None or (isinstance(part, tuple) and all(cell is None for cell in part))


def _read_texts(items: Sequence[str]) -> _Contents:
    same = (text if text.isascii() else unicodedata.normalize("NFC", text) for text in items)
    digests = tuple(digest(text.encode("utf-8", "surrogatepass")) for text in same)
    empty = tuple(row for row, text in enumerate(items) if not text or text.isspace())

    def near(rows: list[int]) -> Pairs:
        plain = [fold_text(items[row]) for row in rows]
        _, codes = np.unique(np.array(plain, dtype=object), return_inverse=True)
        return _renumber(np.concatenate([chain_pairs(codes.astype(np.int64)), near_texts(plain)]), rows)

    return _Contents(digests, {}, empty, near)


def _read_vectors(items: NDArray[Any], progress: Progress) -> _Contents:
    """Rows of numbers, read in chunks so that a memory map is never copied; only exact duplicates are defined."""
    reason = "it holds a missing or infinite number"
    digests: list[str] = []
    unreadable: dict[int, str] = {}
    for start in range(0, len(items), CHUNK):
        rows = np.ascontiguousarray(items[start : start + CHUNK] + 0)  # -0 counts as 0
        finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
        unreadable |= dict.fromkeys((start + np.flatnonzero(~finite)).tolist(), reason)
        digests.extend(digest(row.data) for row in rows)
        progress(len(digests), len(items))
    return _Contents(tuple(digests), unreadable, (), lambda _rows: np.empty((0, 2), dtype=np.int64))


def _sketch_each(items: Sequence[Any], sketch: Callable[[Any], Sketch], progress: Progress) -> list[Sketch | str]:
    def attempt(item: Any) -> Sketch | str:
        try:
            return sketch(item)
        except ItemError as error:
            return str(error)

    found: list[Sketch | str] = []
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for result in pool.map(attempt, items):
            found.append(result)
            progress(len(found), len(items))
    return found


def _sketched(found: Sequence[Sketch | str], tolerance: float) -> _Contents:
    sketches = {row: result for row, result in enumerate(found) if isinstance(result, Sketch)}
    unreadable = {row: result for row, result in enumerate(found) if isinstance(result, str)}
    digests = tuple(sketches[row].digest if row in sketches else "" for row in range(len(found)))

    def near(rows: list[int]) -> Pairs:
        pairs = near_sketches([sketches[row] for row in rows], tolerance)
        return _renumber(pairs, rows)

    pages = tuple(row for row, sketch in sketches.items() if sketch.has_more)
    white = {row: sketch.white for row, sketch in sketches.items() if sketch.white}
    return _Contents(digests, unreadable, (), near, pages, white)


def _renumber(pairs: Pairs, rows: list[int]) -> Pairs:
    return np.asarray(np.asarray(rows, dtype=np.int64)[pairs], dtype=np.int64)


def _exact_codes(digests: Sequence[str], keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Codes of equal content; an item that is not kept has a code of its own."""
    names = [name if kept else f"row {row}" for row, (name, kept) in enumerate(zip(digests, keep, strict=True))]
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)


def _near_pairs(contents: _Contents, exact: NDArray[np.int64], keep: NDArray[np.bool_]) -> Pairs:
    """Near pairs among the first item of each distinct content."""
    _, first = np.unique(exact, return_index=True)
    rows = [int(row) for row in np.sort(first) if keep[row]]
    return contents.near(rows)


def _unusable(dataset: Dataset, contents: _Contents, keep: NDArray[np.bool_]) -> Iterator[Finding]:
    if len(dataset) and not keep.any():
        yield Finding("nothing_left", "error", len(dataset), "No item can be used; the other findings say why.")
    if contents.unreadable:
        rows = list(contents.unreadable)
        which = plural(len(rows), "item cannot be read and is left out", "items cannot be read and are left out")
        message = f"{which}{name_classes(dataset, rows)}; {_reasons(dataset, contents.unreadable)}"
        examples = name_ids(dataset, rows)
        yield Finding("unreadable", "warning", len(rows), message.rstrip(".") + ".", examples)
    if contents.empty:
        which = plural(len(contents.empty), "item is empty and is left out", "items are empty and are left out")
        message = f"{which}{name_classes(dataset, contents.empty)}."
        yield Finding("empty", "warning", len(contents.empty), message, name_ids(dataset, contents.empty))


def _reasons(dataset: Dataset, unreadable: Mapping[int, str]) -> str:
    """The first item with its reason, and one example for each further reason."""
    rows: dict[str, list[int]] = {}
    for row, reason in unreadable.items():
        found = REASON.match(reason)
        rows.setdefault(found.group(1) if found else reason, []).append(row)
    first = next(iter(unreadable))
    parts = [f"the first, '{dataset.ids[first]}': {unreadable[first].rstrip('.')}"]
    for why, others in list(rows.items())[1:MAX_REASONS]:
        parts.append(f"{len(others)} more, such as '{dataset.ids[others[0]]}': {why.rstrip('.')}")
    return "; ".join(parts)
