"""Labelled sentences as rows of words with tags."""

from __future__ import annotations

import numpy as np

from headstart.decode.spans import TagSet, tag_rows
from headstart.engine.extract import extract
from headstart.errors import DataError, SourceError
from headstart.heads.words.word_rows import Columns, LabelledWords
from headstart.sources.positions.words import words_of
from headstart.transfer.stages.context import RunContext
from headstart.types import Dataset, Source, group_codes

__all__ = ["labelled_words"]

SCHEME = "IOB2"


def labelled_words(
    train: Dataset, source: Source, context: RunContext, columns: Columns | None = None
) -> LabelledWords:
    """The rows of the words of labelled sentences, with their tags and groups.

    Args:
        train: labelled sentences.
        source: a text source that knows its words.
        context: of the run.
        columns: which blocks are read; None for all.

    Raises:
        SourceError: if the source does not know its words.
        DataError: if there are fewer than two groups of sentences.
        ItemError: for an item without words.

    Examples:
        >>> from headstart.annotations import Sentence, Span
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.types import Task
        >>> y = np.empty(2, object)
        >>> y[:] = [(Span(0, 1, "PER"),), ()]
        >>> items = [Sentence.of_words(["Ada", "slept"]), Sentence.of_words(["Rain"])]
        >>> data = Dataset(items, ("0", "1"), "text", Task("token", ("PER",)), y)
        >>> words = labelled_words(data, ToySource(), RunContext(SilentReporter()))
        >>> words.codes, words.rows.shape
        (array([1, 0, 0]), (3, 115))
    """
    task, y = train.labelled()
    groups = group_codes(train.groups, len(train))
    if len(np.unique(groups)) < 2:
        raise DataError("Spans need sentences of two groups at least, so that one can be left out. Got one; add some.")
    words = words_of(source)
    if columns is not None:
        words = words.only_blocks(columns.blocks)
    found = extract(words, train.items, engine=context.engine, on_error="raise")
    if found.offsets is None:
        raise SourceError(f"The source '{source.info.name}' gives no row for each word; use another text source.")
    tags = TagSet(task.labels, SCHEME)
    codes = tag_rows(tags, list(y), np.diff(found.offsets).tolist())
    return LabelledWords(found.rows, found.offsets, words.info.blocks, codes, groups, tags)
