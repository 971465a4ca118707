"""Saved BERT encoders whose token embeddings stay on disk, such as those that were fine-tuned without them.

Such a body is opened as the one that it was made of: transformers would load the complete table, several hundred
megabytes, of which a data set uses a few thousand rows, and a conversion would copy it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.recipe import Batch, DirectForm, recipe_key
from headstart.errors import ModelFolderError, SourceError
from headstart.io import check_digest, read_json
from headstart.sources.bodies.adapters import load_adapters, restore_structure, save_adapters, without_adapters
from headstart.sources.bodies.seeded import seeded
from headstart.sources.transformers import bert, bert_direct
from headstart.sources.transformers.bert import bert_hidden, bert_module
from headstart.sources.transformers.bert_direct import bert_blocks, bert_graph
from headstart.sources.transformers.checkpoint import TOKENIZER_FILES, WEIGHT_FILES, copy_files, files_digest
from headstart.sources.transformers.text_body import TextParts
from headstart.sources.transformers.tokenizing import TokenizerSpec
from headstart.sources.transformers.word_table import RandomWords, RowTable, WordTable, save_with_words, word_table
from headstart.sources.weight_files.published_bert import PublishedBert

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["open_words_on_disk", "words_on_disk"]

MARK = "headstart_words_on_disk"  # in config.json of a body whose token embeddings are not trained
WEIGHTS = "model.safetensors"
WORDS = "embeddings.word_embeddings.weight"
MOST_LAYERS = 1000
COUNTS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
          "max_position_embeddings", "type_vocab_size")  # fmt: skip


def words_on_disk(max_length: int, pad: int, unknown: int) -> dict[str, Any]:
    """What a saved body's config.json says besides, so that it is opened with its token embeddings on disk.

    Args:
        max_length: how many tokens of a text are read.
        pad: the id of the padding token.
        unknown: the id of the unknown token.

    Examples:
        >>> words_on_disk(512, 1, 3)
        {'headstart_words_on_disk': {'max_length': 512, 'pad': 1, 'unknown': 3}}
    """
    return {MARK: {"max_length": max_length, "pad": pad, "unknown": unknown}}


def open_words_on_disk(
    folder: Path, key: str, sha256: str | None, structure: Mapping[str, Any], max_length: int | None
) -> TextParts | None:
    """The parts of a body that was saved with `words_on_disk`, pooled by the mean; nothing but the header is read.

    Args:
        folder: its checkpoint folder.
        key: the digest of weights, configuration and structure.
        sha256: the digest of its weights.
        structure: the adapters inserted into it.
        max_length: how many tokens of a text are read; None for the number that was saved.

    Returns:
        None for another folder, also for one whose files do not fit its configuration.

    Examples:
        >>> open_words_on_disk(Path("nowhere"), "a", None, {}, None) is None
        True
    """
    try:
        config = read_json(folder / "config.json")
        if not _is_ours(config) or sha256 is None:
            return None
        body = _SavedBert(folder, config, sha256, structure)
        body.mapped  # noqa: B018 (reads the header, and raises where it does not fit)
    except (ModelFolderError, SourceError):
        return None  # transformers says what is wrong
    width = config["hidden_size"]
    names = ["embeddings", *(f"layer.{k}" for k in range(1, config["num_hidden_layers"] + 1))]
    marks, files = config[MARK], files_digest(folder, [*TOKENIZER_FILES, "config.json"])
    return TextParts(
        key=recipe_key(key, MARK, bert.VERSION, bert_direct.VERSION),
        build=body.build,
        hidden=body.hidden,
        tokenizer=TokenizerSpec(
            folder / "tokenizer.json", max_length or marks["max_length"], marks["pad"], files, marks["unknown"]
        ),
        copy=body.copy,
        write=body.write,
        words=body.words,
        direct=None if structure else body.direct,  # the graph has no adapters
        structure=structure,
        known={
            "architecture": "bert",
            "parameters": sum(prod(shape) for shape in body.shapes.values()),
            "vocabulary": config["vocab_size"],
            "width": width,
            "blocks": [[name, width] for name in names],
        },
    )


def _is_ours(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a body with token embeddings on disk, with numbers that can be those of one."""
    counts, marks = [config.get(name) for name in COUNTS], config.get(MARK)
    return (
        isinstance(marks, Mapping)
        and set(marks) == {"max_length", "pad", "unknown"}
        and (config.get("model_type"), config.get("hidden_act")) == ("bert", "gelu")
        and config.get("position_embedding_type") == "absolute"
        and all(type(count) is int and count > 0 for count in counts)
        and all(type(mark) is int and mark >= 0 for mark in marks.values())
        and max(marks["pad"], marks["unknown"]) < config["vocab_size"]
        and 0 < marks["max_length"] <= config["max_position_embeddings"]
        and config["num_hidden_layers"] <= MOST_LAYERS
        and config["hidden_size"] % config["num_attention_heads"] == 0
        and all(isinstance(config.get(name), float) for name in ("layer_norm_eps", "initializer_range"))
    )


@dataclass(frozen=True)
class _SavedBert:
    folder: Path
    config: Mapping[str, Any]
    sha256: str
    structure: Mapping[str, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made of: a map of the file would be sent as a copy."""
        return _SavedBert, (self.folder, self.config, self.sha256, self.structure)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor, by its name in transformers' BertModel."""
        width, inner = self.config["hidden_size"], self.config["intermediate_size"]
        sizes = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}
        found: dict[str, tuple[int, ...]] = {
            f"embeddings.{name}_embeddings.weight": (self.config[size], width) for name, size in sizes.items()
        }
        products = {f"attention.self.{name}": (width, width) for name in ("query", "key", "value")}
        products |= {
            "attention.output.dense": (width, width), "intermediate.dense": (inner, width),
            "output.dense": (width, inner),
        }  # fmt: skip
        norms = ["embeddings.LayerNorm"]
        for layer in range(self.config["num_hidden_layers"]):
            owner = f"encoder.layer.{layer}"
            norms += [f"{owner}.attention.output.LayerNorm", f"{owner}.output.LayerNorm"]
            for name, shape in products.items():
                found |= {f"{owner}.{name}.weight": shape, f"{owner}.{name}.bias": shape[:1]}
        return found | {f"{name}.{part}": (width,) for name in norms for part in ("weight", "bias")}

    @cached_property
    def mapped(self) -> PublishedBert:
        """The file, of which the header was read; raises `SourceError` if it lacks a tensor."""
        return PublishedBert(self.folder / WEIGHTS, self.shapes)

    @cached_property
    def opened(self) -> PublishedBert:
        """The file, checked."""
        check_digest(self.folder / WEIGHTS, self.sha256)  # it may have been replaced since the source was opened
        return self.mapped

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The weights of the layers, without the token embeddings."""
        return {name: self.opened.tensor(name) for name in self.shapes if name != WORDS}

    def words(self, seed: int | None) -> WordTable:
        """The token embeddings, of which only the rows that occur are read."""
        shape = self.config["vocab_size"], self.config["hidden_size"]
        if seed is not None:
            return RandomWords(seed, shape, self.config["initializer_range"], self.config.get("pad_token_id") or 0)
        return RowTable(lambda ids: self.opened.rows(WORDS, ids), shape)

    def build(self, seed: int | None) -> nn.Module:
        """The layers, with the adapters that were saved."""
        import torch

        if seed is None:
            tensors = {name: torch.from_numpy(array) for name, array in self.tensors().items()}
            module = bert_module(self.config, tensors, self.words(None))
        else:
            module = seeded(seed, lambda: bert_module(self.config, None, self.words(seed)))
        restore_structure(module, self.structure)
        if seed is None:
            load_adapters(module, self.folder)
        return module

    def hidden(self, module: nn.Module, batch: Mapping[str, Tensor]) -> list[Tensor]:
        """The embeddings and every layer of embedded tokens."""
        return bert_hidden(module, batch["inputs_embeds"], batch["attention_mask"], self.config["num_attention_heads"])

    def direct(self, seed: int | None, read: Sequence[int]) -> DirectForm:
        """How the layers run without torch."""
        sizes = {"heads": self.config["num_attention_heads"], "eps": self.config["layer_norm_eps"], "read": read}
        weight_bytes = 4 * sum(prod(shape) for name, shape in self.shapes.items() if name != WORDS)

        def weights() -> dict[str, NDArray[np.float32]]:
            if seed is None:
                return self.tensors()
            return {name: tensor.numpy() for name, tensor in self.build(seed).state_dict().items()}

        def blocks(batch: Batch) -> list[NDArray[np.float32]]:
            return bert_blocks(weights(), dict(batch), **sizes)

        return DirectForm(lambda: bert_graph(weights(), **sizes), blocks, weight_bytes)

    def copy(self, place: Path, seed: int | None) -> None:
        """Copy the folder, or write it with random weights."""
        if seed is None:
            copy_files(self.folder, place, [*TOKENIZER_FILES, *WEIGHT_FILES])
        else:
            self.write(place, self.build(seed))

    def write(self, place: Path, module: nn.Module) -> None:
        """Write a checkpoint folder of transformers, with every row of the token embeddings."""
        place.mkdir(parents=True, exist_ok=True)
        copy_files(self.folder, place, TOKENIZER_FILES)
        save_with_words(without_adapters(module), word_table(module), place / WEIGHTS)
        save_adapters(module, place)
