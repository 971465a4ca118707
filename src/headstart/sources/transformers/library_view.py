"""A restricted view of a checkpoint folder for transformers: its data, without references to anything outside.

A configuration may name code (``auto_map``), other repositories and paths (``_name_or_path``, ``vocab_file``, an
adapter's base model, an attention kernel of the hub), pickles (``checkpoint_path`` of a timm body inside) and any size.
transformers follows some of these, and which ones depends on its release. So it is given a temporary folder instead,
with links to the safetensors weights and the tokenizer's files, and with copies of the settings. Unsafe entries are
dropped from the copies; if the body would differ without an entry, the folder is refused.
"""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.errors import SourceError
from headstart.io import read_json, write_json

__all__ = ["library_view"]

SETTINGS = (
    "config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
LINKED = ("tokenizer.json", "vocab*.txt", "vocab*.json", "merges.txt", "*.model")
WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
OURS = "headstart_adapters.safetensors"
# Dropped: entries that the folder's own files replace, or that encoding does not use.
DROPPED = {
    "_attn_implementation", "_attn_implementation_autoset", "_attn_implementation_internal", "_commit_hash",
    "_experts_implementation", "_experts_implementation_internal", "_name_or_path", "auto_map", "chat_template",
    "custom_pipelines", "dtype", "fast_tokenizer_files", "kernel_config", "name_or_path", "processor_class",
    "torch_dtype", "use_kernels",
}  # fmt: skip
# Refused: without these entries the body would be a different one.
REFUSED = {
    "quantization_config": "is quantised, which is not supported; save it in float32 or float16",
    "compression_config": "is compressed, which is not supported; save it in float32 or float16",
    "backbone_kwargs": "has arguments for a body of another library inside, which may name files; save that body",
    "model_args": "has arguments for a body of another library inside, which may name files; save that body",
    "use_timm_backbone": "has a body of timm inside; open that body with timm:NAME",
    "use_pretrained_backbone": "would fetch another body; save it with its weights",
    "base_model_name_or_path": "is an adapter of another model; merge the two and save the result",
}
FOREIGN = {"timm_wrapper", "timm_backbone"}
ATTENTION = {"eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"}
MOST = 2**24  # of any integer in a configuration, except the base of rotary embeddings (theta)
MOST_SIDE = 8192
BOUNDS = {
    "height": MOST_SIDE, "width": MOST_SIDE, "shortest_edge": MOST_SIDE, "size": MOST_SIDE, "crop_size": MOST_SIDE,
    "image_size": MOST_SIDE, "sampling_rate": 384_000, "n_fft": 2**16, "fft_window_size": 2**16, "chunk_length": 600,
    "max_length_s": 600, "feature_size": 4096, "num_mel_bins": 4096, "num_hidden_layers": 1024, "num_layers": 1024,
    "encoder_layers": 1024, "n_layer": 1024, "n_layers": 1024, "decoder_layers": 1024,
}  # fmt: skip
DEEPEST = 30
KINDS = {
    "image_processor_type": r"\w+(ImageProcessor(Fast|Pil)?|FeatureExtractor)",
    "feature_extractor_type": r"\w+(FeatureExtractor|ImageProcessor)",
    "model_type": r"[\w.-]+",
}
_FAST = (
    "Albert Barthez Bart Bert BigBird Blenderbot BlenderbotSmall Bloom CLIP Camembert CodeGen CodeLlama Cohere "
    "ConvBert DPRContextEncoder DPRQuestionEncoder Deberta DebertaV2 DistilBert Electra FNet Funnel GPT2 GPTNeoX Gemma "
    "Herbert LED LayoutLM Llama Longformer Luke Lxmert MBart MBart50 MPNet MT5 MobileBert Mvp Nllb OpenAIGPT Pegasus "
    "Qwen2 "
    "Reformer RemBert RoFormer Roberta SeamlessM4T Siglip Splinter SqueezeBert T5 Udop Wav2Vec2CTC Whisper XGLM "
    "XLMRoberta XLNet"
)
TOKENIZERS = {f"{name}Tokenizer{fast}" for name in _FAST.split() for fast in ("", "Fast")} | {
    "TokenizersBackend", "PreTrainedTokenizerFast", "PreTrainedTokenizer",
}  # fmt: skip


@contextmanager
def library_view(folder: Path, *, weights: bool = False) -> Iterator[Path]:
    """A temporary folder with the parts of a checkpoint folder that a library may read.

    Args:
        folder: the checkpoint.
        weights: whether to include the weights.

    Raises:
        SourceError: if its settings ask for something unsupported: another model, a body of another library,
            quantisation, or sizes beyond the bounds.
        ModelFolderError: if one of its JSON files is damaged.

    Examples:
        >>> checkpoint = Path(tempfile.mkdtemp())
        >>> write_json(checkpoint / "config.json", {"model_type": "bert", "auto_map": {"AutoModel": "code.Model"}})
        >>> with library_view(checkpoint) as view:
        ...     read_json(view / "config.json")
        {'model_type': 'bert'}
    """
    if (folder / "adapter_config.json").is_file():
        raise SourceError(
            f"'{folder}' holds an adapter (adapter_config.json) of a model that is stored elsewhere; merge the two "
            "with peft's merge_and_unload and save the result."
        )
    with tempfile.TemporaryDirectory(prefix="headstart-view-", ignore_cleanup_errors=True) as place:
        view = Path(place)
        for name in SETTINGS:
            if (folder / name).is_file():
                settings = read_json(folder / name)
                _check_tokenizer(settings, folder / name)
                write_json(view / name, _cleaned(settings, folder / name, bounded=not _of_tokens(name)))
        for pattern in (*LINKED, *(WEIGHTS if weights else ())):
            for file in folder.glob(pattern):
                if file.is_file() and file.name != OURS and not (view / file.name).exists():
                    _check_index(file)
                    _link(file, view / file.name)
        yield view


def _of_tokens(name: str) -> bool:
    """Whether a file is about tokens: its texts are free, and its lengths have no bound."""
    return "token" in name


def _cleaned(value: object, file: Path, *, bounded: bool, name: str = "", depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise SourceError(f"'{file}' is nested more than {DEEPEST} levels deep; copy the model again.")
    if isinstance(value, Mapping):
        _check_mapping(value, file)
        return {
            key: _cleaned(inside, file, bounded=bounded, name=key, depth=depth + 1)
            for key, inside in value.items()
            # Any *_file entry would be a path of the machine that saved the folder.
            if key not in DROPPED and not (key.endswith("_file") and isinstance(inside, str | None))
        }
    if isinstance(value, list):
        return [_cleaned(inside, file, bounded=bounded, name=name, depth=depth + 1) for inside in value]
    if bounded:
        _check_number(value, name, file)
    return value


def _check_mapping(settings: Mapping[str, Any], file: Path) -> None:
    for key, why in REFUSED.items():
        if settings.get(key):
            raise SourceError(f"The model of '{file}' {why} ('{key}').")
    if str(settings.get("model_type")) in FOREIGN:
        raise SourceError(f"The model of '{file}' has a body of timm inside; open that body with timm:NAME.")
    for key in ("attn_implementation", "_attn_implementation"):
        named = settings.get(key)
        if named is not None and str(named) not in ATTENTION:
            raise SourceError(
                f"'{file}' names the attention {str(named)[:60]!r}, which would be fetched and run; only "
                f"{', '.join(sorted(ATTENTION))} are allowed: remove it."
            )
    for key, pattern in KINDS.items():
        named = settings.get(key)
        if named is not None and not (isinstance(named, str) and re.fullmatch(pattern, named)):
            raise SourceError(f"The '{key}' of '{file}' is not a valid name. Got {str(named)[:60]!r}; correct it.")


def _check_number(value: object, name: str, file: Path) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise SourceError(f"The '{name}' of '{file}' must be a finite number. Got {value} instead; correct it.")
    if isinstance(value, int) and abs(value) > BOUNDS.get(name, MOST) and "theta" not in name:
        raise SourceError(
            f"The '{name}' of '{file}' may be at most {BOUNDS.get(name, MOST)}. Got {str(value)[:30]}; correct it."
        )


def _check_tokenizer(settings: Mapping[str, Any], file: Path) -> None:
    named = settings.get("tokenizer_class")
    if named is not None and str(named) not in TOKENIZERS:
        raise SourceError(
            f"'{file}' names the tokenizer {str(named)[:60]!r}, which is not a supported fast tokenizer; save it "
            "with a tokenizer.json as PreTrainedTokenizerFast."
        )


def _check_index(file: Path) -> None:
    if not file.name.endswith(".index.json"):
        return
    parts = read_json(file).get("weight_map")
    names = parts.values() if isinstance(parts, Mapping) else [None]
    if not all(isinstance(name, str) and re.fullmatch(r"[\w.-]+\.safetensors", name) for name in names):
        raise SourceError(f"'{file}' names files that are not in its folder; copy the model again.")


def _link(file: Path, place: Path) -> None:
    try:
        place.symlink_to(file.resolve())
    except OSError:  # some systems do not allow links
        shutil.copyfile(file, place)
