"""Text bodies of transformers: tokens in, every layer's mean over the tokens out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import encode
from headstart.engine.pooling import masked_mean
from headstart.engine.torch_body import TorchBody
from headstart.errors import ItemError
from headstart.io import write_json
from headstart.sources.seeded import seeded, spread
from headstart.types import Block, FeatureMatrix, SourceInfo

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor, nn

__all__ = ["TextBody", "TextParts", "tokenizer_from_file"]

TOKENS_AT_ONCE = 2048  # best or near best on 2 CPU cores for texts of 8 to 100 tokens


@dataclass(frozen=True)
class TextParts:
    """What a text source is made of.

    Attributes:
        build: makes the module with random weights.
        tokenizer: cuts and numbers the text; truncates, does not pad.
        max_length: tokens that are kept of a text.
        pooling: ``"mean"`` over the tokens or ``"cls"``, the first token; for the last layer.
        pad: the number of the padding token.
        save_tokenizer: writes the tokenizer's files into a folder, or None where nothing is ever written.

    Examples:
        >>> TextParts(build=None, tokenizer=None, max_length=16).pooling
        'mean'
    """

    build: Callable[[], nn.Module]
    tokenizer: Tokenizer
    max_length: int
    pooling: str = "mean"
    pad: int = 0
    save_tokenizer: Callable[[Path], object] | None = None


def tokenizer_from_file(path: Path, max_length: int) -> Tokenizer:
    """A tokenizer that cuts texts off after ``max_length`` tokens and does not pad.

    Examples:
        >>> import tempfile
        >>> from tokenizers import Tokenizer, models
        >>> path = Path(tempfile.mkdtemp()) / "tokenizer.json"
        >>> Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?")).save(str(path))
        >>> tokenizer_from_file(path, 8).truncation["max_length"]
        8
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(max_length)
    tokenizer.no_padding()
    return tokenizer


class TextBody:
    """A text source: the mean over the tokens of the embeddings and of every layer.

    Args:
        parts: what it is made of.
        module: the body, with its weights.
        info: what is known; blocks and widths are filled in.

    Attributes:
        body: the module and how it is run.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> open_source("headstart:text").info.blocks[-1]
        Block(name='layer.6', width=384)
    """

    def __init__(self, parts: TextParts, module: nn.Module, info: SourceInfo) -> None:
        self.parts = parts
        config: Any = module.config
        tokens = np.random.default_rng(0).integers(config.vocab_size, size=(4, 16))
        self.body = TorchBody(
            module, self._blocks, example=self._padded([row[: 16 - 2 * k] for k, row in enumerate(tokens)])
        )
        layers, width = int(config.num_hidden_layers), int(config.hidden_size)
        names = ["embeddings", *(f"layer.{k}" for k in range(1, layers + 1))]
        self._kept = [names.index(name) for name in [*spread(names[:-1], 12), names[-1]]]
        self._info = replace(
            info,
            num_features=width,
            blocks=tuple(Block(names[k], width) for k in self._kept),
            architecture=str(config.model_type),
            parameters=sum(parameter.numel() for parameter in module.parameters()),
            input={"max_length": parts.max_length, "pooling": parts.pooling},
        )

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self._info

    @property
    def precision(self) -> str:
        """The number format that it runs in, ``"bf16"`` or ``"fp32"``; final after the first batch."""
        return self.body.precision

    def prepare(self, item: Any) -> NDArray[np.int64]:
        """The numbers of the text's tokens.

        Raises:
            ItemError: if the item is no text, or has no tokens.
        """
        if not isinstance(item, str):
            raise ItemError(f"A text must be a string. Got {type(item).__name__} instead.")
        if not item.strip():
            raise ItemError("The text is empty.")
        try:
            tokens = self.parts.tokenizer.encode(item).ids
        except (UnicodeEncodeError, TypeError):
            raise ItemError("The text holds halves of characters (lone surrogates); decode it again.") from None
        if not tokens:
            raise ItemError(f"The text {item!r:.80} has no tokens.")
        return np.asarray(tokens, dtype=np.int64)

    def forward(self, prepared: Sequence[NDArray[np.int64]]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n prepared texts."""
        order = np.argsort([-len(tokens) for tokens in prepared], kind="stable")
        rows = np.empty((len(prepared), sum(block.width for block in self.info.blocks)), np.float32)
        begin = 0
        while begin < len(order):  # texts of like length together, so that a batch holds little padding
            size = max(1, TOKENS_AT_ONCE // len(prepared[order[begin]]))
            batch = order[begin : begin + size]
            rows[batch] = self.body(self._padded([prepared[k] for k in batch]))
            begin += size
        return rows

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n texts."""
        return encode(self, items)

    def untrained(self, seed: int) -> TextBody:
        """The same body with fresh random weights."""
        name = f"{self.info.name} (untrained, seed {seed})"
        info = replace(self.info, name=name, sha256=None, revision=None)
        return TextBody(self.parts, seeded(seed, self.parts.build), info)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder in the format of sentence-transformers, which transformers loads too."""
        folder.mkdir(parents=True, exist_ok=True)
        module: Any = self.body.module
        module.save_pretrained(folder)
        if self.parts.save_tokenizer is not None:
            self.parts.save_tokenizer(folder)
        _write_modules(folder, self.parts, int(module.config.hidden_size))
        return {"name": "local:."}

    def _padded(self, prepared: Sequence[NDArray[np.int64]]) -> dict[str, Tensor]:
        import torch

        longest = max(len(tokens) for tokens in prepared)
        ids = np.full((len(prepared), longest), self.parts.pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(prepared):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}

    def _blocks(self, module: nn.Module, batch: Mapping[str, Tensor]) -> list[Tensor]:
        output = module(**batch, output_hidden_states=True)
        # The last entry of hidden_states may lie before the final normalisation: last_hidden_state is after it.
        hidden = [*output.hidden_states[:-1], output.last_hidden_state]
        pooled = [masked_mean(hidden[k], batch["attention_mask"]) for k in self._kept[:-1]]
        last = hidden[-1]
        mean = self.parts.pooling == "mean"
        return [*pooled, masked_mean(last, batch["attention_mask"]) if mean else last[:, 0].float()]


def _write_modules(folder: Path, parts: TextParts, width: int) -> None:
    kinds = (("", "Transformer"), ("1_Pooling", "Pooling"))
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for k, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(_json(modules), encoding="utf-8")
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": parts.max_length, "do_lower_case": False})
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {
        "word_embedding_dimension": width,
        "pooling_mode_cls_token": parts.pooling == "cls",
        "pooling_mode_mean_tokens": parts.pooling == "mean",
    }
    write_json(folder / "1_Pooling" / "config.json", pooling)


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2) + "\n"
