"""The items of a search: audited, encoded once, and judged with the default head on the outer split."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.data import union_groups
from headstart.heads import HeadSearch
from headstart.heads.architecture import Architecture
from headstart.heads.problem import Problem
from headstart.rows import take_rows
from headstart.search.driving.losses import work_of
from headstart.transfer.gate.move_body import check_body
from headstart.transfer.ranking.choice import Choice
from headstart.transfer.ranking.default_choice import choose_default, named_choice
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import Judged, judged_quietly
from headstart.transfer.stages.label_texts import with_label_text
from headstart.transfer.stages.number_format import NumberFormat, in_number_format
from headstart.transfer.stages.prepare import Prepared, audit_items, encode_items
from headstart.types import Dataset, Source

__all__ = ["SearchItems", "operations_a_second", "prepare_search"]

PROBE = 400  # columns of the eigendecomposition that is timed


@dataclass(frozen=True)
class SearchItems:
    """Encoded items, and the default on them.

    Attributes:
        choice: the source, and why it was chosen.
        prepared: items with their rows.
        search: what a fit compares by default.
        default: the head that a fit would choose, judged on the held-out part.
        number_format: the record of a body in int8; empty for none.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> import numpy as np
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = read((rows, ["left"] * 10 + ["right"] * 10))
        >>> found = prepare_search(data, None, RunContext(SilentReporter()))
        >>> len(found.problem.y), len(found.default.plan.evaluated)     # the search sees 16 of the 20
        (16, 4)
    """

    choice: Choice
    prepared: Prepared
    search: HeadSearch
    default: Judged
    number_format: dict[str, object]

    @property
    def problem(self) -> Problem:
        """Rows and labels that the search sees: those that the default was fitted on."""
        dataset, judged = self.prepared.dataset, self.default
        task, y = dataset.labelled()
        rows = judged.plan.fitted
        groups = None if judged.groups is None else judged.groups[rows]
        training = take_rows(self.prepared.rows, rows)
        blocks = self.prepared.source.info.blocks
        return Problem(training, y[rows], task, blocks, groups, judged.seed, None, self.search.prior)


def prepare_search(
    dataset: Dataset,
    source: str | Source | Sequence[str | Source] | None,
    context: RunContext,
    *,
    tunes: bool = False,
) -> SearchItems:
    """Audit and encode labelled items, hold out the outer split, and judge the default on it.

    Args:
        dataset: labelled items.
        source: a name, an open source, several, or None for the default.
        context: engine, reporter, seed and time limit.
        tunes: whether the body will be fine-tuned.

    Raises:
        SourceError: if it is to be fine-tuned, and cannot be.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> texts = [f"{mood} film {i}" for i in range(20) for mood in ("good", "bad")]
        >>> data = read((texts, ["+", "-"] * 20))
        >>> prepare_search(data, "toy", RunContext(SilentReporter())).default.evaluation.metrics["accuracy"].value
        1.0
    """
    reporter = context.reporter
    with reporter.progress("opening the source"):
        choice = named_choice(dataset, source, reporter)
    audited = audit_items(dataset, context)
    if choice is None:
        units = union_groups(audited.dataset.groups, audited.clusters)
        choice = choose_default(audited.dataset, units, context, once=True)
    if tunes:
        check_body("lp_ft", choice.source)
    form = NumberFormat(choice.source, {}) if tunes else in_number_format(audited, choice.source, context)
    known = choice.rows if form.source is choice.source else None
    prepared = encode_items(audited, form.source, context, known=known)
    prepared, search = with_label_text(prepared, HeadSearch(), "auto", reporter)
    _warn_if_long(prepared, context)
    with reporter.progress("judging the default"):
        default = judged_quietly(prepared, search, context.seed)
    head = default.model.head
    name, metric = next(iter(default.evaluation.metrics.items()))
    reporter.line(
        "default",
        f"{head.head} on {head.feature_map.name}, out-of-fold loss {head.loss:.4f}; {name.replace('_', ' ')} {metric}",
    )
    reporter.line("outer split", default.plan.how)
    left = context.clock.left()
    if left is not None and left < default.solving:
        reporter.warning(
            f"The time limit leaves no time for a search: until here {context.clock.elapsed:.0f} of "
            f"{context.clock.limit:.0f} s were used, and judging a winner could take as long as judging the default, "
            f"{default.seconds:.0f} s; give at least {context.clock.elapsed + 5 * default.seconds:.0f} s."
        )
    return SearchItems(choice, prepared, search, default, dict(form.record))


def _warn_if_long(prepared: Prepared, context: RunContext) -> None:
    """Say so if judging the default will not fit into the time limit, by a small eigendecomposition that is timed."""
    left, (task, y) = context.clock.left(), prepared.dataset.labelled()
    if left is None:
        return
    widths = [block.width for block in prepared.source.info.blocks] or [prepared.rows.shape[1]]
    seconds = (
        sum(work_of(Architecture(), n=len(y), d=d, outputs=task.num_outputs) for d in {widths[-1], sum(widths)})
        / operations_a_second()
    )
    if seconds > left:
        context.reporter.warning(
            f"Judging the default takes about {seconds:.0f} s on this machine, and {max(left, 0):.0f} s of the time "
            "limit are left: only the default is run, and the limit is exceeded."
        )


def operations_a_second() -> float:
    """Floating-point operations a second of an eigendecomposition, from a small one.

    Examples:
        >>> operations_a_second() > 1e7
        True
    """
    columns = np.random.default_rng(0).normal(size=(PROBE, PROBE))
    began = time.perf_counter()
    np.linalg.eigh(columns @ columns.T)
    return 25.0 * PROBE**3 / (time.perf_counter() - began)
