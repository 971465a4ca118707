"""``source="auto"``: rank, say what was chosen and how sure that is, and go on with the rows that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
from headstart.types import Source

__all__ = ["Choice", "choose_source"]


@dataclass(frozen=True, eq=False)
class Choice:
    """The source that a fit goes on with.

    Attributes:
        source: open.
        rows: what the ranking has encoded of it, which is not encoded again.
        record: the ranking and what it was made on, as plain values.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> Choice(ToySource(), GrowingRows(ToySource(), ["good"]), {"why": "it is the only one", "chosen_on": "it"})
        Choice: toy
          why        it is the only one
          chosen on  it
    """

    source: Source
    rows: GrowingRows
    record: Mapping[str, Any]

    def __repr__(self) -> str:
        """The source, and why it."""
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
) -> Choice:
    """Rank sources on the items that the model will be fitted on, and take the first one.

    Where items are held out, they are not looked at. Under cross-validation all items are in some training part, so
    the source is chosen on all of them; that favours the chosen one a little, which the record says.

    Args:
        audited: items that passed the audit.
        described: the sources; None for all at hand.
        context: of the fit; when its time is over, no other source is begun.

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
    dataset = audited.dataset
    plan = make_plan(dataset, union_groups(dataset.groups, audited.clusters), seed=context.seed)
    if len(plan.parts) == 1:
        train = plan.parts[0][0]
        part = RankingItems(train, f"the {len(train)} training items; no held-out item was looked at")
    else:
        how = (
            f"all {len(dataset)} items, which the cross-validation judges too: the metrics of the chosen source are "
            "better than on new items by what choosing the best of several gives, which is little where they differ"
        )
        part = RankingItems(np.arange(len(dataset)), how)
    ranked = rank_audited(audited, described, part, RankOptions(untrained=False), context)
    ranking, rows = ranked.ranking, ranked.first.growing()
    _say(ranking, context.reporter)
    record = {"chosen": ranking.first.source, "chosen_on": part.how, **ranking.to_dict()}
    return Choice(rows.source, rows, record)


def _say(ranking: Ranking, reporter: Reporter) -> None:
    for standing in ranking.standings:
        found = standing.measured
        if standing.rank is None or found is None:
            reporter.line("ranking", f"   {standing.source}: {standing.state}, {standing.reason}")
            continue
        tie = ", in the tie set" if standing.tied else ""
        reporter.line(
            "ranking",
            f"{standing.rank}. {standing.source}: {ranking.merit} {found.merit.value:.3f}, left-out loss "
            f"{found.loss.value:.3f}{tie}",
        )
    reporter.line("source chosen", ranking.why)
    if ranking.cheapest is not ranking.first:
        reporter.line(
            "cheaper",
            f"{ranking.cheapest.source} is in the tie set and costs less; name it with --source if you like",
        )
    reporter.line("chosen on", ranking.how)
