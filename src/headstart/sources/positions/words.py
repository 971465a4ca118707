"""A row for each word of a sentence, from the blocks of any text source, beside numbers on how the word is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Sentence
from headstart.engine.body.recipe import rows_key
from headstart.engine.capabilities import BlockSelecting, Cacheable, Releasing, Runtime, WiderRows, runtime_of
from headstart.engine.extract import encode
from headstart.engine.options import Engine
from headstart.errors import ItemError, SourceError
from headstart.params import check_choice
from headstart.sources.bodies.trainable import body_key
from headstart.sources.bodies.word_reading import ReadWords, WordReading
from headstart.sources.preprocessing.word_shapes import COLUMNS, word_shapes
from headstart.types import Block, FeatureMatrix, Source, SourceInfo

__all__ = ["SHAPE", "PreparedSentence", "WordsSource", "words_of"]

SHAPE = "shape"
"""The name of the block of numbers on how a word is written."""

LAYOUT = 1  # to be raised when the same words give other rows
Pooling = Literal["first", "mean"]


@dataclass(frozen=True, eq=False)
class PreparedSentence:
    """A sentence as `WordsSource` encodes it.

    Attributes:
        read: its windows and the places of its words.
        shapes: (words, 19) float32, from `headstart.sources.preprocessing.word_shapes.word_shapes`.

    Examples:
        >>> one = PreparedSentence(ReadWords((), np.array([[-1, 0, 0]])), np.zeros((1, 19), np.float32))
        >>> one.nbytes
        100
    """

    read: ReadWords
    shapes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def nbytes(self) -> int:
        """The memory of the arrays, in bytes."""
        return self.read.nbytes + int(self.shapes.nbytes)


@dataclass(frozen=True)
class WordsSource:
    """A text source with one row for each word: its items are `Sentence`, and ``forward`` returns (words, width) each.

    Long sentences run in windows of complete words that overlap by half; a word is taken from the window in which it is
    most central. So no word is left out, and a sentence that fits runs as it is; of a word with more tokens than fit in
    a window only the first are read. A word that the tokenizer drops (such as a zero-width space) keeps a row, of
    zeros, so that rows and words stay side by side.

    Args:
        body: a text source that gives a row for each of its tokens; `words_of` makes it.
        pooling: the row of a word of several tokens: ``"first"``, that of its first token, or ``"mean"``.

    Examples:
        >>> from headstart.engine.extract import extract
        >>> from headstart.sources.toy import ToySource
        >>> source = words_of(ToySource())
        >>> found = extract(source, [Sentence.of_words(["Ada", "Lovelace"]), Sentence.of_words(["hello"])])
        >>> found.rows.shape, found.offsets.tolist(), source.info.blocks[-1].name
        ((3, 115), [0, 2, 3], 'shape')
    """

    body: WordReading
    pooling: Pooling = "first"

    def __post_init__(self) -> None:
        check_choice(self.pooling, "pooling", "WordsSource", ("first", "mean"))

    @property
    def positions(self) -> bool:
        """That each word has a row."""
        return True

    @cached_property
    def info(self) -> SourceInfo:
        """The facts about the text source, with the blocks of its body and that of the shapes of words."""
        own = self.body.info
        return replace(own, name=f"words of {own.name}", blocks=(*own.blocks, Block(SHAPE, COLUMNS, numbers=True)))

    @property
    def runtime(self) -> Runtime:
        """The runtime of the body."""
        return runtime_of(self.body)

    def prepare(self, item: object) -> PreparedSentence:
        """The sentence as windows of tokens; raises `ItemError` if it is no sentence, or has no words."""
        (outcome,) = self.prepare_many([item])
        if isinstance(outcome, ItemError):
            raise outcome
        return outcome

    def prepare_many(self, items: Sequence[object]) -> list[PreparedSentence | ItemError]:
        """`prepare` for many sentences in one call of the tokenizer; for a faulty one, its error is returned."""
        outcomes: list[Any] = [_fault(item) for item in items]
        good = [item for item, fault in zip(items, outcomes, strict=True) if fault is None]
        sentences = [item.words for item in good if isinstance(item, Sentence)]
        read = iter(self.body.read_words(sentences) if sentences else [])
        shapes = iter(map(word_shapes, sentences))
        return [PreparedSentence(next(read), next(shapes)) if one is None else one for one in outcomes]

    def forward(self, prepared: Sequence[PreparedSentence]) -> Any:
        """The rows of n prepared sentences: n arrays (words, sum of block widths) float32."""
        windows = [window for one in prepared for window in one.read.windows]
        found: Any = self.body.forward(windows) if windows else []
        width = sum(block.width for block in self.body.info.blocks)
        rows, begin = [], 0
        for one in prepared:
            own = found[begin : begin + len(one.read.windows)]
            begin += len(own)
            words = np.zeros((len(one.shapes), width + COLUMNS), np.float32)
            for word, (window, first, stop) in zip(words, one.read.places.tolist(), strict=True):
                if window >= 0:
                    part = own[window]
                    word[:width] = part[first] if self.pooling == "first" else part[first:stop].mean(axis=0)
            words[:, width:] = one.shapes
            rows.append(words)
        return rows

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[PreparedSentence]]) -> str | None:
        """Choose the backend of the body; returns the digest under which rows of words may be cached."""
        if not isinstance(self.body, Cacheable):
            return None
        key = self.body.choose(engine, count, lambda: [window for one in few() for window in one.read.windows])
        return None if key is None else self._key(key)

    def _key(self, key: str) -> str:
        return rows_key("text", "words", LAYOUT, self.pooling, key)

    def all_blocks(self) -> tuple[Block, ...]:
        """The blocks of the body among which `only_blocks` chooses; the shapes of words are always there."""
        return self.body.all_blocks() if isinstance(self.body, BlockSelecting) else self.body.info.blocks

    def only_blocks(self, names: Sequence[str]) -> WordsSource:
        """The source with only these blocks of the body, and the shapes of words.

        Raises:
            UnknownNameError: for another name.
            SourceError: for no names.
        """
        if isinstance(self.body, BlockSelecting):
            return WordsSource(_words_known(self.body.only_blocks(names)), self.pooling)
        kept = [block.name for block in self.body.info.blocks if block.name in names]
        return WordsSource(_words_known(self.body.with_layers(kept, positions=True)), self.pooling)

    def wider_rows(self) -> WiderRows | None:
        """Where the rows with all blocks are stored; None without a choice of blocks, or before one of a backend."""
        wider = self.body.wider_rows() if isinstance(self.body, BlockSelecting) else None
        if wider is None:
            return None
        width = sum(block.width for block in self.all_blocks())
        return WiderRows(self._key(wider.key), (*wider.ranges, (width, width + COLUMNS)))

    @property
    def body_key(self) -> str:
        """The key of its body."""
        return body_key(self.body)

    def release(self) -> None:
        """Close the body and free its memory."""
        if isinstance(self.body, Releasing):
            self.body.release()

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """The rows (words of all items, sum of block widths) float32 of n sentences."""
        return encode(self, items)

    def untrained(self, seed: int) -> WordsSource | None:
        """The same with random weights in the body; None where there is none."""
        made = self.body.untrained(seed)
        return None if made is None else WordsSource(_words_known(made), self.pooling)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write what opens the text source again."""
        return self.body.save(folder)


def words_of(source: Source, layers: str | Sequence[str] = "blocks", *, pooling: Pooling = "first") -> WordsSource:
    """The source with a row for each word.

    Args:
        source: a text source that knows its words: ``headstart:text``, ``headstart:multilingual``, or a text body of
            transformers (``hf:``, ``local:``).
        layers: as in `headstart.engine.capabilities.LayerChoosing`; by default all its blocks.
        pooling: as in `WordsSource`.

    Raises:
        SourceError: if it does not know its words.

    Examples:
        >>> from headstart.sources import open_source
        >>> words_of(open_source("vector"))
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'vector' cannot give a row for each word; use headstart:text, ...
    """
    return WordsSource(_words_known(_words_known(source).with_layers(layers, positions=True)), pooling)


def _words_known(source: Source) -> WordReading:
    if isinstance(source, WordReading):
        return source
    raise SourceError(
        f"The source '{source.info.name}' cannot give a row for each word; use headstart:text, headstart:multilingual, "
        "or a text encoder of transformers with a tokenizer.json (hf:ORG/NAME, local:PATH)."
    )


def _fault(item: object) -> ItemError | None:
    if not isinstance(item, Sentence):
        return ItemError(f"A sentence must be a Sentence of words. Got {type(item).__name__} instead.")
    return None if item.words else ItemError("The sentence has no words.")
