"""Hugging Face transformers: ``hf:ORG/NAME`` and checkpoint folders, encoders of text, images and audio.

Only safetensors weights are read, and code in a repository is never run.

Reference: Wolf et al., "Transformers: State-of-the-Art Natural Language Processing", EMNLP 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.bodies import BodyCache
from headstart.errors import SourceError
from headstart.io import check_digest, read_json, read_start
from headstart.sources.bodies.adapters import load_adapters, restore_structure, save_adapters, without_adapters
from headstart.sources.bodies.hidden_layers import saved_reading, saved_structure
from headstart.sources.bodies.hub_cache import cached_file, cached_repositories, fetch_repository
from headstart.sources.bodies.model_card import published_accuracy, stated_languages
from headstart.sources.scheme import Scheme
from headstart.sources.transformers.bert_folder import open_words_on_disk
from headstart.sources.transformers.checkpoint import (
    PROCESSOR_FILES,
    TOKENIZER_FILES,
    WEIGHT_FILES,
    copy_files,
    files_digest,
    weights_digest,
)
from headstart.sources.transformers.clip import PAIRED, ClipParts, open_clip
from headstart.sources.transformers.clip_towers import TextTower, image_tower
from headstart.sources.transformers.loading import (
    encoder,
    fresh_model,
    load_model,
    load_processor,
    load_tokenizer,
    one_sentence,
    processor_facts,
    save_model,
    tokenizer_facts,
)
from headstart.sources.transformers.media_body import MediaBody, MediaParts
from headstart.sources.transformers.media_fronts import front_for
from headstart.sources.transformers.speech_folder import is_speech_folder, open_speech_folder
from headstart.sources.transformers.text_body import TextBody, TextParts
from headstart.sources.transformers.tokenizing import TokenizerSpec
from headstart.types import Modality, Source, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["SCHEME", "describe_folder", "folder_modality", "open_folder"]


def folder_modality(folder: Path) -> Modality:
    """The modality of a checkpoint folder of transformers, from its preprocessor or tokenizer files.

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
        f"'{folder}' has neither a preprocessor_config.json nor a tokenizer.json, so it is not known which items "
        "the body reads; save the processor or the tokenizer with the model."
    )


def describe_folder(folder: Path, name: str) -> SourceInfo:
    """The facts in the JSON files and the model card of a checkpoint folder.

    Args:
        folder: holds config.json and the preprocessor's or tokenizer's files.
        name: the source's full name.

    Raises:
        SourceError: if the modality of the body is not known.
        ModelFolderError: if config.json is missing or damaged.

    Examples:
        >>> describe_folder(Path("nowhere"), "local:nowhere")
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere/config.json' is missing; the folder is not complete.
    """
    config = read_json(folder / "config.json")
    width = config.get("hidden_size", config.get("projection_dim"))  # the latter: the shared space of two towers
    accuracy, source_task = published_accuracy(folder / "README.md")
    return SourceInfo(
        name=name,
        modality=folder_modality(folder),
        num_features=width if isinstance(width, int) else None,
        architecture=config.get("model_type"),
        license=_licence(folder / "README.md"),
        accuracy=accuracy,
        source_task=source_task,
        languages=stated_languages(folder / "README.md"),
    )


def _licence(card: Path) -> str | None:
    """The ``license:`` line of a model card's front matter."""
    try:
        lines = read_start(card).splitlines()[:100]
    except OSError:  # there is none
        return None
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
        info: the facts about it, from `describe_folder`.
        pooling: for texts, ``"mean"`` or ``"cls"``.
        max_length: for texts, the number of tokens to keep; by default what tokenizer and body allow, at most 512.

    Returns:
        The source.

    Raises:
        SourceError: if transformers cannot load it.

    Examples:
        >>> open_folder(Path("nowhere"), SourceInfo("local:nowhere", "text"))
        Traceback (most recent call last):
        headstart.errors.SourceError: 'nowhere' has no safetensors weights, and pickled weights are never read; ...
    """
    if not any(folder.glob("*.safetensors")):
        raise SourceError(
            f"'{folder}' has no safetensors weights, and pickled weights are never read; "
            "convert them with save_pretrained of a current transformers."
        )
    info = replace(info, sha256=info.sha256 or weights_digest(folder))
    layers, positions = saved_reading(folder)
    with one_sentence(folder):
        if info.modality == "audio" and is_speech_folder(folder):
            return open_speech_folder(folder, info)
        if info.modality == "text":
            text = _text_parts(folder, info, pooling, max_length)
            return TextBody(text, info, layers=layers, positions=positions)
        parts = _media_parts(folder, info)
        if info.modality == "image" and info.architecture in PAIRED:
            return open_clip(_clip_parts(folder, info, parts), info, layers=layers, positions=positions)
        return MediaBody(parts, info, layers=layers, positions=positions)


def _key(folder: Path, info: SourceInfo) -> str:
    # config.json counts as well: it sets activations, norms and positions, which the weights do not show.
    structure = saved_structure(folder)
    return recipe_key(info.sha256, files_digest(folder, ["config.json"]), *([structure] if structure else []))


def _text_parts(folder: Path, info: SourceInfo, pooling: str, max_length: int | None) -> TextParts:
    structure = saved_structure(folder)
    if pooling == "mean":
        own = open_words_on_disk(folder, _key(folder, info), info.sha256, structure, max_length)
        if own is not None:
            return own
    return TextParts(
        key=_key(folder, info),
        build=lambda seed: _encoder(folder, info, seed, structure),
        hidden=_hidden,
        tokenizer=_tokenizer(folder, max_length),
        copy=lambda place, seed: _copy(folder, place, "text", seed, structure),
        write=lambda place, module: _write(folder, place, "text", module),
        pooling=pooling,
        structure=structure,
    )


def _media_parts(folder: Path, info: SourceInfo) -> MediaParts:
    modality, structure = info.modality, saved_structure(folder)
    digest = files_digest(folder, PROCESSOR_FILES)
    facts = _cached_facts(recipe_key("processor", digest), lambda: processor_facts(folder, modality))
    return MediaParts(
        key=recipe_key(_key(folder, info), digest),
        build=lambda seed: _encoder(folder, info, seed, structure),
        front=front_for(facts, lambda: load_processor(folder, modality)),
        settings=facts["settings"],
        copy=lambda place, seed: _copy(folder, place, modality, seed, structure),
        write=lambda place, module: _write(folder, place, modality, module),
        structure=structure,
    )


def _clip_parts(folder: Path, info: SourceInfo, media: MediaParts) -> ClipParts:
    def model(seed: int | None) -> Any:
        return encoder(_model(folder, info, seed))

    # A copy keeps the tokenizer too: the text tower embeds the class names after the model was saved.
    media = replace(media, copy=lambda place, seed: _copy(folder, place, "image", seed, {}, others=TOKENIZER_FILES))
    return ClipParts(
        image=replace(media, key=recipe_key("clip", media.key), build=lambda seed: image_tower(model(seed))),
        patches=replace(media, key=recipe_key("clip places", media.key), build=lambda seed: model(seed).vision_model),
        text=lambda seed: TextTower(model(seed), load_tokenizer(folder)),
        reads_texts=any(file.is_file() for pattern in TOKENIZER_FILES for file in folder.glob(pattern)),
    )


def _model(folder: Path, info: SourceInfo, seed: int | None) -> Any:
    if seed is not None:
        return fresh_model(folder, info.modality, seed)
    files = list(folder.glob("*.safetensors"))
    if len(files) == 1 and info.sha256 is not None:
        check_digest(files[0], info.sha256)  # the file may have been replaced since the source was opened
    return load_model(folder, info.modality)


def _encoder(folder: Path, info: SourceInfo, seed: int | None, structure: Mapping[str, Any]) -> nn.Module:
    """The encoder part of the model, with the adapters that were inserted into it."""
    model = _model(folder, info, seed)
    part = encoder(model)
    restore_structure(part, structure)
    if seed is None:
        load_adapters(part, folder)
    return part


def _hidden(module: nn.Module, batch: Mapping[str, Tensor]) -> list[Tensor]:
    output = module(**batch, output_hidden_states=True)
    # In some models the last entry of hidden_states precedes the final normalisation; last_hidden_state follows it.
    return [*output.hidden_states[:-1], output.last_hidden_state]


def _tokenizer(folder: Path, max_length: int | None) -> TokenizerSpec:
    digest = files_digest(folder, [*TOKENIZER_FILES, "config.json"])
    facts = _cached_facts(recipe_key("tokenizer 2", digest), lambda: tokenizer_facts(folder))
    # tokenizer.json itself is used if transformers builds the same tokenizer from it
    limit = max_length or facts["max_length"]
    return TokenizerSpec(facts["tokenizer"] or folder / "tokenizer.json", limit, facts["pad"], digest, facts["unknown"])


def _cached_facts(key: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Facts from the cache; if absent, they are measured and cached."""
    cache = BodyCache(key)
    facts = cache.read("facts")
    if facts is None:
        facts = measure()
        cache.write("facts", facts)
    return facts


def _copy(
    folder: Path,
    place: Path,
    modality: Modality,
    seed: int | None,
    structure: Mapping[str, Any],
    *,
    others: tuple[str, ...] = (),
) -> None:
    files = [*(TOKENIZER_FILES if modality == "text" else PROCESSOR_FILES), *others]
    copy_files(folder, place, files if seed is not None else [*files, *WEIGHT_FILES])
    if seed is not None:
        model = fresh_model(folder, modality, seed)
        save_model(model, place)
        part = encoder(model)
        restore_structure(part, structure)
        save_adapters(part, place)


def _write(folder: Path, place: Path, modality: Modality, module: nn.Module) -> None:
    """Write the folder's model with the weights of ``module`` in its encoder part."""
    copy_files(folder, place, TOKENIZER_FILES if modality == "text" else PROCESSOR_FILES)
    model = load_model(folder, modality)
    encoder(model).load_state_dict(without_adapters(module))
    save_model(model, place)
    save_adapters(module, place)


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
