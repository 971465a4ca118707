"""The default source of a fit: by the items where they settle it, else by a comparison on training items."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.reporting import Reporter
from headstart.sources import open_source
from headstart.sources.default import DefaultSource, check_default, default_source, report_default, source_for
from headstart.transfer.ranking.choice import Choice, choosing_part
from headstart.transfer.ranking.comparison import FEWEST_COMPARED, Comparison, compare_sources
from headstart.transfer.ranking.run import RankingItems
from headstart.transfer.stages.context import RunContext
from headstart.types import Dataset, Source

__all__ = ["as_chosen_before", "choose_default", "default_record", "named_choice"]

COMPARED = ("image", "audio", "text")

BY_ITEMS = "the items alone; no label was used"

_BEFORE: ContextVar[Mapping[str, Any] | None] = ContextVar("chosen_before", default=None)


def choose_default(
    dataset: Dataset,
    units: NDArray[np.int64],
    context: RunContext,
    *,
    part: RankingItems | None = None,
    once: bool = False,
) -> Choice:
    """Choose the default source for labelled items of one modality, and report it with the reason and the cost.

    Where the items leave several candidates (`headstart.sources.default.default_source`), these are compared by their
    leave-one-out losses on a sample of at most a few hundred training items
    (`headstart.transfer.ranking.comparison`). The rows of the winner are not encoded again.

    Args:
        dataset: n labelled items.
        units: (n,) codes of items that must not be split.
        context: engine, reporter, seed and time limit.
        part: the items that may be used; default: the training part of a fit (`choosing_part`).
        once: whether a fifth is held out however few items there are, as in `make_plan`.

    Raises:
        MissingExtraError: for texts if no source of texts is installed.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.types import Task
        >>> task = Task("classification", ("card", "transfer"))
        >>> texts = ["Where is my card?", "My transfer is late."] * 10
        >>> data = Dataset(texts, tuple(map(str, range(20))), "text", task=task, y=np.arange(20) % 2)
        >>> found = choose_default(data, np.arange(20), RunContext(SilentReporter()))
        >>> found.source.info.name, found.record["how"]
        ('headstart:text', 'rule')
    """
    before = _BEFORE.get()
    if before is not None:
        return Choice(open_source(before["chosen"], modality=dataset.modality), None, before)
    started = time.perf_counter()
    part = part or choosing_part(dataset, units, context.seed, once=once)
    default = default_source(dataset.modality, [dataset.items[k] for k in part.rows])
    if default.candidates and len(part.rows) < FEWEST_COMPARED:
        why = f"{default.why}; {len(part.rows)} items are too few to compare {' and '.join(default.candidates)}"
        default = replace(default, candidates=(), why=why)
    if not default.candidates:
        source = default.opened or open_source(default.name, modality=dataset.modality)
        record = default_record(default, BY_ITEMS, time.perf_counter() - started)
        _report(default, None, record, context.reporter)
        return Choice(source, None, record)
    with context.reporter.progress("comparing the default sources"):
        compared = compare_sources(default.candidates, dataset, units, part.rows, context)
    if compared.items < len(part.rows):
        part = replace(part, how=f"a sample of {compared.items} of {part.how}")
    how = part.described(len(default.candidates))
    winner = compared.winner or next(one for one in compared.contestants if one.entry.name == default.name)
    figures = f"on {compared.items} items {compared.why}" if compared.winner else compared.why
    found = default.compared(winner.entry.name, figures)
    rows = winner.growing()
    record = default_record(found, how, time.perf_counter() - started, compared)
    _report(found, compared, record, context.reporter)
    return Choice(rows.source, rows, record)


@contextmanager
def as_chosen_before(column: str, record: Mapping[str, Any], *, same_split: bool) -> Iterator[None]:
    """Within this context, `choose_default` takes the source that was chosen for another label column of the items.

    Its record is that of the choice, with the column as ``"chosen_for"`` and without a cost.

    Args:
        column: the label column whose fit chose the source.
        record: of that choice, from `default_record`.
        same_split: whether the fits of both columns hold out the same items.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> data = Dataset(["good", "bad"], ("0", "1"), "text")
        >>> before = default_record(DefaultSource("toy", "it is the only one"), BY_ITEMS, 0.1)
        >>> with as_chosen_before("mood", before, same_split=True):
        ...     found = choose_default(data, np.arange(2), RunContext(SilentReporter()))
        >>> found.source.info.name, found.record["chosen_for"], found.record["seconds"]
        ('toy', 'mood', 0.0)
    """
    on = f"{record['chosen_on']}, for the column '{column}'"
    if record["sources"]:  # their comparison used labels
        unseen = "" if same_split else "; items that are held out here may be among them"
        on = f"the labels of the column '{column}': {record['chosen_on']}{unseen}"
    token = _BEFORE.set({**record, "chosen_for": column, "chosen_on": on, "seconds": 0.0})
    try:
        yield
    finally:
        _BEFORE.reset(token)


def default_record(
    default: DefaultSource, how: str, seconds: float, compared: Comparison | None = None
) -> dict[str, Any]:
    """The choice of a default source as plain JSON values.

    Args:
        default: the source that was taken.
        how: which items it was chosen on.
        seconds: what the choice cost, including rows that the fit uses again.
        compared: the comparison, if there was one.

    Examples:
        >>> default_record(DefaultSource("toy", "it is the only one"), "it", 0.0)["chosen"]
        'toy'
    """
    return {
        "chosen": default.name,
        "how": "rule" if compared is None else "comparison",
        "why": default.why,
        "chosen_on": how,
        "advice": default.advice,
        "figures": dict(default.figures),
        "sources": [] if compared is None else list(compared.record),
        "seconds": seconds,
    }


def _report(found: DefaultSource, compared: Comparison | None, record: Mapping[str, Any], reporter: Reporter) -> None:
    cost = f" ({record['seconds']:.1f} s)" if compared is not None else ""
    reporter.line("source chosen", f"{found.name}{cost}: {found.why}")
    if found.advice:
        reporter.line("", found.advice)
    if compared is not None:
        reporter.line("chosen on", record["chosen_on"])


def named_choice(
    dataset: Dataset, source: str | Source | Sequence[str | Source] | None, reporter: Reporter
) -> Choice | None:
    """The source that is known before the audit: a named one, or that of several columns; None if items decide.

    Args:
        dataset: n items.
        source: a name, an open source, several of them, or None for the default.
        reporter: receives the defaults of columns.

    Raises:
        SourceError: if the source encodes another modality.
        MissingExtraError: if no source of texts is installed.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> data = Dataset(["good"], ("0",), "text")
        >>> named_choice(data, "toy", SilentReporter()).source.info.name, named_choice(data, None, SilentReporter())
        ('toy', None)
    """
    if source is None and dataset.modality in COMPARED:
        check_default(dataset.modality)
        return None
    started = time.perf_counter()
    report = report_default(reporter)
    columns: dict[str, Any] = {}

    def on_default(column: str, default: DefaultSource) -> None:
        report(column, default)
        columns[column] = default_record(default, BY_ITEMS, time.perf_counter() - started)

    opened = source_for(dataset, source, on_default=on_default)
    return Choice(opened, None, {"chosen": opened.info.name, "columns": columns} if any(columns) else {})
