"""A search of heads on encoded items: the space, the method's tries within the time, and what it found."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from headstart.heads.architecture import Architecture
from headstart.heads.cells.deadline import training_until
from headstart.reporting import Progress
from headstart.search.driving.journal import open_journal
from headstart.search.driving.loop import SearchBudget, SearchResult, Try, run_search
from headstart.search.driving.losses import HeadLosses
from headstart.search.head_space import READ, HeadSpace, head_space
from headstart.search.registry import SEARCH_METHODS
from headstart.search.space import Point
from headstart.transfer.searching.items import SearchItems
from headstart.transfer.stages.context import RunContext

__all__ = ["SearchedHeads", "search_heads"]

TRIES = 100
JUDGING = 2.0  # in times of judging the default: judging the winner, which may be slower, and the baselines
SPARE = 1.0  # seconds, for comparing and writing


@dataclass(frozen=True)
class SearchedHeads:
    """What a search of heads found.

    Attributes:
        method: its name.
        space: what it went through.
        result: its tries.
        default_loss: out-of-fold loss of the default on the same items.
        journal: the file that holds the tries until the run is written; None for none.

    Examples:
        >>> from headstart.search.space import Gene
        >>> space = HeadSpace((Gene("head", ("ridge",)),))
        >>> SearchedHeads("random", space, SearchResult((), "the time was used up", 0, 1.0), 0.5, None).architecture
    """

    method: str
    space: HeadSpace
    result: SearchResult
    default_loss: float
    journal: Path | None

    @property
    def architecture(self) -> Architecture | None:
        """The one of lowest loss; None where none could be fitted."""
        best = self.result.best
        return None if best is None else self.space.decode(best.point)

    def words(self, trial: Try) -> str:
        """The architecture of a try, with the names of its blocks."""
        return self.space.decode(trial.point).words(self.space.blocks)

    def remove_journal(self) -> None:
        """Remove the journal, once the run holds the tries."""
        if self.journal is not None:
            self.journal.unlink(missing_ok=True)


def search_heads(
    items: SearchItems, method: str, *, tries: int | None, journal: Path | None, context: RunContext
) -> SearchedHeads:
    """Let a method try architectures on the items of a search, within the time that is left.

    Args:
        items: encoded items and the default.
        method: its name.
        tries: how many; None for 100, or as many as the time allows where there is a limit.
        journal: the file from which an interrupted search goes on; None for none.
        context: reporter, seed and time limit.

    Raises:
        UsageError: if the journal belongs to another search.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.transfer.searching.items import prepare_search
        >>> context = RunContext(SilentReporter())
        >>> texts = [f"{mood} film {i}" for i in range(20) for mood in ("good", "bad")]
        >>> items = prepare_search(read((texts, ["+", "-"] * 20)), "toy", context)
        >>> found = search_heads(items, "random", tries=3, journal=None, context=context)
        >>> len(found.result.trials), found.architecture == found.space.decode(found.result.best.point)
        (3, True)
    """
    problem = items.problem
    space = head_space(problem.blocks, problem.task, n=len(problem.y), d=problem.rows.shape[1])
    losses = HeadLosses(problem, space)
    left = context.clock.left()
    seconds = None if left is None else max(0.0, left - JUDGING * items.default.seconds - SPARE)
    count = TRIES if tries is None and seconds is None else tries
    header = _header(items, method, space, context)
    until = math.inf if seconds is None else time.perf_counter() + seconds
    with (
        training_until(until),
        open_journal(journal, header) as opened,
        context.reporter.progress(f"searching by {method}") as step,
    ):
        result = run_search(
            space, SEARCH_METHODS[method], losses, SearchBudget(count, seconds), seed=context.seed, journal=opened,
            problem=problem, known=_known(items, space), kind_of=losses.kind_of,
            progress=lambda trial: _show(step, trial, count),
        )  # fmt: skip
    found = SearchedHeads(method, space, result, _loss_of_default(items), journal)
    _report(found, context)
    return found


def _loss_of_default(items: SearchItems) -> float:
    """Its out-of-fold loss at one temperature, as the tries have one."""
    head = items.default.model.head
    return min(one.loss for one in head.candidates if one.head == head.head and one.features == head.feature_map.name)


def _known(items: SearchItems, space: HeadSpace) -> list[tuple[Point, float]]:
    """The point of the default, where the space has it, with its loss."""
    head = items.default.model.head
    count = len(space.blocks)
    blocks = {"last layer": (count - 1,), f"all {count} blocks": tuple(range(count))}.get(head.feature_map.name, ())
    scalings = {"rows as they are": "none", "standardised rows": "standardised"}
    if head.prior or head.head not in ("ridge", "lda") or bool(blocks) != bool(count):
        return []
    values = {READ + name: k in blocks for k, name in enumerate(space.blocks)}
    scaling = scalings.get(head.feature_map.name, "unit_norm")
    return [(space.point({**values, "scaling": scaling, "head": head.head}), _loss_of_default(items))]


def _show(step: Progress, trial: Try, count: int | None) -> None:
    step(trial.number, count or 0)


def _report(found: SearchedHeads, context: RunContext) -> None:
    result, best = found.result, found.result.best
    resumed = f", {result.resumed} of them before an interruption" if result.resumed else ""
    context.reporter.line(
        "search",
        f"{len(result.trials)} tries by '{found.method}' in {result.seconds:.1f} s{resumed}; {result.ended}",
    )
    for finding in result.findings:
        context.reporter.line(found.method, finding)
    failed = [trial for trial in result.trials if trial.note]
    if failed:
        context.reporter.detail("search", f"{len(failed)} could not be fitted, such as: {failed[0].note}")
    if best is not None:
        context.reporter.line(
            "winner",
            f"try {best.number}: {found.words(best)}; out-of-fold loss {best.loss:.4f}, the default's "
            f"{found.default_loss:.4f}",
        )


def _header(items: SearchItems, method: str, space: HeadSpace, context: RunContext) -> Mapping[str, Any]:
    """Which search a journal belongs to."""
    rows = items.default.plan.fitted
    digest = blake2b(digest_size=16)
    for row in rows.tolist():
        digest.update(items.prepared.content[row].encode())
    digest.update(np.ascontiguousarray(items.problem.y).tobytes())
    extraction = items.prepared.extraction
    return {
        "search": 1,
        "method": method,
        "seed": context.seed,
        "source": items.prepared.source.info.name,
        "encoding": f"{extraction.backend} {extraction.precision}".strip(),
        "items": digest.hexdigest(),
        "space": blake2b(str(space).encode(), digest_size=16).hexdigest(),
    }
