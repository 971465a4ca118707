"""A new version from the feedback in the store, by an exact update.

Which feedback a version was taught from stands in the version itself, so nothing is taught twice and a process that is
killed at any moment leaves the old version or the new one. Feedback that a rolled-back version was taught from is not
taught again unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from headstart.errors import ItemError
from headstart.model.versions import Version, moves_of, versions_of
from headstart.registry import OPERATIONS
from headstart.serve.batching.served import ServedModel
from headstart.serve.items.keeping import kept_item
from headstart.serve.options import RequestLimits
from headstart.serve.store.events import FeedbackStore, KeptFeedback, Mark
from headstart.tasks import encode_labels, is_multilabel, is_regression
from headstart.types import Dataset

__all__ = ["Lesson", "label_problem", "newest_of_each", "taught_by", "taught_up_to", "teach"]

NOTE = "feedback"  # the member of a version's description
NOTED = ("after", "up_to", "items")
NAME = "feedback-"  # of an item, before its number
MOST_BYTES = 2**30  # of items that one version is taught from


@dataclass(frozen=True)
class Lesson:
    """What was taught.

    Attributes:
        version: the number of the new version; None if nothing changed.
        after: feedback after this number was read.
        up_to: and up to this one.
        events: how many events that were.
        report: what the update did, as plain values.
        failures: the reason for each event that was left out, by its number.
        seconds: wall time.

    Examples:
        >>> Lesson(None, 0, 0, 0).report
        {}
    """

    version: int | None
    after: int
    up_to: int
    events: int
    report: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def taught_up_to(run: Path, store: FeedbackStore) -> int:
    """The number of the last feedback that a version was taught from which is or was in force; 0 for none.

    Args:
        run: the run folder.
        store: where the feedback is, with the marks of versions that may have been deleted since.

    Raises:
        NoModelError: if the folder is not a model.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> from headstart.serve.store.sql import open_store
        >>> run = zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp())
        >>> store = open_store(run / "feedback.db")
        >>> taught_up_to(run, store)
        0
        >>> store.close()
    """
    by_number = {version.number: version for version in versions_of(run)}
    ever = {version.number for version in by_number.values() if version.in_force}
    ever |= {int(move[side]) for move in moves_of(run) for side in ("from", "to") if isinstance(move.get(side), int)}
    noted = [note["up_to"] for number in ever for note in _notes(by_number, number)]
    return max([0, *noted, *(mark.up_to for mark in store.marks())])


def taught_by(run: Path) -> tuple[int, int]:
    """What the version in force was taught from, itself and the versions that it was made from.

    Args:
        run: the run folder.

    Returns:
        How many corrections, and the number of the last one; 0 for none.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> taught_by(zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp()))
        (0, 0)
    """
    found = {version.number: version for version in versions_of(run)}
    notes = _notes(found, next((number for number, version in found.items() if version.in_force), 0))
    return sum(note["items"] for note in notes), max([0, *(note["up_to"] for note in notes)])


def _notes(by_number: Mapping[int, Version], number: int) -> list[dict[str, int]]:
    """What a version, and those that it was made from, were taught from.

    A version that was written, but not yet put in force when its process was killed, is none of them.
    """
    found, seen = [], set()
    while number in by_number and number not in seen:
        seen.add(number)
        about = by_number[number].about
        note, base = about.get(NOTE), about.get("base")
        if isinstance(note, dict) and all(isinstance(note.get(name), int) for name in NOTED):
            found.append(note)
        number = base if isinstance(base, int) else 0
    return found


def newest_of_each(events: Sequence[KeptFeedback]) -> list[KeptFeedback]:
    """Of several events about the same item, the last one; in their order.

    Examples:
        >>> from headstart.serve.store.events import Feedback
        >>> given = [KeptFeedback(k, "", Feedback("text", b"a", label)) for k, label in enumerate(["up", "down"], 1)]
        >>> [one.feedback.label for one in newest_of_each(given)]
        ['down']
    """
    last = {one.feedback.digest: one.number for one in events}
    return [one for one in events if last[one.feedback.digest] == one.number]


def teach(
    run: Path,
    served: ServedModel,
    store: FeedbackStore,
    *,
    limits: RequestLimits,
    after: int | None = None,
    up_to: int | None = None,
) -> Lesson:
    """Make a new version from feedback, and put it in force.

    Args:
        run: the run folder.
        served: the version in force.
        store: where the feedback is.
        limits: of items.
        after: the feedback after this number; default: what no version was taught from.
        up_to: the last feedback that is read; default: all that is committed now. Of very much only the first is read.

    Raises:
        DataError: if the model cannot be updated, or no item can be used.
        SaveError: if the version cannot be written, or another process is writing one.

    Examples:
        >>> import tempfile
        >>> from headstart import fit
        >>> from headstart.serve.store.events import Feedback
        >>> from headstart.serve.store.sql import open_store
        >>> from headstart.serve.teaching.opening import open_version
        >>> from headstart.engine.options import Engine
        >>> data = (["good day", "fine day", "bad end", "sad end"] * 5, ["up", "up", "down", "down"] * 5)
        >>> run = fit(data, source="toy", baselines="none", verbose=False).save(tempfile.mkdtemp())
        >>> store, served = open_store(run / "feedback.db"), open_version(run, Engine(cache=False))
        >>> _ = store.append([Feedback("text", b"where is it", "question")])
        >>> teach(run, served, store, limits=RequestLimits()).version, taught_up_to(run, store), taught_by(run)
        (2, 1, (1, 1))
        >>> store.close()
    """
    began = perf_counter()
    begin = taught_up_to(run, store) if after is None else after
    end = store.last() if up_to is None else min(up_to, store.last())
    events = store.events(begin, end, MOST_BYTES)
    end = events[-1].number if events else end
    dataset, failures = _usable(newest_of_each(events), served, limits)
    note = {"after": begin, "up_to": end, "items": len(dataset)}
    number, report, refused = _update(run, dataset, served, {NOTE: note})
    if events:
        store.mark(Mark(int(served.version) if number is None else number, begin, end))
    failures = dict(sorted((failures | refused).items()))
    return Lesson(number, begin, end, len(events), report, failures, perf_counter() - began)


def _update(
    run: Path, dataset: Dataset, served: ServedModel, about: Mapping[str, Any]
) -> tuple[int | None, dict[str, Any], dict[int, str]]:
    """The number of the new version, what was done, and why feedback was left out; the last by its number."""
    if not len(dataset):
        return None, {}, {}
    try:
        found = OPERATIONS["update"](
            run, dataset, relabel=True, engine=served.model.engine, verbose=False, about=about, opened=served.model
        )
    except ItemError as error:
        return None, {}, dict.fromkeys(map(_number, dataset.ids), str(error))
    refused = {_number(name): str(reason) for name, reason in found.failures.items()}
    refused |= {
        _number(name): f"The item '{other}' has the same content and another label."
        for name, other in found.contradictions.items()
    }
    refused |= {_number(name): "The model has it already." for name in found.duplicates}
    return None if found.version is None else found.version.number, found.to_dict(), refused


def _number(name: str) -> int:
    """The number of the feedback that an item was named by."""
    return int(name.removeprefix(NAME).partition("@")[0])


def _usable(
    events: Sequence[KeptFeedback], served: ServedModel, limits: RequestLimits
) -> tuple[Dataset, dict[int, str]]:
    """The items and labels that the model can be taught with, and why others cannot be used."""
    items: list[Any] = []
    labels: list[Any] = []
    numbers: list[int] = []
    failures: dict[int, str] = {}
    for one in events:
        reason = label_problem(one.feedback.label, served)
        try:
            item = kept_item(one.feedback, served, limits)
        except ItemError as error:
            reason = str(error)
        if reason:
            failures[one.number] = reason
        else:
            items.append(item)
            labels.append(one.feedback.label)
            numbers.append(one.number)
    task = served.model.with_new_labels(labels) if labels else served.model.task
    y = encode_labels(labels, task) if labels else None
    names = tuple(f"{NAME}{number}" for number in numbers)
    return Dataset(items, names, served.modality, task, y, columns=tuple(served.model.columns)), failures


def label_problem(label: Any, served: ServedModel) -> str:
    """Why a label does not fit the task of a model; empty if it does. A new class fits.

    Examples:
        >>> from headstart import zero_shot
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> label_problem("praise", served), label_problem(3.5, served)
        ('', 'A label of this model is a text.')
    """
    task = served.model.task
    if is_regression(task):
        values = label if isinstance(label, list) else [label]
        fits = len(values) == task.num_outputs and all(isinstance(value, int | float) for value in values)
        return "" if fits else f"A label of this model is {task.num_outputs} number(s)."
    if is_multilabel(task):
        known = isinstance(label, list) and set(map(str, label)) <= set(task.labels)
        return "" if known else "A label of this model is a list of labels that it has."
    return "" if isinstance(label, str) and label.strip() else "A label of this model is a text."
