"""A new version from the feedback in the store, by an exact update.

Which feedback a version was taught from stands in the version itself, so nothing is taught twice and a process that is
killed at any moment leaves the old version or the new one. Feedback that a rolled-back version was taught from is not
taught again unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.errors import ItemError
from headstart.model.versions import versions_of
from headstart.registry import OPERATIONS
from headstart.serve.batching.served import ServedModel
from headstart.serve.items.keeping import kept_item
from headstart.serve.options import RequestLimits
from headstart.serve.store.events import FeedbackStore, KeptFeedback
from headstart.tasks import is_multilabel, is_regression

__all__ = ["Lesson", "label_problem", "newest_of_each", "taught_up_to", "teach"]

NOTE = "feedback"  # the member of a version's description


@dataclass(frozen=True)
class Lesson:
    """What was taught.

    Attributes:
        version: the number of the new version; None if nothing changed.
        after: feedback after this number was read.
        up_to: and up to this one.
        events: how many events that were.
        report: what the update did, as plain values.
        failures: the reason for each event whose item or label could not be used, by its number.

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


def taught_up_to(run: Path) -> int:
    """The number of the last feedback that any version was taught from; 0 for none.

    Args:
        run: the run folder.

    Raises:
        ModelFolderError: if a description of a version is damaged.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> taught_up_to(zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp()))
        0
    """
    notes = [version.about.get(NOTE) for version in versions_of(run)]
    numbers = [one.get("up_to") for one in notes if isinstance(one, dict)]
    return max([0, *(number for number in numbers if isinstance(number, int))])


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
        up_to: the last feedback that is read; default: all that is committed now.

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
        >>> teach(run, served, store, limits=RequestLimits()).version, taught_up_to(run)
        (2, 1)
        >>> store.close()
    """
    begin = taught_up_to(run) if after is None else after
    end = store.last() if up_to is None else min(up_to, store.last())
    events = store.events(begin, end)
    items, labels, failures = _usable(newest_of_each(events), served, limits)
    if not items:
        return Lesson(None, begin, end, len(events), failures=failures)
    found = OPERATIONS["update"](
        run, (items, labels), relabel=True, modality=served.modality, task=served.model.task.kind,
        engine=served.model.engine, verbose=False, about={NOTE: {"after": begin, "up_to": end}},
    )  # fmt: skip
    number = None if found.version is None else found.version.number
    return Lesson(number, begin, end, len(events), found.to_dict(), failures)


def _usable(
    events: Sequence[KeptFeedback], served: ServedModel, limits: RequestLimits
) -> tuple[list[Any], list[Any], dict[int, str]]:
    """The items and labels that the model can be taught with, and why others cannot be used."""
    items: list[Any] = []
    labels: list[Any] = []
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
    return items, labels, failures


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
