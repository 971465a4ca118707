"""Whether training pays for spans of words: a random field on frozen rows, and a fine-tuned body, judged apart.

A fifth of the sentences (complete groups) is held out of every training. The closed-form head, solved on the other four
fifths, is what has to be beaten there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Span
from headstart.evaluate.annotations.words import span_gain
from headstart.evaluate.gain import Gain
from headstart.heads.words.head import WordsHead
from headstart.heads.words.solve import solve_words
from headstart.heads.words.word_rows import Columns, LabelledWords
from headstart.sources.bodies.trainable import TrainableSource
from headstart.transfer.annotating.contract import Solved
from headstart.transfer.annotating.word_rows import labelled_words
from headstart.transfer.stages.context import RunContext
from headstart.tune import STRATEGIES, Strategy
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.training.chosen import Chosen, with_chosen
from headstart.types import Dataset, Source

__all__ = ["train_words"]

FROZEN, AUTO, FIELD_ALONE = "frozen", "auto", "random_field"
AUTO_STRATEGY = "lp_ft"
AUTO_SECONDS = 900.0
"""The longest training of a body that ``"auto"`` starts where the run has no time limit."""

FEWEST_GROUPS = 3  # one is held out, and the closed-form head leaves out each of the others
HELD_OUT, MOST_HELD_OUT = 0.2, 600  # share and number of sentences
JUDGING = 0.2  # of the time that is left, for what follows a training
FIELD = "random field on frozen rows"
START = "closed-form head"


@dataclass(frozen=True, eq=False)
class _Trained:
    """A candidate with what it marks on the held-out sentences."""

    name: str
    head: WordsHead
    source: Source
    gain: Gain
    f1: float
    epochs: float
    seconds: float
    note: str

    @property
    def pays(self) -> bool:
        """Whether it is better by more than a standard error, about half of the lower half of the interval.

        Where the held-out sentences give no interval, it is not.
        """
        return self.gain.value > 0 and math.isfinite(self.gain.low) and self.gain.low > -self.gain.value

    def plain(self) -> dict[str, Any]:
        return {
            "name": self.name, "span_f1": self.f1, "gain": self.gain.to_dict(), "epochs": self.epochs,
            "seconds": self.seconds, "note": self.note,
        }  # fmt: skip


def train_words(
    train: Dataset, start: Solved, strategy: str | Strategy, context: RunContext, training: Chosen | None = None
) -> tuple[Solved, Mapping[str, Any]]:
    """The better of the closed-form head and what is trained, on sentences that were held out of the training.

    Args:
        train: labelled sentences.
        start: the closed-form head that was solved on them.
        strategy: ``"frozen"``; ``"random_field"``, which trains on the frozen rows alone; ``"auto"`` or one of
            `headstart.tune.words.body.STRATEGIES_OF_WORDS`, which fine-tune the body beside that.
        context: of the run; a training ends in time for what follows it.
        training: settings that the user chose, by name: of the random field where it is named, else of the body.

    Returns:
        What is kept, and what was decided and why as plain JSON values.

    Raises:
        ParameterError: for a strategy that is not made for words.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.types import Task
        >>> data = Dataset([], (), "text", Task("token", ("PER",)))
        >>> train_words(data, None, "frozen", RunContext(SilentReporter()))[1]["kept"]
        'closed-form head'
    """
    chosen = with_chosen(_strategy(strategy), training)
    of_field = training if strategy == FIELD_ALONE else None
    if strategy == FROZEN or not isinstance(start.head, WordsHead):
        return start, {"kept": START, "why": "no training was asked for", "candidates": []}
    groups = len(train) if train.group_codes is None else int(train.group_codes.max()) + 1
    if groups < FEWEST_GROUPS:
        why = f"{groups} groups of sentences are too few to hold one out of a training"
        return start, {"kept": START, "why": why, "candidates": []}
    held = _held_out(train, context.seed)
    work = _WordTraining(train, start.head, start.source, held, context, of_field=of_field)
    tried = [work.field(), None if chosen is None else work.body(chosen, named=strategy != AUTO)]
    trained = [one for one in tried if one is not None]
    best = max((one for one in trained if one.pays), key=lambda one: one.f1, default=None)
    why = _why(best, work.start_f1, trained)
    decision = {
        "strategy": strategy if isinstance(strategy, str) else strategy.name,
        "held_out": int(held.sum()),
        "kept": START if best is None else best.name,
        "why": why,
        "candidates": [{"name": START, "span_f1": work.start_f1}, *(one.plain() for one in trained)],
        "left_out": work.left_out,
        "chosen": dict(training or {}),
    }
    context.reporter.line("training", why)
    if best is None:
        return start, decision
    if best.source is start.source:
        head = work.field_on_all(best.epochs)
        return replace(start, head=head, name=FIELD, left_out=best.f1), decision
    return replace(start, head=best.head, source=best.source, name=best.name, left_out=best.f1), decision


def _strategy(strategy: str | Strategy) -> MovingStrategy | None:
    """How the body is fine-tuned; None where it stays frozen."""
    if isinstance(strategy, str):
        if strategy in (FROZEN, FIELD_ALONE):
            return None
        strategy = STRATEGIES[AUTO_STRATEGY if strategy == AUTO else strategy]
    from headstart.tune.words.body import check_word_strategy

    check_word_strategy(strategy.name)
    return strategy if isinstance(strategy, MovingStrategy) else None


def _held_out(train: Dataset, seed: int) -> NDArray[np.bool_]:
    """(n,) the held-out sentences: complete groups."""
    codes = np.arange(len(train)) if train.group_codes is None else train.group_codes
    sizes = np.bincount(codes)
    order = np.random.default_rng([seed, 1]).permutation(len(sizes))
    wanted = min(HELD_OUT * len(train), MOST_HELD_OUT)
    count = max(1, int(np.searchsorted(np.cumsum(sizes[order]), wanted)))
    return np.isin(codes, order[: min(count, len(sizes) - 1)])


def _why(best: _Trained | None, start: float, trained: list[_Trained]) -> str:
    if best is not None:
        return (
            f"{best.name}: span F1 {best.f1:.3f} on held-out sentences, {start:.3f} for the closed-form head solved on "
            "the same sentences as it was trained on"
        )
    if not trained:
        return "nothing was trained, since no time was left"
    found = ", ".join(f"{one.name} {one.f1:.3f}" for one in trained)
    return f"the closed-form head stays: span F1 {start:.3f} on held-out sentences, and {found}"


class _WordTraining:
    """Training and held-out sentences, the closed-form head of the former, and the candidates."""

    def __init__(
        self, train: Dataset, head: WordsHead, source: Source, held: NDArray[np.bool_], context: RunContext,
        *, of_field: Chosen | None,
    ) -> None:  # fmt: skip
        self._of_field = of_field
        self._train, self._source, self._context, self._held = train, source, context, held
        self._columns = Columns(head.blocks, head.context)
        self._full_head = head
        self.left_out: list[str] = []
        with context.reporter.progress("solving on four fifths"):
            self._words = labelled_words(train, source, context, self._columns)
            self._part = self._words.take(np.flatnonzero(~held))
            self._valid = self._words.take(np.flatnonzero(held))
            self._start = solve_words(self._part, columns=self._columns, seed=context.seed)
        self._truth: list[tuple[Span, ...]] = [train.labelled()[1][k] for k in np.flatnonzero(held)]
        self._start_marks = self._start.head.mark(self._valid.rows, self._valid.offsets)
        self.start_f1 = self._f1(self._start_marks)

    def field(self) -> _Trained | None:
        """A conditional random field on the frozen rows."""
        from headstart.tune.words.frozen_rows import FROZEN_ROWS, train_on_rows

        if self._context.clock.is_over:
            self.left_out.append(f"{FIELD}: no time was left")
            return None
        began = time.perf_counter()
        with self._context.reporter.progress(f"training: {FIELD}") as step:
            head, outcome = train_on_rows(
                self._part, self._start.head, valid=self._valid, training=with_chosen(FROZEN_ROWS, self._of_field),
                seed=self._context.seed, budget=self._budget(step),
            )  # fmt: skip
        marks = head.mark(self._valid.rows, self._valid.offsets)
        found = self._judged(FIELD, head, self._source, marks)
        return replace(found, epochs=outcome.kept_epoch, seconds=time.perf_counter() - began, note=outcome.kept)

    def field_on_all(self, epochs: float) -> WordsHead:
        """The random field, trained on all sentences for as many epochs as were best."""
        from headstart.tune.words.frozen_rows import FROZEN_ROWS, train_on_rows

        settings = replace(with_chosen(FROZEN_ROWS, self._of_field), epochs=max(1, round(epochs)))
        with self._context.reporter.progress(f"training on all sentences: {FIELD}") as step:
            return train_on_rows(
                self._words, self._full_head, training=settings, seed=self._context.seed, budget=self._budget(step)
            )[0]

    def body(self, strategy: MovingStrategy, *, named: bool) -> _Trained | None:
        """Body and head, fine-tuned by a strategy."""
        from headstart.tune.words.body import TaggedSentences, fine_tune_words
        from headstart.tune.words.frozen_rows import column_scale

        name, source = f"body fine-tuned by {strategy.name}", self._source
        if not named and not isinstance(source, TrainableSource):
            self.left_out.append(f"{name}: the source '{source.info.name}' has no body that can be fine-tuned")
            return None
        if self._context.clock.is_over:
            self.left_out.append(f"{name}: no time was left")
            return None
        began = time.perf_counter()
        parts = [
            TaggedSentences([self._train.items[k] for k in rows], [self._codes(k) for k in rows])
            for rows in (np.flatnonzero(~self._held).tolist(), np.flatnonzero(self._held).tolist())
        ]
        scale = column_scale(self._part, self._columns)
        with self._context.reporter.progress(f"training: {name}") as step:
            moved, head, outcome = fine_tune_words(
                strategy, source, self._start.head, scale, train=parts[0], valid=parts[1], seed=self._context.seed,
                budget=self._budget(step, most=None if named else AUTO_SECONDS),
            )  # fmt: skip
        with self._context.reporter.progress("judging") as step:
            marks = head.annotate(moved, parts[1].items, engine=self._context.engine, progress=step)
        found = self._judged(name, head, moved, marks)
        return replace(found, epochs=outcome.kept_epoch, seconds=time.perf_counter() - began, note=outcome.kept)

    def _codes(self, sentence: int) -> NDArray[np.int64]:
        words: LabelledWords = self._words
        return words.codes[words.offsets[sentence] : words.offsets[sentence + 1]]

    def _budget(self, step: Any, most: float | None = None) -> Any:
        from headstart.tune.training.settings import Budget

        left = self._context.clock.left()
        limits = [limit for limit in (most, None if left is None else left * (1 - JUDGING)) if limit is not None]
        return Budget(seconds=max(min(limits), 0.0) if limits else None, progress=step)

    def _judged(self, name: str, head: WordsHead, source: Source, marks: list[tuple[Span, ...]]) -> _Trained:
        task, _ = self._train.labelled()
        groups = self._words.groups[self._held]
        gain = span_gain(
            task, self._truth, marks, self._start_marks, name=START, groups=groups, seed=self._context.seed
        )
        return _Trained(name, head, source, gain, self._f1(marks), 0.0, 0.0, "")

    def _f1(self, marks: list[tuple[Span, ...]]) -> float:
        hits = sum(len(set(own) & set(right)) for own, right in zip(marks, self._truth, strict=True))
        return 2 * hits / max(sum(map(len, marks)) + sum(map(len, self._truth)), 1)
