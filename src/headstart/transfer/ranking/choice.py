"""``source="auto"``: rank, say what was chosen and how sure that is, and go on with the rows that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.data import union_groups
from headstart.engine.extraction import Extraction
from headstart.engine.options import Engine
from headstart.reporting import Reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.transfer.ranking.entries import Described
from headstart.transfer.ranking.result import Ranking
from headstart.transfer.ranking.run import rank_audited
from headstart.transfer.stages.judge import make_plan
from headstart.transfer.stages.prepare import Audited
from headstart.types import Source

__all__ = ["Choice", "choose_source"]


@dataclass(frozen=True, eq=False)
class Choice:
    """The source that a fit goes on with.

    Attributes:
        source: open.
        encode: in the place of `extract`, encodes what the ranking has not.
        record: the ranking and what it was made on, as plain values.

    Examples:
        >>> sorted(Choice.__dataclass_fields__)
        ['encode', 'record', 'source']
    """

    source: Source
    encode: Callable[..., Extraction]
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
    *,
    seed: int,
    engine: Engine,
    reporter: Reporter,
    started: float,
    time_limit: float | None = None,
) -> Choice:
    """Rank sources on the items that the model will be fitted on, and take the first one.

    Where items are held out, they are not looked at. Under cross-validation all items are in some training part, so
    the source is chosen on all of them; that favours the chosen one a little, which the record says.

    Args:
        audited: items that passed the audit.
        described: the sources; None for all at hand.
        seed: as in `fit`.
        engine: as in `fit`.
        reporter: hears of the choice.
        started: when the work began, as `time.perf_counter` counts.
        time_limit: seconds from ``started`` after which no other source is begun.

    Raises:
        SourceError: if no source could be measured.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.transfer.stages.prepare import audit_items
        >>> from headstart.transfer.ranking.entries import describe_all
        >>> from headstart.reporting import SilentReporter
        >>> silent = SilentReporter()
        >>> audited = audit_items(read((["good film", "so good", "bad film", "so bad"], ["+", "+", "-", "-"])), silent)
        >>> choice = choose_source(
        ...     audited, describe_all(["toy"]), seed=0, engine=Engine(), reporter=silent, started=0.0
        ... )
        >>> choice.source.info.name, choice.record["chosen"]
        ('toy', 'toy')
    """
    dataset = audited.dataset
    plan = make_plan(dataset, union_groups(dataset.groups, audited.clusters), seed=seed)
    if len(plan.parts) == 1:
        among, how = plan.parts[0][0], f"the {len(plan.parts[0][0])} training items; no held-out item was looked at"
    else:
        among = np.arange(len(dataset))
        how = (
            f"all {len(dataset)} items, which the cross-validation judges too: the metrics of the chosen source are "
            "better than on new items by what choosing the best of several gives, which is little where they differ"
        )
    ranked = rank_audited(
        audited, described, among, how,
        untrained=False, seed=seed, engine=engine, reporter=reporter, started=started, time_limit=time_limit,
    )  # fmt: skip
    ranking, rows = ranked.ranking, ranked.first.growing()
    _say(ranking, reporter)

    def encode(_source: Source, _items: Sequence[Any], **how_to: Any) -> Extraction:
        return rows.extraction(how_to["engine"], how_to.get("progress"))

    return Choice(rows.source, encode, {"chosen": ranking.first.source, "chosen_on": how, **ranking.to_dict()})


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
