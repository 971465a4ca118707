"""Speech bodies in a checkpoint folder: the encoder of a Whisper model, in files that transformers loads too.

The folder holds an encoder alone, as transformers' ``WhisperForAudioClassification`` does. Its config.json states that
sounds are read at their own length; the folders of other Whisper models do not, and `hf` pads to 30 seconds for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.engine.body.recipe import recipe_key
from headstart.errors import DigestError, SourceError
from headstart.io import follow_umask, read_json, write_json
from headstart.sources.bodies.adapters import load_adapters, restore_structure, save_adapters, without_adapters
from headstart.sources.bodies.hidden_layers import saved_reading, saved_structure
from headstart.sources.bodies.seeded import seeded
from headstart.sources.bodies.size_limit import check_finite_tensors
from headstart.sources.preprocessing.speech_mel import BANDS, MOST_FRAMES
from headstart.sources.transformers.checkpoint import copy_files, files_digest, weights_digest
from headstart.sources.transformers.speech_body import SpeechBody, SpeechParts
from headstart.sources.transformers.whisper import whisper_hidden, whisper_module
from headstart.types import SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["is_speech_folder", "open_speech_folder", "read_encoder", "speech_hidden", "write_speech_folder"]

MARK = "reads_own_length"  # in config.json
PREFIX = "encoder."  # of the encoder's weights
WEIGHTS = "model.safetensors"
OTHERS = ("preprocessor_config.json", "LICENSE")
# Ranges that a configuration may ask for: it may come from anyone.
RANGES = {
    "d_model": (8, 4096), "encoder_layers": (1, 64), "encoder_attention_heads": (1, 64), "encoder_ffn_dim": (8, 16_384),
    "num_mel_bins": (BANDS, BANDS), "max_source_positions": (MOST_FRAMES, MOST_FRAMES),
}  # fmt: skip
# What transformers' WhisperFeatureExtractor reads.
EXTRACTOR: Mapping[str, Any] = {
    "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": BANDS, "sampling_rate": 16_000,
    "hop_length": 160, "n_fft": 400, "chunk_length": 30, "n_samples": 480_000, "nb_max_frames": 3000,
    "padding_side": "right", "padding_value": 0.0, "return_attention_mask": False,
}  # fmt: skip


def is_speech_folder(folder: Path) -> bool:
    """Whether `write_speech_folder` wrote a checkpoint folder.

    Raises:
        ModelFolderError: if config.json is missing or damaged.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_json(folder / "config.json", {"model_type": "whisper"})
        >>> is_speech_folder(folder)
        False
    """
    return read_json(folder / "config.json").get(MARK) is True


def speech_hidden(module: nn.Module, batch: Mapping[str, Tensor], *, heads: int) -> list[Tensor]:
    """The embeddings and the output of every layer, (n, frames, width) each, of a batch of `SpeechBody`.

    Args:
        module: the layers, from `whisper_module`.
        batch: ``input_features`` and ``attention_mask``.
        heads: number of attention heads.

    Examples:
        >>> import numpy as np
        >>> from headstart.sources.built_in.speech import open_speech
        >>> source = open_speech()
        >>> module, _ = source.body.built()
        >>> batch = source._collate([source.prepare((np.zeros(16_000, np.float32), 16_000))])
        >>> [tuple(layer.shape) for layer in speech_hidden(module, batch, heads=6)][:2]
        [(1, 52, 384), (1, 52, 384)]
    """
    return whisper_hidden(module, batch["input_features"], batch["attention_mask"], heads)


def read_encoder(file: Path, config: Mapping[str, Any], prefix: str) -> nn.Module:
    """Whisper's encoder with the weights of a safetensors file, in float32.

    Args:
        file: holds the encoder, and perhaps other parts of the model, which are not read.
        config: the contents of Whisper's config.json, whose sizes must be bounded.
        prefix: the beginning of the names of the encoder's weights.

    Raises:
        SourceError: if the file is damaged, holds NaN or infinite numbers, or does not fit the configuration.

    Examples:
        >>> read_encoder(Path("nowhere"), {}, "encoder.")
        Traceback (most recent call last):
        headstart.errors.SourceError: The weights in 'nowhere' are damaged (No such file or directory: ...
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as stored:
            names = [name for name in stored.keys() if name.startswith(prefix)]  # noqa: SIM118 - no mapping
            tensors = {name.removeprefix(prefix): stored.get_tensor(name).float() for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"The weights in '{file}' are damaged ({reason}); copy the model again.") from error
    check_finite_tensors(tensors, file)
    try:
        return whisper_module(config, tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"The weights in '{file}' do not fit its config.json ({reason}); copy it again.") from error


def write_speech_folder(folder: Path, module: nn.Module, config: Mapping[str, Any], licence: Path) -> None:
    """Write an encoder's config.json, preprocessor_config.json, licence and safetensors weights.

    Args:
        folder: is created if needed.
        module: the layers, from `whisper_module`, perhaps with adapters.
        config: the contents of Whisper's config.json.
        licence: the licence that copies of the weights must carry.

    Examples:
        >>> import tempfile
        >>> tiny = {"d_model": 8, "num_mel_bins": 80, "max_source_positions": 1500, "encoder_layers": 1,
        ...     "encoder_ffn_dim": 16, "encoder_attention_heads": 2, "init_std": 0.02}
        >>> folder, licence = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp()) / "MIT"
        >>> _ = licence.write_text("MIT")
        >>> write_speech_folder(folder, whisper_module(tiny), tiny, licence)
        >>> sorted(file.name for file in folder.iterdir())
        ['LICENSE', 'config.json', 'model.safetensors', 'preprocessor_config.json']
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", {**config, "architectures": ["WhisperForAudioClassification"], MARK: True})
    write_json(folder / OTHERS[0], EXTRACTOR)
    (folder / OTHERS[1]).write_bytes(licence.read_bytes())
    tensors = {f"{PREFIX}{name}": tensor for name, tensor in without_adapters(module).items()}
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    follow_umask(folder / WEIGHTS)
    save_adapters(module, folder)


def open_speech_folder(folder: Path, info: SourceInfo) -> SpeechBody:
    """Open a folder that `write_speech_folder` wrote.

    Args:
        folder: the folder.
        info: the facts about it, with the digest of its weights.

    Raises:
        SourceError: if its configuration is not that of such an encoder, or its weights are damaged or do not fit.
        DigestError: if the weights do not have that digest.
        ModelFolderError: if config.json is missing or damaged.

    Examples:
        >>> open_speech_folder(Path("nowhere"), SourceInfo("local:nowhere", "audio"))
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere/config.json' is missing; the folder is not complete.
    """
    opened = _Folder(folder, _config(folder), info.sha256, saved_structure(folder))
    layers, positions = saved_reading(folder)
    structure = opened.structure
    parts = SpeechParts(
        key=recipe_key(info.sha256, files_digest(folder, ["config.json"]), *([structure] if structure else [])),
        build=opened.build,
        hidden=partial(speech_hidden, heads=opened.config["encoder_attention_heads"]),
        copy=opened.copy,
        write=opened.write,
        structure=structure,
    )
    return SpeechBody(parts, info, layers=layers, positions=positions)


def _config(folder: Path) -> dict[str, Any]:
    """The configuration, with every size checked."""
    config = read_json(folder / "config.json")
    for name, (low, high) in RANGES.items():
        value = config.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            allowed = f"a whole number from {low} to {high}" if low < high else str(low)
            raise SourceError(
                f"The '{name}' of '{folder / 'config.json'}' must be {allowed}. Got {value!r:.40} instead; copy the "
                "model again."
            )
    if config["d_model"] % config["encoder_attention_heads"] or config["d_model"] % 2:
        raise SourceError(
            f"The width {config['d_model']} in '{folder / 'config.json'}' is odd, or no multiple of its "
            f"{config['encoder_attention_heads']} attention heads; copy the model again."
        )
    deviation = config.get("init_std", 0.02)
    return {**config, "init_std": deviation if isinstance(deviation, int | float) and 0 < deviation < 1 else 0.02}


@dataclass(frozen=True)
class _Folder:
    """A checkpoint folder whose configuration was checked.

    Attributes:
        place: the folder.
        config: the contents of its config.json.
        sha256: digest of its weights and adapters; None if they are not checked.
        structure: the adapters that were inserted into the encoder.
    """

    place: Path
    config: Mapping[str, Any]
    sha256: str | None
    structure: Mapping[str, Any]

    def build(self, seed: int | None) -> nn.Module:
        """The encoder with its adapters: with the stored weights for None, with random weights for a seed."""
        if seed is not None:
            module = seeded(seed, lambda: whisper_module(self.config))
            restore_structure(module, self.structure)
            return module
        file = self.place / WEIGHTS
        if self.sha256 not in (None, weights_digest(self.place)):  # replaced since the source was opened
            raise DigestError(f"The weights in '{self.place}' changed since the source was opened; open it again.")
        module = read_encoder(file, self.config, PREFIX)
        restore_structure(module, self.structure)
        load_adapters(module, self.place)
        return module

    def copy(self, place: Path, seed: int | None) -> None:
        """Write the folder into another one, with its own weights or with the random ones of a seed."""
        if seed is None:
            copy_files(self.place, place, [*OTHERS, "*.safetensors"])
        else:
            self.write(place, self.build(seed))

    def write(self, place: Path, module: nn.Module) -> None:
        """Write a folder with the weights of a module of the same architecture."""
        write_speech_folder(place, module, self.config, self.place / OTHERS[1])
