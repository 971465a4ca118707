"""Loading checkpoint folders by transformers itself: bodies, tokenizers and processors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from headstart.errors import HeadstartError, SourceError
from headstart.io import follow_umask
from headstart.sources.bodies.seeded import seeded
from headstart.sources.bodies.size_limit import check_finite_tensors, limited_to, stored_numbers
from headstart.sources.transformers.library_view import library_view
from headstart.sources.transformers.tokenizing import TokenizerSpec, open_tokenizer

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "encoder",
    "fresh_model",
    "load_model",
    "load_processor",
    "load_tokenizer",
    "one_sentence",
    "processor_facts",
    "save_model",
    "tokenizer_facts",
]

MOST_TOKENS = 512  # longer texts are truncated: attention is quadratic in the length
ATTENTION = {"text": "eager"}  # faster for short texts; others keep the default of transformers


@contextmanager
def one_sentence(folder: Path) -> Iterator[None]:
    """Turn every error of transformers on a checkpoint that it cannot load into one sentence.

    Examples:
        >>> with one_sentence(Path("model")):
        ...     raise OSError("no config")
        Traceback (most recent call last):
        headstart.errors.SourceError: transformers cannot open 'model': no config
    """
    try:
        yield
    except HeadstartError:
        raise
    except Exception as error:  # invalid files make transformers raise errors of every kind
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise SourceError(f"transformers cannot open '{folder}': {reason}") from error


@contextmanager
def _reading(folder: Path, *, weights: bool = False) -> Iterator[tuple[Any, Path]]:
    """The transformers library, as in `_quiet`, and its restricted view of a folder."""
    with library_view(folder, weights=weights) as view, _quiet(folder, view) as transformers:
        yield transformers, view


@contextmanager
def _quiet(folder: Path, view: Path | None = None) -> Iterator[Any]:
    """The transformers library without progress bars and reports of unused keys, and with one-sentence errors."""
    with one_sentence(folder), _named(folder, view):
        import transformers
        from transformers.utils import logging as module

        logging: Any = module  # not annotated
        level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
                yield transformers
        finally:
            logging.set_verbosity(level)
            if bar:
                logging.enable_progress_bar()


@contextmanager
def _named(folder: Path, view: Path | None) -> Iterator[None]:
    """Make errors name the folder instead of its view."""
    try:
        yield
    except HeadstartError:
        raise
    except Exception as error:
        if view is None:
            raise
        raise RuntimeError(str(error).replace(str(view), str(folder))) from error


def _config(transformers: ModuleType, view: Path) -> Any:
    return transformers.AutoConfig.from_pretrained(view, local_files_only=True, trust_remote_code=False)


def _size_limit(folder: Path) -> AbstractContextManager[None]:
    """Limit the number of weights of the model to what the folder holds."""
    return limited_to(stored_numbers(sorted(folder.glob("*.safetensors"))), f"'{folder / 'config.json'}'")


def load_model(folder: Path, modality: str) -> Any:
    """The model of a checkpoint folder with its weights, in float32 and in evaluation mode.

    Raises:
        SourceError: if transformers cannot load it, or weights are missing.

    Examples:
        >>> load_model(Path("nowhere"), "text")
        Traceback (most recent call last):
        headstart.errors.SourceError: transformers cannot open 'nowhere': ...
    """
    import torch

    with _reading(folder, weights=True) as (transformers, view), _size_limit(folder):
        model, loading = transformers.AutoModel.from_pretrained(
            view,
            config=_config(transformers, view),
            dtype=torch.float32,
            attn_implementation=ATTENTION.get(modality),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    # transformers fills missing weights at random. Only those of a pooler may be missing, because it is not used.
    missing = sorted(key for key in loading["missing_keys"] if "pooler" not in key)
    if missing:
        raise SourceError(
            f"The weights in '{folder}' lack {len(missing)} tensors of the body, such as '{missing[0]}', which would "
            "be random; save the whole model."
        )
    check_finite_tensors(model.state_dict(), folder)
    model.config.name_or_path = str(folder)
    return model.eval()


def fresh_model(folder: Path, modality: str, seed: int) -> Any:
    """The model of a checkpoint folder with random weights, in float32 and in evaluation mode.

    Raises:
        SourceError: if transformers cannot build it.

    Examples:
        >>> fresh_model(Path("nowhere"), "text", 0)
        Traceback (most recent call last):
        headstart.errors.SourceError: transformers cannot open 'nowhere': ...
    """
    import torch

    with _reading(folder) as (transformers, view), _size_limit(folder):
        config, auto = _config(transformers, view), transformers.AutoModel
        config.name_or_path = str(folder)
        settings = {"dtype": torch.float32, "attn_implementation": ATTENTION.get(modality), "trust_remote_code": False}
        return seeded(seed, lambda: auto.from_config(config, **settings)).eval()


def save_model(model: Any, folder: Path) -> None:
    """Write a model's config.json and safetensors weights into a folder.

    Examples:
        >>> import tempfile
        >>> from transformers import BertConfig, BertModel
        >>> sizes = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4}
        >>> folder = Path(tempfile.mkdtemp())
        >>> save_model(BertModel(BertConfig(vocab_size=9, **sizes)), folder)
        >>> sorted(file.name for file in folder.iterdir())
        ['config.json', 'model.safetensors']
    """
    with _quiet(folder):
        model.save_pretrained(folder)
    for file in sorted(folder.glob("*.safetensors*")):
        follow_umask(file)


def encoder(model: Any) -> nn.Module:
    """The encoder part of a model: of an encoder-decoder its encoder, else the entire model.

    Examples:
        >>> from transformers import T5Config, T5Model
        >>> type(encoder(T5Model(T5Config(vocab_size=9, d_model=4, d_kv=2, d_ff=4, num_layers=1)))).__name__
        'T5Stack'
    """
    module: nn.Module = model.get_encoder() if model.config.is_encoder_decoder else model
    parts: list[Any] = list(module.modules())
    for part in parts:
        if hasattr(part, "loss_type"):  # unset, transformers warns when tracing reads it
            part.loss_type = "ForMaskedLM"
    return module


def load_processor(folder: Path, modality: str) -> Any:
    """The image processor or the feature extractor of a checkpoint folder.

    Raises:
        SourceError: if transformers cannot load it.

    Examples:
        >>> load_processor(Path("nowhere"), "image")
        Traceback (most recent call last):
        headstart.errors.SourceError: transformers cannot open 'nowhere': ...
    """
    with _reading(folder) as (transformers, view):
        kind = transformers.AutoImageProcessor if modality == "image" else transformers.AutoFeatureExtractor
        return kind.from_pretrained(view, local_files_only=True, trust_remote_code=False)


def processor_facts(folder: Path, modality: str) -> dict[str, Any]:
    """The facts about a folder's image processor or feature extractor.

    Returns:
        ``settings``, its plain values; ``key``, the name of the body's input; ``rate``, the sample rate in Hz, or None.

    Raises:
        SourceError: if transformers cannot load it.

    Examples:
        >>> processor_facts(Path("nowhere"), "audio")
        Traceback (most recent call last):
        headstart.errors.SourceError: transformers cannot open 'nowhere': ...
    """
    processor = load_processor(folder, modality)
    settings = {key: value for key, value in processor.to_dict().items() if _is_plain(value)}
    rate = getattr(processor, "sampling_rate", None)
    facts = {"settings": settings, "key": processor.model_input_names[0], "rate": None if rate is None else int(rate)}
    plain: dict[str, Any] = json.loads(json.dumps(facts, default=str))  # as later read from the cache
    return plain


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | list | tuple | dict)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a checkpoint folder, as an object of transformers.

    Raises:
        SourceError: if transformers cannot load it.

    Examples:
        >>> load_tokenizer(Path("nowhere"))
        Traceback (most recent call last):
        headstart.errors.SourceError: transformers cannot open 'nowhere': ...
    """
    with _reading(folder) as (transformers, view):
        return transformers.AutoTokenizer.from_pretrained(view, local_files_only=True, trust_remote_code=False)


def tokenizer_facts(folder: Path) -> dict[str, Any]:
    """The facts about a folder's tokenizer.

    Returns:
        ``pad``, the id of the padding token; ``max_length``, the number of tokens that tokenizer and body allow, at
        most 512; ``tokenizer``, the tokenizer as JSON text, or None if the folder's tokenizer.json is the same;
        ``unknown``, the id of the unknown token, or None.

    Raises:
        SourceError: if transformers cannot load it, or if it is not a fast tokenizer (of the Rust library).

    Examples:
        >>> tokenizer_facts(Path("nowhere"))
        Traceback (most recent call last):
        headstart.errors.SourceError: transformers cannot open 'nowhere': ...
    """
    with _reading(folder) as (transformers, view):
        config = _config(transformers, view)
    tokenizer = load_tokenizer(folder)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise SourceError(f"'{folder}' has no tokenizer.json, and only fast tokenizers are supported; add one.")
    pad, file = tokenizer.pad_token_id, folder / "tokenizer.json"
    limit = _limit(tokenizer.model_max_length, getattr(config, "max_position_embeddings", None))
    text = open_tokenizer(TokenizerSpec(backend.to_str(), limit)).to_str()
    same = file.is_file() and open_tokenizer(TokenizerSpec(file, limit)).to_str() == text
    return {
        "pad": 0 if pad is None else pad,
        "max_length": limit,
        "tokenizer": None if same else text,
        "unknown": tokenizer.unk_token_id,
    }


def _limit(most: int, positions: int | None) -> int:
    positions = positions or MOST_TOKENS + 2
    if most == positions <= MOST_TOKENS:
        return positions
    return min(most, positions - 2, MOST_TOKENS)  # bodies of the RoBERTa family have two unused positions
