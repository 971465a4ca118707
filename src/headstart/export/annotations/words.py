"""The graph of a model that marks words: from the tokens of a window to what its words say of the tags.

A word may add to the scores of its neighbours. Neighbours may lie in another window, so the graph gives what each word
says of itself and of the words around it, and the reader adds these up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.export.annotations.graph import AnnotationGraph
from headstart.export.graph.bodies import TextPart, text_part
from headstart.heads.words.head import WordsHead
from headstart.sources.positions.words import words_of
from headstart.sources.preprocessing.word_shapes import COLUMNS
from headstart.sources.transformers.text_body import TextBody
from headstart.sources.transformers.word_tokens import WordTokenizer
from headstart.types import Source

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["word_graph"]

WORDS = 5  # of the example


def word_graph(head: WordsHead, source: Source, name: str) -> AnnotationGraph:
    """The graph of a head for words and the source that it reads.

    Args:
        head: solved or trained.
        source: of texts.
        name: of the format, for messages.

    Raises:
        SourceError: if the format does not hold the source.

    Examples:
        >>> from headstart.sources import open_source
        >>> arrays = np.zeros((3 * (384 + 19), 3)), np.zeros(3), np.zeros(3), np.zeros((3, 3))
        >>> head = WordsHead(("PER",), ("layer.1",), *arrays, context=1)
        >>> graph = word_graph(head, open_source("headstart:text"), "onnx")
        >>> graph.module(*graph.examples.values())[0].shape      # 5 words, themselves and two neighbours, 3 tags
        torch.Size([2, 5, 3, 3])
    """
    read = [block.name for block in head.source(source).info.blocks if not block.numbers]
    body = words_of(source, read, pooling="mean" if head.pooling == "mean" else "first").body
    if not isinstance(body, TextBody):
        raise SourceError(
            f"The format '{name}' does not hold the source '{source.info.name}': words are exported with a text body "
            "of transformers, headstart:text or headstart:multilingual; fit again with one of these."
        )
    import torch

    part = text_part(body)
    made: nn.Module = _module_class()(part, head)
    length = part.examples["input_ids"].shape[1]
    words = torch.zeros(2, WORDS, length)
    words[:, torch.arange(WORDS), torch.arange(WORDS) + 1] = 1
    axes = {0: "n", 1: "tokens"}
    parts = 2 * head.context + 1
    near = " and of its neighbours: the word itself, then 1 before, 1 after, ..." if head.context else ""
    return AnnotationGraph(
        "word",
        made.eval(),
        {**part.examples, "words": words, "shapes": torch.zeros(2, WORDS, COLUMNS)},
        {
            "input_ids": axes, "attention_mask": axes, "words": {0: "n", 1: "words", 2: "tokens"},
            "shapes": {0: "n", 1: "words"},
        },
        {"scores": {0: "n", 1: "words"}},
        _settings(head, WordTokenizer(body.parts.tokenizer)),
        {
            "input_ids": "(n, tokens) int64, windows of whole words",
            "attention_mask": "(n, tokens) int64, 1 for tokens",
            "words": "(n, words, tokens) float32, the weight of each token in the row of a word",
            "shapes": f"(n, words, {COLUMNS}) float32, how a word is written",
        },
        {"scores": f"(n, words, {parts}, {len(head.tags)}) float32, what a row adds to the scores of the tags of its "
                   f"word{near}"},
        part.write,
    )  # fmt: skip


def _settings(head: WordsHead, tokenizer: WordTokenizer) -> Mapping[str, Any]:
    chain = head.chain
    return {
        "tags": list(head.tags.names), "context": head.context, "pooling": head.pooling, "room": tokenizer.room,
        "before": tokenizer.before.tolist(), "after": tokenizer.after.tolist(), "spaced": tokenizer.spaced,
        "first": _plain(chain.first), "steps": [_plain(row) for row in chain.steps], "last": _plain(chain.last),
    }  # fmt: skip


def _plain(values: NDArray[np.float64]) -> Sequence[float | None]:
    """Numbers for JSON, which has none for minus infinity."""
    return [float(value) if np.isfinite(value) else None for value in values]


@cache
def _module_class() -> Any:
    import torch

    class WordsGraph(torch.nn.Module):
        """Body, rows of words, and linear map."""

        def __init__(self, part: TextPart, head: WordsHead) -> None:
            super().__init__()
            self.body, self.blocks, self.parts = part.module, part.blocks, 2 * head.context + 1
            weight = np.split(head.weight, self.parts)  # of the rows of the word and of each neighbour
            joined = np.concatenate(weight, axis=1)
            bias = np.zeros(joined.shape[1])
            bias[: len(head.bias)] = head.bias
            for name, values in (("weight", joined[:-COLUMNS]), ("own", joined[-COLUMNS:]), ("bias", bias)):
                self.register_buffer(name, torch.from_numpy(values.astype(np.float32)))

        def forward(self, input_ids: Tensor, attention_mask: Tensor, words: Tensor, shapes: Tensor) -> tuple[Tensor]:
            inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
            tokens = torch.cat([block.float() for block in self.blocks(self.body, inputs)], dim=2)
            said = (words @ tokens) @ self.get_buffer("weight") + shapes @ self.get_buffer("own")
            said = said + self.get_buffer("bias")
            return (said.reshape(said.shape[0], said.shape[1], self.parts, -1),)

    return WordsGraph
