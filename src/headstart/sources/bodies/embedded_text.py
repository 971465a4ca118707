"""A text as embedded tokens, and the body from there on: what gradient attributions of texts need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EmbeddedText", "TokenEmbedding", "TokenSpans"]


@dataclass(frozen=True, eq=False)
class EmbeddedText:
    """A text as the body reads it.

    Attributes:
        text: the text in the normal form in which it is tokenized; positions refer to it.
        spans: (start, stop) of each of the t tokens in the text; empty (start = stop) for tokens such as [CLS].
        embeddings: (t, width) float32 token embeddings.
        baselines: rows (width,) float32 by name that can replace the embedding of a token: ``"mask"`` (where the
            tokenizer has such a token), ``"pad"``, ``"zero"``.
        lost: number of tokens beyond those that the body reads.
        blocks: a function of embedded texts (n, t, width) that returns the rows (n, width) of each block of the source,
            float32, with gradients.

    Examples:
        >>> text = EmbeddedText("hi", ((0, 2),), np.ones((1, 3), np.float32), {}, 0, lambda x: [x.mean(1)])
        >>> text.own
        array([ True])
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    embeddings: NDArray[np.float32]
    baselines: Mapping[str, NDArray[np.float32]]
    lost: int
    blocks: Callable[[Tensor], list[Tensor]]

    @property
    def own(self) -> NDArray[np.bool_]:
        """(t,) whether each token is a part of the text."""
        return np.array([stop > start for start, stop in self.spans], bool)


@runtime_checkable
class TokenSpans(Protocol):
    """A text source that says where its tokens are in a text.

    Examples:
        >>> from headstart.sources import open_source
        >>> open_source("headstart:text").token_spans("a card")
        ('a card', ((0, 1), (2, 6)))
    """

    def token_spans(self, text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
        """The text in the form in which it is tokenized, and (start, stop) of each of its tokens that are read."""
        ...


@runtime_checkable
class TokenEmbedding(Protocol):
    """A text source whose body can be run from embedded tokens.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("headstart:text"), TokenEmbedding), isinstance(open_source("toy"), TokenEmbedding)
        (True, False)
    """

    def token_embedder(self) -> Callable[[str], EmbeddedText]:
        """A function that embeds a text; it holds the body as a torch module in fp32."""
        ...
