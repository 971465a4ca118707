"""Running a text body from embedded tokens: the output of its token embeddings is replaced by what is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.text.forms import canonical_text
from headstart.engine.body.arrays import to_tensors
from headstart.engine.body.recipe import Forward
from headstart.errors import SourceError
from headstart.sources.bodies.embedded_text import EmbeddedText
from headstart.sources.transformers.tokenizing import TokenizerSpec, pad
from headstart.sources.transformers.word_table import RowTable, WordTable

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor, nn

__all__ = ["embedder", "token_spans"]

MASKS = ("[MASK]", "<mask>")


def token_spans(tokenizer: Tokenizer, text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text in the form in which it is tokenized, and the place of each token that is read, without special ones.

    Args:
        tokenizer: from `headstart.sources.transformers.tokenizing.open_tokenizer`.
        text: the text.

    Examples:
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> words = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?"))
        >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
        >>> token_spans(words, "a b")
        ('a b', ((0, 1), (2, 3)))
    """
    plain = canonical_text(text)
    encoded = tokenizer.encode(plain)
    marks = zip(encoded.offsets, encoded.special_tokens_mask, strict=True)
    return plain, tuple((int(start), int(stop)) for (start, stop), special in marks if not special and stop > start)


def embedder(
    module: nn.Module, forward: Forward, tokenizer: Tokenizer, spec: TokenizerSpec, words: WordTable | None
) -> Callable[[str], EmbeddedText]:
    """A function from a text to its embedded tokens and the body from there on.

    Args:
        module: the body in torch, float32; its parameters stay as they are and get no gradients.
        forward: from (module, batch) to the rows of each block.
        tokenizer: opened.
        spec: the facts about the tokenizer.
        words: the token embeddings where they stay outside of the module.

    Raises:
        SourceError: if the module has no table of token embeddings that its input goes through.

    Examples:
        >>> import torch
        >>> from tokenizers import Tokenizer, models
        >>> words = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?"))
        >>> body = torch.nn.Embedding(2, 3)
        >>> embed = embedder(body, lambda m, x: [m(x["input_ids"]).mean(1)], words, TokenizerSpec("", 8), None)
        >>> text = embed("a")
        >>> torch.equal(text.blocks(torch.ones(1, 1, 3))[0], torch.ones(1, 3)), sorted(text.baselines)
        (True, ['pad', 'zero'])
    """
    module.requires_grad_(requires_grad=False)
    table = None if words is not None else _embedding_of(module, forward, spec)
    rows = words or _rows_of(table)

    def embed(text: str) -> EmbeddedText:
        plain = canonical_text(text)
        encoded = tokenizer.encode(plain)
        ids = np.asarray(encoded.ids, np.int64)
        special = encoded.special_tokens_mask
        spans = tuple(
            (0, 0) if mark else (int(a), int(b)) for (a, b), mark in zip(encoded.offsets, special, strict=True)
        )
        baselines = _baselines(tokenizer, spec, rows)
        lost = sum(len(one.ids) - sum(one.special_tokens_mask) for one in encoded.overflowing)
        given = {"input_ids": ids[None], "attention_mask": np.ones((1, len(ids)), np.int64)}
        batch = pad([ids], len(ids), spec.pad) if len(ids) else given

        def blocks(embedded: Tensor) -> list[Tensor]:
            return _run(module, forward, table, batch, embedded)

        return EmbeddedText(plain, spans, rows(ids), baselines, lost, blocks)

    return embed


def _rows_of(table: Any) -> WordTable:
    """The rows of an embedding of torch, read with numpy arrays."""
    return RowTable(lambda ids: table(to_tensors({"ids": ids})["ids"]).detach().numpy(), tuple(table.weight.shape))


def _run(
    module: nn.Module, forward: Forward, table: nn.Module | None, batch: Mapping[str, Any], embedded: Tensor
) -> list[Tensor]:
    tensors: Any = to_tensors({name: np.repeat(value, len(embedded), axis=0) for name, value in batch.items()})
    if table is None:  # the batch of such a body holds embedded tokens
        return forward(module, {"inputs_embeds": embedded, "attention_mask": tensors["attention_mask"]})
    handle = table.register_forward_hook(lambda _module, _inputs, _output: embedded)
    try:
        return forward(module, tensors)
    finally:
        handle.remove()


def _embedding_of(module: nn.Module, forward: Forward, spec: TokenizerSpec) -> nn.Module:
    """The table that token ids go through: the first embedding that is called with the ids of a batch."""
    import torch
    from torch import nn

    ids = np.array([[spec.pad, spec.pad + 1, spec.pad]], np.int64)  # no row of positions, which rise
    tensors: Any = to_tensors({"input_ids": ids, "attention_mask": np.ones_like(ids)})
    found: list[nn.Module] = []

    def note(layer: nn.Module, inputs: tuple[Any, ...], _output: object) -> None:
        given = inputs[0] if inputs else None
        if isinstance(given, torch.Tensor) and given.shape == ids.shape and torch.equal(given, tensors["input_ids"]):
            found.append(layer)

    tables = [part for part in module.modules() if isinstance(part, nn.Embedding)]
    handles = [part.register_forward_hook(note) for part in tables]
    try:
        with torch.inference_mode():
            forward(module, tensors)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise SourceError(
            "The body has no table of token embeddings that its token ids go through, so gradients of tokens are not "
            "known; use the method 'leave_one_word_out'."
        )
    return found[0]


def _baselines(
    tokenizer: Tokenizer, spec: TokenizerSpec, rows: Callable[[NDArray[np.int64]], NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    ids: Sequence[tuple[str, int | None]] = [
        ("mask", next((n for n in map(tokenizer.token_to_id, MASKS) if n is not None), None)),
        ("pad", spec.pad),
    ]
    found = {name: rows(np.array([number], np.int64))[0] for name, number in ids if number is not None}
    width = len(found["pad"])
    return found | {"zero": np.zeros(width, np.float32)}
