"""``hf:ORG/NAME`` and checkpoint folders of transformers: text, image and audio encoders.

Only safetensors weights are read, and no code that a repository may hold is ever run.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import SourceError
from headstart.io import read_json
from headstart.sources.cache import cached_file, cached_repositories, fetch_repository
from headstart.sources.media_body import AudioBody, ImageBody, MediaParts
from headstart.sources.scheme import Scheme
from headstart.sources.text_body import TextBody, TextParts
from headstart.types import Modality, Source, SourceInfo

if TYPE_CHECKING:
    from torch import nn

__all__ = ["SCHEME", "describe_folder", "folder_modality", "open_folder"]

MOST_TOKENS = 512  # longer texts are cut: the cost of attention grows with the square of the length


def folder_modality(folder: Path) -> Modality:
    """What a checkpoint folder of transformers encodes, from its preprocessor or tokenizer files.

    Raises:
        SourceError: if it has neither.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "tokenizer.json").write_text("{}")
        >>> folder_modality(folder)
        'text'
    """
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            settings = read_json(folder / name)
            flat = {**settings, **settings.get("feature_extractor", {}), **settings.get("image_processor", {})}
            if "sampling_rate" in flat:
                return "audio"
            if "image_processor_type" in flat or "image_mean" in flat:
                return "image"
    if any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt")):
        return "text"
    raise SourceError(
        f"'{folder}' has neither a preprocessor_config.json nor a tokenizer.json, so it is not known what the body "
        "reads; save the processor or the tokenizer beside the model."
    )


def describe_folder(folder: Path, name: str) -> SourceInfo:
    """What the JSON files of a checkpoint folder say.

    Args:
        folder: holds config.json and the preprocessor's or tokenizer's files.
        name: the source's full name.

    Raises:
        SourceError: if it is not known what the body reads.
        ModelFolderError: if config.json is missing or damaged.

    Examples:
        >>> describe_folder(Path("nowhere"), "local:nowhere")
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere/config.json' is missing; the folder is not complete.
    """
    config = read_json(folder / "config.json")
    width = config.get("hidden_size")
    return SourceInfo(
        name=name,
        modality=folder_modality(folder),
        num_features=width if isinstance(width, int) else None,
        architecture=config.get("model_type"),
        license=_licence(folder / "README.md"),
    )


def _licence(card: Path) -> str | None:
    """The ``license:`` line of a model card's front matter."""
    if not card.is_file():
        return None
    lines = card.read_text(encoding="utf-8", errors="replace").splitlines()[:100]
    if not lines or lines[0].strip() != "---":
        return None
    for line in lines[1:]:
        if line.strip() == "---":
            return None
        if line.startswith("license:"):
            return line.removeprefix("license:").strip() or None
    return None


def open_folder(folder: Path, info: SourceInfo, *, pooling: str = "mean", max_length: int | None = None) -> Source:
    """Open a checkpoint folder of transformers.

    Args:
        folder: holds config.json, safetensors weights, and the preprocessor's or tokenizer's files.
        info: what is known about it.
        pooling: for texts, ``"mean"`` or ``"cls"``.
        max_length: for texts, tokens that are kept; by default what tokenizer and body allow, at most 512.

    Returns:
        The source.

    Raises:
        SourceError: if transformers cannot load it.

    Examples:
        >>> open_folder(Path("nowhere"), SourceInfo("local:nowhere", "text"))
        Traceback (most recent call last):
        headstart.errors.SourceError: 'nowhere' has no safetensors weights, and pickled ones are never read; convert ...
    """
    if not any(folder.glob("*.safetensors")):
        raise SourceError(
            f"'{folder}' has no safetensors weights, and pickled ones are never read; "
            "convert them with save_pretrained of a current transformers."
        )
    with _one_sentence(folder), _quiet():
        module, build = _load(folder)
        if info.modality == "text":
            return TextBody(_text_parts(folder, module, build, pooling, max_length), module, info)
        parts = MediaParts(build, _processor(folder, info.modality))
        return (ImageBody if info.modality == "image" else AudioBody)(parts, module, info)


@contextmanager
def _one_sentence(folder: Path) -> Iterator[None]:
    """Whatever transformers raises on a checkpoint that it cannot load, as one sentence."""
    try:
        yield
    except SourceError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SourceError(f"transformers cannot open '{folder}': {reason}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar and no report of unused keys while loading."""
    from transformers.utils import logging as module

    logging: Any = module  # without annotations
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
            yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def _load(folder: Path) -> tuple[nn.Module, Any]:
    import torch
    import transformers

    auto: Any = transformers  # partly annotated
    config = auto.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)

    def build() -> nn.Module:
        return _encoder(auto.AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False))

    model, loading = auto.AutoModel.from_pretrained(
        folder,
        config=config,
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    # A layer that the file does not hold would be random; only an unused pooler may be.
    missing = sorted(key for key in loading["missing_keys"] if "pooler" not in key)
    if missing:
        raise SourceError(
            f"The weights in '{folder}' lack {len(missing)} tensors of the body, such as '{missing[0]}', which would "
            "be random; save the whole model."
        )
    return _encoder(model), build


def _encoder(model: Any) -> nn.Module:
    module: nn.Module = model.get_encoder() if model.config.is_encoder_decoder else model
    return module


def _text_parts(folder: Path, module: Any, build: Any, pooling: str, max_length: int | None) -> TextParts:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise SourceError(f"'{folder}' has no tokenizer.json, and only fast tokenizers are read; save one beside it.")
    positions = getattr(module.config, "max_position_embeddings", None) or MOST_TOKENS + 2
    limit = max_length or min(tokenizer.model_max_length, positions - 2, MOST_TOKENS)
    if max_length is None and tokenizer.model_max_length == positions <= MOST_TOKENS:
        limit = positions  # bodies of the RoBERTa family have two positions more than they can use
    backend.enable_truncation(limit)
    backend.no_padding()
    pad = tokenizer.pad_token_id
    return TextParts(build, backend, limit, pooling, 0 if pad is None else pad, tokenizer.save_pretrained)


def _processor(folder: Path, modality: Modality) -> Any:
    import transformers

    kind: Any = transformers.AutoImageProcessor if modality == "image" else transformers.AutoFeatureExtractor
    return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _open(name: str, modality: Modality | None) -> Source:  # noqa: ARG001 - the caller compares modalities
    folder = fetch_repository(name)
    return open_folder(folder, replace(describe_folder(folder, f"hf:{name}"), revision=folder.name))


def _describe(name: str) -> SourceInfo:
    file = cached_file(name, "config.json")
    folder = fetch_repository(name) if file is None else file.parent
    return replace(describe_folder(folder, f"hf:{name}"), revision=folder.name)


def _cached() -> list[str]:
    names = [name for name in cached_repositories() if not name.startswith("timm/")]
    return [name for name in names if _is_encoder(name)]


def _is_encoder(name: str) -> bool:
    file = cached_file(name, "config.json")
    if file is None or not any(file.parent.glob("*.safetensors")):
        return False
    try:
        return bool(folder_modality(file.parent))
    except SourceError:
        return False


SCHEME = Scheme("hf:ORG/NAME", open=_open, describe=_describe, names=_cached)
