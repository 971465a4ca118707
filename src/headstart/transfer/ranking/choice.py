"""``source="auto"``: rank sources, report the choice and its uncertainty, and reuse the rows that were encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import union_groups
from headstart.reporting import Reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.transfer.ranking.entries import Described
from headstart.transfer.ranking.growing_rows import GrowingRows
from headstart.transfer.ranking.result import Ranking
from headstart.transfer.ranking.run import RankingItems, RankOptions, rank_audited
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import make_plan
from headstart.transfer.stages.prepare import Audited
from headstart.types import Dataset, Source

__all__ = ["Choice", "choose_source", "choosing_part"]


SLIGHTLY = (
    "choosing the best of several sources on them makes its metrics slightly too high, the less so the more the "
    "sources differ"
)


@dataclass(frozen=True, eq=False)
class Choice:
    """The source that a fit continues with.

    Attributes:
        source: the opened source.
        rows: its rows from the ranking, which are not encoded again; None if nothing was encoded for the choice.
        record: the ranking and the items it used, as plain JSON values.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> Choice(ToySource(), GrowingRows(ToySource(), ["good"]), {"why": "it is the only one", "chosen_on": "it"})
        Choice: toy
          why        it is the only one
          chosen on  it
    """

    source: Source
    rows: GrowingRows | None
    record: Mapping[str, Any]

    def __repr__(self) -> str:
        """The source, and why it was chosen."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        shown = [("why", str(self.record.get("why", ""))), ("chosen on", str(self.record.get("chosen_on", "")))]
        return f"Choice: {self.source.info.name}", shown


def choose_source(
    audited: Audited,
    described: Sequence[Described] | None,
    context: RunContext,
    *,
    once: bool = False,
) -> Choice:
    """Rank sources on the items that the model will be fitted on, and take the first one.

    Held-out items are not used. Under cross-validation every item is in some training part, so the source is chosen on
    all items. That biases the metrics of the chosen source upwards a little, and the record states so.

    Args:
        audited: items that passed the audit.
        described: the candidates; None for all that are installed or cached.
        context: of the fit; after its time limit no further source is started.
        once: whether a fifth is held out however few items there are, as in `make_plan`.

    Raises:
        SourceError: if no source could be measured.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.transfer.stages.prepare import audit_items
        >>> from headstart.transfer.ranking.entries import describe_all
        >>> from headstart.reporting import SilentReporter
        >>> context = RunContext(SilentReporter())
        >>> data = read((["good film", "so good", "bad film", "so bad"], ["+", "+", "-", "-"]))
        >>> choice = choose_source(audit_items(data, context), describe_all(["toy"]), context)
        >>> choice.source.info.name, choice.record["chosen"]
        ('toy', 'toy')
    """
    units = union_groups(audited.dataset.groups, audited.clusters)
    part = choosing_part(audited.dataset, units, context.seed, once=once)
    ranked = rank_audited(audited, described, part, RankOptions(untrained=False), context)
    ranking, rows = ranked.ranking, ranked.first.growing()
    _report(ranking, context.reporter)
    record = {"chosen": ranking.first.source, "chosen_on": ranking.how, **ranking.to_dict()}
    return Choice(rows.source, rows, record)


def choosing_part(dataset: Dataset, units: NDArray[np.int64], seed: int, *, once: bool = False) -> RankingItems:
    """The items that a source may be chosen on: the training part of the fit; all items if folds evaluate all of them.

    Args:
        dataset: n labelled items.
        units: (n,) codes of items that must not be split.
        seed: of the split.
        once: as in `make_plan`.

    Examples:
        >>> from headstart.types import Task
        >>> task, y = Task("classification", ("a", "b")), np.arange(1500) % 2
        >>> data = Dataset([""] * 1500, tuple(map(str, range(1500))), "text", task=task, y=y)
        >>> choosing_part(data, np.arange(1500), 0).how
        'the 1200 training items; no held-out item was used'
    """
    plan = make_plan(dataset, units, seed=seed, once=once)
    if len(plan.parts) > 1:
        how = f"all {len(dataset)} items, which the cross-validation evaluates too"
        return RankingItems(np.arange(len(dataset)), how, SLIGHTLY)
    train = plan.parts[0][0]
    # the widths of the source that will be chosen may allow folds, whose number only the fit knows
    if len(make_plan(dataset, units, seed=seed, once=once, widths=(1,)).parts) > 1:
        how = f"{len(train)} items, which the evaluation uses too if the fit is cross-validated"
        return RankingItems(train, how, SLIGHTLY)
    return RankingItems(train, f"the {len(train)} training items; no held-out item was used")


def _report(ranking: Ranking, reporter: Reporter) -> None:
    for standing in ranking.standings:
        found = standing.measured
        if standing.rank is None or found is None:
            reporter.line("ranking", f"   {standing.source}: {standing.state}, {standing.reason}")
            continue
        if len(ranking.standings) == 1:  # its figures follow with the choice
            continue
        tie = ", in the tie set" if standing.tied and ranking.has_ties else ""
        reporter.line(
            "ranking",
            f"{standing.rank}. {standing.source}: {ranking.merit} {found.merit.value:.3f}, leave-one-out loss "
            f"{found.loss.value:.3f}{tie}",
        )
    reporter.line("source chosen", ranking.why)
    if ranking.cheapest is not ranking.first:
        reporter.line(
            "cheaper",
            f"{ranking.cheapest.source} is in the tie set and costs less; name it with --source to use it",
        )
    reporter.line("chosen on", ranking.how)
