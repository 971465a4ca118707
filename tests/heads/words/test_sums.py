"""A head of words after an update equals the head solved with the same choices on all sentences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.annotations import Sentence, Span
from headstart.decode.spans import TagSet, tag_rows
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.heads.words.decoding import Decoding, TagCounts
from headstart.heads.words.head import WordsHead
from headstart.heads.words.left_out import StandardisedFit
from headstart.heads.words.sums import WordChoices, WordSums
from headstart.heads.words.word_rows import Columns, LabelledWords
from headstart.sources.positions.words import words_of
from headstart.sources.toy import ToySource
from headstart.types import Dataset, Task

ENGINE = Engine(cache=False)
COLUMNS = Columns(("trigrams",), 1)
TASK = Task("token", ("LOC", "PER"))


def made(count: int, seed: int, task: Task = TASK) -> Dataset:
    rng = np.random.default_rng(seed)
    items, y = [], np.empty(count, object)
    for k in range(count):
        name, place = rng.choice(["Ada", "Bob", "Cleo", "Dan"]), rng.choice(["Oslo", "Rome", "Lima"])
        items.append(Sentence.of_words([*["today"][: k % 2], str(name), "went", "to", str(place), "."]))
        start = k % 2
        y[k] = (Span(start, start + 1, "PER"), Span(start + 3, start + 4, task.labels[-1] if k % 3 == 0 else "LOC"))
    return Dataset(items, tuple(map(str, range(count))), "text", task, y)


def solved(dataset: Dataset, choices: WordChoices) -> tuple[WordSums, WordsHead]:
    """From scratch: the rows of all sentences, their moments and counts, the head."""
    task, y = dataset.labelled()
    words, tags = words_of(ToySource()).only_blocks(COLUMNS.blocks), TagSet(task.labels)
    found = extract(words, dataset.items, engine=ENGINE, on_error="raise")
    codes = tag_rows(tags, list(y), np.diff(found.offsets).tolist())
    rows = LabelledWords(found.rows, found.offsets, words.info.blocks, codes, np.arange(len(dataset)), tags)
    sums = WordSums(rows.moments(COLUMNS), TagCounts.of(tags, codes, found.offsets), choices)
    arrays = sums.arrays(StandardisedFit.of(sums.moments))
    return sums, WordsHead(task.labels, COLUMNS.blocks, **arrays, context=COLUMNS.context)


def joined(one: Dataset, other: Dataset) -> Dataset:
    y = np.concatenate([one.labelled()[1], other.labelled()[1]])
    return Dataset([*one.items, *other.items], tuple(map(str, range(len(y)))), "text", other.labelled()[0], y)


def same(one: WordsHead, other: WordsHead) -> None:
    assert one.labels == other.labels
    for name in ("weight", "bias", "first", "steps"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", ["ridge", "lda"])
def test_an_update_equals_the_head_solved_on_all_sentences(kind: str) -> None:
    choices = WordChoices(kind, 0.3, Decoding(1.7, 0.5, -0.5))
    old, new = made(12, 0), made(7, 1)
    sums, head = solved(old, choices)
    more = sums + sums.of_items(head, ToySource(), new, engine=ENGINE)
    same(more.solved(head, TASK), solved(joined(old, new), choices)[1])
    same((more - sums.of_items(head, ToySource(), new, engine=ENGINE)).solved(head, TASK), head)


def test_new_types_equal_a_fit_that_knew_them_from_the_start() -> None:
    choices, task = WordChoices("lda", 0.3, Decoding(1.0, 1.0, 0.0)), Task("token", ("LOC", "PER", "WAY"))
    old, new = made(12, 0), made(7, 1, task)
    sums, head = solved(old, choices)
    more = sums.for_task(task) + sums.of_items(head, ToySource(), new, engine=ENGINE)
    same(more.solved(head, task), solved(joined(old, new), choices)[1])


def test_saved_sums_are_read_as_they_were_written() -> None:
    sums, head = solved(made(6, 0), WordChoices("ridge", 0.3, Decoding(1.7, 0.5, -0.5)))
    again = WordSums.from_saved(sums.tensors(), sums.facts(), head, TASK)
    assert again.choices == sums.choices
    np.testing.assert_array_equal(again.solved(head, TASK).weight, head.weight)
    assert sums.nbytes == sum(array.nbytes for array in sums.tensors().values())


@pytest.mark.parametrize(
    ("tensors", "facts", "said"),
    [
        ({"first": np.full(5, -1.0)}, {}, "counts"),
        ({"pairs": np.zeros((4, 5))}, {}, "tags"),
        ({"words.mean": np.array([np.nan])}, {}, "finite"),
        ({"words.mean": np.zeros(3)}, {}, "shape"),
        ({"words.w": np.array([-1.0])}, {}, "negative"),
        ({}, {"kind": "svm"}, "unknown"),
        ({}, {"lambda": -1.0}, "lambda must be"),
        ({}, {"temperature": float("inf")}, "temperature must be"),
        ({}, {"kappa": True}, "kappa must be"),
    ],
)
def test_sums_that_no_fit_wrote_are_refused(
    tensors: dict[str, np.ndarray], facts: dict[str, object], said: str
) -> None:
    sums, head = solved(made(6, 0), WordChoices("ridge", 0.3, Decoding()))
    with pytest.raises(ValueError, match=said):
        WordSums.from_saved({**sums.tensors(), **tensors}, {**sums.facts(), **facts}, head, TASK)


def test_sums_of_another_head_are_refused() -> None:
    sums, head = solved(made(6, 0), WordChoices("ridge", 0.3, Decoding()))
    with pytest.raises(ValueError, match="columns"):
        WordSums.from_saved(sums.tensors(), sums.facts(), replace(head, weight=head.weight[:-1]), TASK)
