"""Spans of words in a fit: the closed-form head, the choice of the source, baselines, metrics and examples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.annotations import Sentence, Span
from headstart.errors import SourceError
from headstart.evaluate.annotations.span_errors import span_errors
from headstart.evaluate.annotations.words import dictionary_of_spans, evaluate_spans, span_gain
from headstart.evaluate.evaluation import Evaluation
from headstart.evaluate.gain import UNTRAINED, Gain
from headstart.heads.annotating.time_limit import TimeLimit
from headstart.heads.words.head import WordsHead
from headstart.heads.words.solve import SolvedHead, choose_columns, solve_words
from headstart.heads.words.word_rows import Columns
from headstart.sources import open_source
from headstart.sources.default import MULTILINGUAL, TEXT, check_default, installed_sources
from headstart.transfer.annotating.contract import Annotator, Solved
from headstart.transfer.annotating.word_rows import labelled_words
from headstart.transfer.annotating.word_training import train_words
from headstart.transfer.stages.context import RunContext
from headstart.tune import Strategy
from headstart.tune.training.chosen import Chosen
from headstart.types import Dataset, Source

__all__ = ["WORDS", "WordAnnotating"]

MOST_COMPARED = 400
"""Sentences on which the installed sources are compared."""

CLOSED_FORM = "closed-form head"


@dataclass(frozen=True)
class WordAnnotating:
    """Spans of words; see `headstart.transfer.annotating.contract.Annotating`.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.types import Task
        >>> names = ["Ada", "Bob", "Cleo", "Dan"]
        >>> items = [Sentence.of_words(["we", "met", name, "in", "town"]) for name in names * 5]
        >>> y = np.empty(20, object)
        >>> y[:] = [(Span(2, 3, "PER"),)] * 20
        >>> data = Dataset(items, tuple(map(str, range(20))), "text", Task("token", ("PER",)), y)
        >>> solved = WORDS.solve(data, ToySource(), RunContext(SilentReporter()))
        >>> solved.name, solved.left_out
        ('closed-form head', 1.0)
    """

    def default_source(self, dataset: Dataset, context: RunContext) -> Source:
        """Of the installed text sources, the one with the larger left-out span F1 on a sample of the items.

        Args:
            dataset: annotated sentences; of data with a split only the training part counts.
            context: of the run.

        Raises:
            MissingExtraError: if no source of texts is installed.
        """
        check_default("text")
        names = [name for name in (TEXT, MULTILINGUAL) if name in installed_sources()]
        if len(names) == 1:
            context.reporter.line("source chosen", f"{names[0]}: the only installed source of texts")
            return open_source(names[0], modality="text")
        sample = _sample(dataset, context.seed)
        found: dict[str, float] = {}
        began = time.perf_counter()
        for name in names:
            with context.reporter.progress(f"comparing the default sources: {name}"):
                words = labelled_words(sample, open_source(name), context)
                limit = TimeLimit(lambda: context.clock.is_over)
                # the comparison of layers is enough: the choice of λ and decoding helps both alike
                _, tried = choose_columns(words, seed=context.seed, limit=limit)
                found[name] = max(one["span_f1"] for one in tried)
        best = max(found, key=lambda name: found[name])
        figures = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        context.reporter.line(
            "source chosen",
            f"{best}: span F1 on {len(sample)} left-out training sentences: {figures} "
            f"({time.perf_counter() - began:.0f} s)",
        )
        return open_source(best, modality="text")

    def solve(self, train: Dataset, source: Source, context: RunContext) -> Solved:
        """The closed-form head on the frozen source; all is chosen by the span F1 of left-out sentences.

        Args:
            train: labelled sentences.
            source: a text source that knows its words.
            context: of the run.

        Raises:
            SourceError: if the source does not know its words.
            DataError: if there are fewer than two groups of sentences.
        """
        words = labelled_words(train, source, context)
        limit = TimeLimit(lambda: context.clock.is_over)
        solved = solve_words(words, seed=context.seed, limit=limit)
        notes = _notes(solved) + limit.notes
        return Solved(solved.head, source, CLOSED_FORM, solved.left_out, _record(solved), notes, solved.sums)

    def fine_tune(
        self,
        train: Dataset,
        start: Solved,
        strategy: str | Strategy,
        context: RunContext,
        training: Chosen | None = None,
    ) -> tuple[Solved, Mapping[str, Any]]:
        """The better of ``start`` and what is trained, by groups of sentences that were held out of the training.

        Args:
            train: the same sentences as in `solve`.
            start: what `solve` gave.
            strategy: as in `headstart.transfer.annotating.word_training.train_words`.
            context: of the run.
            training: settings that the user chose, by name; None for none.

        Raises:
            ParameterError: for a strategy that is not made for words.
        """
        return train_words(train, start, strategy, context, training)

    def baselines(self, train: Dataset, start: Solved, context: RunContext) -> Mapping[str, Callable[[], Annotator]]:
        """The dictionary of the labelled spans, and the same closed-form head on the body with random weights.

        Args:
            train: labelled sentences.
            start: what `solve` gave.
            context: of the run.
        """
        _, y = train.labelled()
        untrained = start.source.untrained(context.seed)

        def dictionary() -> Annotator:
            mark = dictionary_of_spans(train.items, list(y))
            return lambda items: [mark(item) for item in items]

        def random_body() -> Annotator:
            if untrained is None:
                raise SourceError(f"The source '{start.source.info.name}' has no body with weights.")
            head = start.head
            columns = Columns(head.blocks, head.context) if isinstance(head, WordsHead) else None
            solved = solve_words(labelled_words(train, untrained, context), columns=columns, seed=context.seed)
            return lambda items: solved.head.annotate(untrained, items, engine=context.engine)

        found: dict[str, Callable[[], Annotator]] = {"dictionary": dictionary}
        return found if untrained is None else found | {UNTRAINED: random_body}

    def evaluate(self, truth: Dataset, found: Sequence[Any], *, seed: int = 0) -> Evaluation:
        """Span F1 and the other metrics of `headstart.evaluate.annotations.words`, with intervals over sentences.

        Args:
            truth: labelled sentences; their groups are resampled where they have some.
            found: the marked spans of each.
            seed: of the resamples.
        """
        task, y = truth.labelled()
        return evaluate_spans(task, truth.items, list(y), found, groups=truth.groups, seed=seed)

    def gain(self, truth: Dataset, found: Sequence[Any], reference: Sequence[Any], *, name: str, seed: int = 0) -> Gain:
        """Span F1 of ``found`` minus that of ``reference`` on the same sentences.

        Args:
            truth: labelled sentences.
            found: the spans marked by the model.
            reference: those marked by the baseline.
            name: of the baseline.
            seed: of the resamples.
        """
        task, y = truth.labelled()
        return span_gain(task, list(y), found, reference, name=name, groups=truth.groups, seed=seed)

    def examples(self, truth: Dataset, found: Sequence[Any], count: int) -> Sequence[Mapping[str, Any]]:
        """Sentences with their labelled and marked spans, those with the most mistakes first.

        Args:
            truth: labelled sentences.
            found: the marked spans of each.
            count: how many.
        """
        _, y = truth.labelled()
        errors = [span_errors(right, own) for right, own in zip(y, found, strict=True)]
        # misses and false alarms before wrong bounds, then shorter sentences, which are read at a glance
        weight = [sum(2 if one.kind in ("missed", "spurious") else 1 for one in own) for own in errors]
        order = sorted(range(len(y)), key=lambda k: (-weight[k], len(truth.items[k]), k))
        chosen = [k for k in order if weight[k] or len(y[k])][:count]
        return [_example(truth.ids[k], truth.items[k], y[k], found[k], errors[k]) for k in chosen]


def _sample(dataset: Dataset, seed: int) -> Dataset:
    """At most so many sentences of the training part, always the same ones."""
    rows = np.arange(len(dataset))
    if dataset.split is not None and "train" in dataset.split:
        rows = np.flatnonzero(dataset.split == "train")
    if len(rows) > MOST_COMPARED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_COMPARED, replace=False))
    return dataset.take(rows)


def _record(solved: SolvedHead) -> Mapping[str, Any]:
    return {key: value for key, value in solved.record.items() if key != "head"} | {"kind": solved.record["head"]}


def _notes(solved: SolvedHead) -> tuple[str, ...]:
    record, head = solved.record, solved.head
    kind = {"lda": "LDA", "ridge": "ridge"}[str(record["head"])]
    path = "" if not record["kappa"] else f", transitions with weight {record['kappa']:g}"
    delta = "" if not record["delta"] else f", {record['delta']:+g} nats on words outside of spans"
    return (f"{kind} on {len(head.weight):,} numbers a word ({record['features']}){path}{delta}",)


def _example(
    name: str, item: Sentence, truth: Sequence[Span], found: Sequence[Span], errors: Sequence[Any]
) -> Mapping[str, Any]:
    return {
        "id": name,
        "words": list(item.words),
        "truth": [[span.start, span.end, span.label] for span in sorted(truth)],
        "found": [[span.start, span.end, span.label, round(span.score, 4)] for span in sorted(found)],
        "errors": [
            {
                "kind": one.kind,
                "truth": None if one.truth is None else [one.truth.start, one.truth.end, one.truth.label],
                "found": None if one.found is None else [one.found.start, one.found.end, one.found.label],
            }
            for one in errors
        ],
    }


WORDS = WordAnnotating()
