"""What the closed-form head of words was solved from: the moments of word rows, and counts of tags in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.decode.spans import TagSet, tag_rows
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.heads.annotating.contract import AnnotationHead
from headstart.heads.annotating.sums import named_arrays, packed_bytes, saved_moments
from headstart.heads.words.decoding import Decoding, TagCounts
from headstart.heads.words.head import WordsHead
from headstart.heads.words.left_out import KINDS, StandardisedFit
from headstart.heads.words.word_rows import Columns, LabelledWords
from headstart.linear.moments import Moments
from headstart.reporting import Progress
from headstart.types import Dataset, Source, Task

__all__ = ["WordChoices", "WordSums"]

Array = NDArray[np.float64]

NAME = "words"
LIMITS = {"lambda": (0.0, 1e300), "temperature": (1e-9, 1e9), "kappa": (0.0, 1e3), "delta": (-1e3, 1e3)}


@dataclass(frozen=True)
class WordChoices:
    """What was chosen on left-out sentences.

    Attributes:
        kind: ``"lda"`` or ``"ridge"``.
        lam: the penalty λ.
        decoding: how scores become a path.

    Examples:
        >>> WordChoices("lda", 1.0, Decoding(2.0)).decoding.kappa
        0.0
    """

    kind: str
    lam: float
    decoding: Decoding


@dataclass(frozen=True, eq=False)
class WordSums:
    """Moments of word rows with their tags as one-hot targets, and counts of tags; the head follows from them.

    Attributes:
        moments: of the columns that the head reads.
        counts: of tags that begin a sentence, and that follow each other.
        choices: the kind of fit, λ and decoding.

    Examples:
        >>> rows, offsets = np.array([[0.0], [1.0], [0.1], [0.9]]), np.array([0, 2, 4])
        >>> tags, codes = TagSet(("PER",)), np.array([0, 1, 0, 1])
        >>> moments = Moments.from_rows(rows, np.eye(3)[codes])
        >>> sums = WordSums(moments, TagCounts.of(tags, codes, offsets), WordChoices("ridge", 0.1, Decoding()))
        >>> sums.arrays(StandardisedFit.of(moments))["weight"].round(2)
        array([[-1.07,  1.07,  0.  ]])
        >>> (sums + sums).moments.n, sums.for_task(Task("token", ("PER", "LOC"))).counts.words
        (8, array([2., 2., 0., 0., 0.]))
    """

    moments: Moments
    counts: TagCounts
    choices: WordChoices

    @property
    def nbytes(self) -> int:
        """Bytes that they take on disk."""
        return packed_bytes(self.moments) + self.counts.first.nbytes + self.counts.pairs.nbytes

    def arrays(self, fit: StandardisedFit) -> dict[str, Any]:
        """The arrays of the head.

        Args:
            fit: of the moments.
        """
        how = self.choices.decoding
        weight, bias = fit.weights(self.choices.kind, self.choices.lam)
        first, steps = self.counts.log_probabilities()
        return {
            "weight": weight / how.temperature,
            "bias": _finite(bias / how.temperature) + how.offset(self.counts.shares()),
            "first": how.kappa * first,
            "steps": how.kappa * steps,
        }

    def solved(self, head: AnnotationHead, task: Task) -> WordsHead:
        """The head of these sums.

        Args:
            head: of words, with the same columns.
            task: the label schema.
        """
        return replace(_words(head), labels=task.labels, **self.arrays(StandardisedFit.of(self.moments)))

    def of_items(
        self,
        head: AnnotationHead,
        source: Source,
        dataset: Dataset,
        *,
        engine: Engine,
        progress: Progress | None = None,
    ) -> WordSums:
        """The sums of other sentences.

        Args:
            head: of words; it reads the same columns.
            source: the text source, as its user opened it.
            dataset: labelled sentences.
            engine: how they are encoded.
            progress: receives what is done.

        Raises:
            DataError: if spans overlap, or are of a type that the task of the data does not have.
            ItemError: for an item that is no sentence or has no words.
        """
        own = _words(head)
        task, y = dataset.labelled()
        words, tags = own.source(source), TagSet(task.labels, own.scheme)
        found = extract(words, dataset.items, engine=engine, progress=progress, on_error="raise")
        if found.offsets is None:
            raise SourceError(f"The source '{source.info.name}' gives no row for each word; use another text source.")
        codes = tag_rows(tags, list(y), np.diff(found.offsets).tolist())
        labelled = LabelledWords(found.rows, found.offsets, words.info.blocks, codes, np.arange(len(dataset)), tags)
        moments = labelled.moments(Columns(own.blocks, own.context))
        return WordSums(moments, TagCounts.of(tags, codes, found.offsets), self.choices)

    def for_task(self, task: Task) -> WordSums:
        """The sums of the same sentences for a task with further types behind its own, which none of them has."""
        size = len(TagSet(task.labels))
        return replace(self, moments=self.moments.with_targets(size), counts=self.counts.padded(size))

    def __add__(self, other: WordSums) -> WordSums:
        """The sums of the sentences of both."""
        return replace(self, moments=self.moments + other.moments, counts=self.counts + other.counts)

    def __sub__(self, other: WordSums) -> WordSums:
        """The sums without the sentences of ``other``."""
        return replace(self, moments=self.moments - other.moments, counts=self.counts - other.counts)

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The arrays by name."""
        return named_arrays(NAME, self.moments) | {"first": self.counts.first, "pairs": self.counts.pairs}

    def facts(self) -> Mapping[str, Any]:
        """The choices as plain JSON values."""
        chosen, how = self.choices, self.choices.decoding
        return {
            "kind": chosen.kind, "lambda": chosen.lam, "temperature": how.temperature, "kappa": how.kappa,
            "delta": how.delta,
        }  # fmt: skip

    @classmethod
    def from_saved(
        cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], head: WordsHead, task: Task
    ) -> WordSums:
        """The sums that ``tensors`` and ``facts`` describe.

        Raises:
            ValueError: if they do not fit to the head, or a number is not finite or out of its range.
        """
        size = len(TagSet(task.labels, head.scheme))
        moments = saved_moments(tensors, NAME, len(head.weight), size)
        first, pairs = (_counts(tensors.get(name), name) for name in ("first", "pairs"))
        if first.shape != (size,) or pairs.shape != (size, size):
            raise ValueError(f"the counts of tags are of {first.shape} and {pairs.shape} for {size} tags")
        if facts.get("kind") not in KINDS:
            raise ValueError(f"the kind of fit {facts.get('kind')!r:.40} is unknown")
        numbers = {name: _number(facts.get(name), name) for name in LIMITS}
        decoding = Decoding(numbers["temperature"], numbers["kappa"], numbers["delta"])
        return cls(moments, TagCounts(first, pairs), WordChoices(facts["kind"], numbers["lambda"], decoding))


def _words(head: AnnotationHead) -> WordsHead:
    if not isinstance(head, WordsHead):
        raise TypeError(f"sums of words with the head '{head.name}'")
    return head


def _finite(bias: Array) -> Array:
    """A tag without training words has the prior 0 and the bias -inf: far below the others instead."""
    seen = np.isfinite(bias)
    return np.where(seen, bias, bias[seen].min(initial=0.0) - 30.0)


def _counts(array: NDArray[Any] | None, name: str) -> Array:
    if array is None or array.dtype != np.float64 or not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(f"the counts '{name}' of tags are missing, or no counts")
    return array


def _number(value: object, name: str) -> float:
    low, high = LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value!r:.40}")
    return float(value)
