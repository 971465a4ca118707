"""The record of a run that a search made, and its tries as a table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from headstart.transfer.searching.decision import SearchDecision
from headstart.transfer.searching.heads import SearchedHeads
from headstart.transfer.searching.items import SearchItems
from headstart.transfer.searching.tunings import SearchedTunings
from headstart.transfer.stages.compare import Baseline
from headstart.transfer.stages.coverage import coverage_record
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.record import make_record

__all__ = ["search_logs", "search_record"]

Searched = SearchedHeads | SearchedTunings
SHOWN = 10  # best tries in the record; the table in logs/ has all


def search_record(
    items: SearchItems,
    kept: Judged,
    compared: Sequence[Baseline],
    searched: tuple[Searched, SearchDecision | None],
    *,
    generation: int,
    seconds: float,
    seed: int,
    command: str | None,
) -> dict[str, Any]:
    """The record of a fit, with a block on the search.

    Args:
        items: encoded items and the default.
        kept: what was kept, judged.
        compared: baselines.
        searched: what the search found, and the comparison with the default; None where nothing could be fitted.
        generation: how many architectures were proposed before their losses were told.
        seconds: of everything so far.
        seed: of split and search.
        command: the command line, or None.

    Examples:
        >>> from headstart.transfer.search import search
        >>> texts = [f"{mood} film {i}" for i in range(20) for mood in ("good", "bad")]
        >>> run = search((texts, ["+", "-"] * 20), source="toy", tries=2, seed=2, verbose=False)
        >>> sorted(run.record["search"])[:5]
        ['architectures', 'best', 'decision', 'default', 'ended']
    """
    record = make_record(items.prepared, kept, compared, seconds=seconds, seed=seed, command=command)
    certain = coverage_record(kept.model, kept.coverage) | dict(kept.certainty)
    if (choice := kept.model.head.calibration_choice) is not None:
        certain = certain | {"calibration": choice.to_dict()}
    if certain:
        record["certainty"] = certain
    if items.choice.record:
        record["source_choice"] = items.choice.record
    if items.number_format:
        record["encoding"] = {**record["encoding"], "int8": dict(items.number_format)}
    record["learning_curve_missing"] = "No learning curve: the run is that of a search."
    return record | {"search": _block(items, *searched, generation)}


def _block(items: SearchItems, found: Searched, decision: SearchDecision | None, generation: int) -> dict[str, Any]:
    result = found.result
    fitted, default = found.ranked, items.default
    return {
        "method": found.method,
        "searched": "tuning" if isinstance(found, SearchedTunings) else "heads",
        "generation": generation,
        "tries": len(result.trials),
        "failed": len(found.failed),
        "resumed": result.resumed,
        "ended": result.ended,
        "findings": list(result.findings),
        "seconds": result.seconds,
        "items": len(default.plan.fitted),
        "outer_split": default.plan.how,
        "space": {gene.name: list(gene.values) for gene in found.space.genes},
        "architectures": found.space.architectures,
        "default": {
            "words": f"{default.model.head.head} on {default.model.head.feature_map.name}",
            "loss": found.default_loss if math.isfinite(found.default_loss) else None,
            "metrics": default.evaluation.to_dict()["metrics"],
        },
        "best": [
            {"try": one.number, "loss": one.loss, "words": found.words(one),
             "architecture": found.space.decode(one.point).to_dict()}
            for one in fitted[:SHOWN]
        ],
        "decision": None if decision is None else decision.to_dict(),
    }  # fmt: skip


def search_logs(found: Searched) -> Mapping[str, bytes]:
    """All tries as ``search.csv``: number, loss, seconds, architecture, and why one could not be fitted.

    Args:
        found: by the search.

    Examples:
        >>> from headstart.search.driving.loop import SearchResult, Try
        >>> from headstart.search.head_space import head_space
        >>> from headstart.types import Task
        >>> space = head_space((), Task("regression", ("y",)), n=9, d=2)
        >>> point = space.point({"head": "knn"})
        >>> tried = SearchResult((Try(1, point, 0.25, 0.5),), "done", 0, 0.5)
        >>> print(search_logs(SearchedHeads("random", space, tried, 0.3))["search.csv"].decode())
        try,loss,seconds,architecture,note
        1,0.25,0.5,"all columns, knn",
        <BLANKLINE>
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("try", "loss", "seconds", "architecture", "note"))
    for one in found.result.trials:
        loss = one.loss if math.isfinite(one.loss) else ""
        writer.writerow((one.number, loss, round(one.seconds, 4), found.words(one), one.note))
    return {"search.csv": text.getvalue().encode()}
