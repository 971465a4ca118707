"""Sentences as words with their places in a text, and labelled spans of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.errors import DataError

__all__ = ["Sentence", "Span"]


@dataclass(frozen=True, order=True)
class Span:
    """A labelled run of words, such as a named entity.

    Attributes:
        start: position of its first word in the sentence.
        end: position after its last word.
        label: its type, such as ``"PER"``.
        score: the probability that a model gives it; 1 where it was labelled. It does not count in comparisons.

    Raises:
        DataError: unless 0 <= start < end.

    Examples:
        >>> Span(0, 2, "PER") in {Span(0, 2, "PER"), Span(3, 4, "LOC")}
        True
    """

    start: int
    end: int
    label: str
    score: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise DataError(
                f"A span must begin at word 0 or later and hold a word. Got words {self.start} to {self.end} instead."
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[int, int, str]:
        return self.start, self.end, self.label


@dataclass(frozen=True)
class Sentence:
    """A text as words.

    Attributes:
        words: its k words, which rows and tags belong to.
        text: the text itself.
        offsets: (start, end) of each word in ``text``, in characters.

    Raises:
        DataError: unless each word has its place in the text.

    Examples:
        >>> sentence = Sentence.of_words(["Ada", "Lovelace", "wrote", "."])
        >>> sentence.text, sentence.surface(Span(0, 2, "PER")), sentence.characters(Span(0, 2, "PER"))
        ('Ada Lovelace wrote .', 'Ada Lovelace', (0, 12))
    """

    words: tuple[str, ...]
    text: str
    offsets: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if len(self.words) != len(self.offsets):
            raise DataError(f"A sentence has {len(self.words)} words, but {len(self.offsets)} places of words.")

    @classmethod
    def of_words(cls, words: Sequence[str]) -> Sentence:
        """A sentence whose text is its words with a space between them.

        Args:
            words: k words.
        """
        starts, at = [], 0
        for word in words:
            starts.append(at)
            at += len(word) + 1
        return cls(tuple(words), " ".join(words), tuple((s, s + len(w)) for s, w in zip(starts, words, strict=True)))

    def __len__(self) -> int:
        return len(self.words)

    def characters(self, span: Span) -> tuple[int, int]:
        """(start, end) of a span of words in ``text``, in characters."""
        return self.offsets[span.start][0], self.offsets[span.end - 1][1]

    def surface(self, span: Span) -> str:
        """The text of a span of words."""
        start, end = self.characters(span)
        return self.text[start:end]
