"""A search of heads on encoded items: the space, the method's tries within the time, and what it found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from headstart import __version__
from headstart.heads.architecture import Architecture
from headstart.heads.cells.deadline import training_until
from headstart.heads.problem import Problem
from headstart.reporting import Progress
from headstart.search.driving.forecast import Size, TryForecast
from headstart.search.driving.journal import Journal
from headstart.search.driving.loop import SearchBudget, SearchResult, Try, run_search
from headstart.search.driving.losses import HeadLosses, work_of
from headstart.search.head_space import READ, HeadSpace, head_space
from headstart.search.registry import SEARCH_METHODS
from headstart.search.space import Point
from headstart.search.tuning_space import tuning_space
from headstart.transfer.searching.items import SearchItems
from headstart.transfer.searching.ray import on_workers
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.label_texts import label_words

__all__ = ["SearchedHeads", "search_header", "search_heads"]

TRIES = 100
JUDGING = 1.2  # judging a winner, in times of its try: the head is fitted again, and used
WRITING = 0.3  # writing the run, in times of what judging the default took beside solving it
FIXED = 0.1  # share of that which does not shrink with the columns of a winner
SPARE = 1.5  # seconds, for comparing and writing


@dataclass(frozen=True)
class SearchedHeads:
    """What a search of heads found.

    Attributes:
        method: its name.
        space: what it went through.
        result: its tries.
        default_loss: out-of-fold loss of the default on the same items.

    Examples:
        >>> from headstart.search.space import Gene
        >>> space = HeadSpace((Gene("head", ("ridge",)),))
        >>> SearchedHeads("random", space, SearchResult((), "the time was used up", 0, 1.0), 0.5).architecture
    """

    method: str
    space: HeadSpace
    result: SearchResult
    default_loss: float

    @property
    def ranked(self) -> list[Try]:
        """The tries that could be fitted, the lowest loss first."""
        fitted = [one for one in self.result.trials if math.isfinite(one.loss)]
        return sorted(fitted, key=lambda one: (one.loss, one.number))

    @property
    def failed(self) -> list[Try]:
        """The tries that could not be fitted."""
        return [one for one in self.result.trials if not math.isfinite(one.loss)]

    @property
    def architecture(self) -> Architecture | None:
        """The one of lowest loss; None where none could be fitted."""
        best = self.result.best
        return None if best is None else self.space.decode(best.point)

    def words(self, trial: Try) -> str:
        """The architecture of a try, with the names of its blocks."""
        return self.space.decode(trial.point).words(self.space.blocks)


def search_heads(
    items: SearchItems,
    method: str,
    *,
    tries: int | None,
    journal: Journal,
    context: RunContext,
    generation: int = 1,
) -> SearchedHeads:
    """Let a method try architectures on the items of a search, within the time that is left.

    Args:
        items: encoded items and the default.
        method: its name.
        tries: how many; None for 100, or as many as the time allows where there is a limit.
        journal: from which an interrupted search goes on; its header is that of `search_header`.
        context: reporter, seed, time limit, and an engine that names a Ray cluster if tries are spread over one.
        generation: how many architectures are proposed before their losses are told.

    Raises:
        UsageError: if the journal does not fit what the method proposes.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.transfer.searching.items import prepare_search
        >>> context = RunContext(SilentReporter(), seed=2)
        >>> texts = [f"{mood} film {i}" for i in range(20) for mood in ("good", "bad")]
        >>> items = prepare_search(read((texts, ["+", "-"] * 20)), "toy", context)
        >>> found = search_heads(items, "random", tries=2, journal=Journal(None, {}), context=context)
        >>> len(found.result.trials), found.architecture == found.space.decode(found.result.best.point)
        (2, True)
    """
    problem = items.problem
    space = _space(problem)
    losses = HeadLosses(problem, space)
    budget = _budget(items, context, tries=tries, generation=generation)
    until = math.inf if budget.seconds is None else time.perf_counter() + budget.seconds - budget.afterwards(0.0, None)
    default = Size("default", sum(_work(items, d) for d in {_widths(problem)[-1], sum(_widths(problem))}))
    with (
        training_until(until),
        on_workers(losses, context) as measure,
        context.reporter.progress(f"searching by {method}") as step,
    ):
        result = run_search(
            space, SEARCH_METHODS[method], measure, budget, seed=context.seed, journal=journal,
            problem=problem, known=_known(items, space),
            forecast=TryForecast(losses.size_of, [(default, items.default.solving)]),
            progress=lambda trial: _show(step, trial, budget.tries),
        )  # fmt: skip
    found = SearchedHeads(method, space, result, _loss_of_default(items))
    _report(found, context)
    return found


def _budget(items: SearchItems, context: RunContext, *, tries: int | None, generation: int) -> SearchBudget:
    left = context.clock.left()
    count = TRIES if tries is None and left is None else tries
    return SearchBudget(count, left, generation=generation, afterwards=_judging_a_winner(items))


def _judging_a_winner(items: SearchItems) -> Callable[[float, Point | None], float]:
    """Seconds of judging a winner and of writing the run, by the seconds of its try and the columns of its head.

    What follows the head (the fits without each item, the distances of new items) is cubic in the columns at most, and
    taken to be quadratic.
    """
    space, rest = _space(items.problem), items.default.seconds - items.default.solving
    own = items.default.model.head.feature_map.num_features

    def afterwards(seconds: float, point: Point | None) -> float:
        fixed = SPARE + WRITING * rest
        if point is None:
            return fixed
        wide = _columns(items.problem, space.decode(point)) / own
        return fixed + max(FIXED, wide**2) * rest + JUDGING * seconds

    return afterwards


def _columns(problem: Problem, architecture: Architecture) -> int:
    """Columns that the head of an architecture is fitted on."""
    one, widths = architecture, [block.width for block in problem.blocks]
    read = sum(widths[k] for k in one.blocks) or problem.rows.shape[1]
    return one.random_features or min(one.projection or read, read)


def _widths(problem: Problem) -> list[int]:
    """Widths of the blocks; of the rows, for a source without blocks."""
    return [block.width for block in problem.blocks] or [problem.rows.shape[1]]


def _work(items: SearchItems, columns: int) -> float:
    problem = items.problem
    return work_of(Architecture(), n=len(problem.y), d=columns, outputs=problem.task.num_outputs)


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


def search_header(
    items: SearchItems, method: str, seed: int, generation: int = 1, *, tunes: bool = False
) -> dict[str, Any]:
    """Which search a journal belongs to: all that a loss or a proposal depends on.

    Args:
        items: encoded items and the default.
        method: its name.
        seed: of the run.
        generation: how many architectures are proposed before their losses are told.
        tunes: whether fine-tunings are searched, and not heads.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.transfer.searching.items import prepare_search
        >>> texts = [f"{mood} film {i}" for i in range(20) for mood in ("good", "bad")]
        >>> items = prepare_search(read((texts, ["+", "-"] * 20)), "toy", RunContext(SilentReporter()))
        >>> found = search_header(items, "random", 0)
        >>> found["source"], found["groups"], len(found["items"])
        ('toy', 'none', 32)
    """
    problem, info, extraction = items.problem, items.prepared.source.info, items.prepared.extraction
    contents = [items.prepared.content[row] for row in items.default.plan.fitted.tolist()]
    facts = [info.sha256, info.revision, info.architecture, sorted(info.input.items()), info.blocks]
    return {
        "search": 1,
        "headstart": __version__,
        "method": method,
        "seed": seed,
        "generation": generation,
        "source": info.name,
        "body": _digest(repr(facts)),
        "encoding": f"{extraction.backend} {extraction.precision}".strip(),
        "items": _digest("\n".join(contents), problem.y),
        "groups": "none" if problem.groups is None else _digest("", problem.groups),
        "labels": _digest(repr(problem.task)),
        "label texts": "none" if problem.prior is None else _digest(repr([*map(label_words, problem.task.labels)])),
        "space": _digest(str(tuning_space([one.name for one in problem.blocks]) if tunes else _space(problem))),
        "known": _digest(repr([] if tunes else [point for point, _ in _known(items, _space(problem))])),
    }


def _space(problem: Problem) -> HeadSpace:
    return head_space(problem.blocks, problem.task, n=len(problem.y), d=problem.rows.shape[1])


def _digest(text: str, array: Any = None) -> str:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
    if array is not None:
        digest.update(f"\n{array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
