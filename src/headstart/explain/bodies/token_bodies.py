"""Text bodies in torch, from embedded tokens; each is built once for as long as its source is in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from headstart.errors import ItemError, SourceError
from headstart.sources.bodies.embedded_text import EmbeddedText, TokenEmbedding
from headstart.types import Source

__all__ = ["embedded_text"]

_BUILT: WeakKeyDictionary[Any, Callable[[str], EmbeddedText]] = WeakKeyDictionary()


def embedded_text(source: Source, item: object) -> EmbeddedText:
    """A text as embedded tokens, with the body from there on.

    Args:
        source: a source with token embeddings.
        item: the text.

    Raises:
        ItemError: if the item is not a text.
        SourceError: if the source has no token embeddings.

    Examples:
        >>> from headstart.sources import open_source
        >>> embedded_text(open_source("toy"), "a text")
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'toy' has no token embeddings; ...
    """
    if not isinstance(source, TokenEmbedding):
        raise SourceError(f"The source '{source.info.name}' has no token embeddings; use 'leave_one_word_out'.")
    if not isinstance(item, str):
        raise ItemError(f"A text must be a string. Got {type(item).__name__} instead.")
    if source not in _BUILT:
        _BUILT[source] = source.token_embedder()
    return _BUILT[source](item)
