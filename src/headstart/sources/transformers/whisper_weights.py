"""Whisper's weights from a CTranslate2 file, under the names of transformers' ``WhisperForConditionalGeneration``.

CTranslate2 joins the projections of an attention that read the same input, and gives every one of them a bias.
Whisper's keys have none: it must be stored as zeros, and is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.sources.weight_files.ctranslate2 import read_ctranslate2

__all__ = ["TINY_EN", "whisper_state"]

VERSION = 1  # to be raised when the same file gives other weights

# The configuration of openai/whisper-tiny.en, as transformers reads it; generation needs the numbers of its tokens.
TINY_EN: Mapping[str, Any] = {
    "model_type": "whisper",
    "d_model": 384, "num_mel_bins": 80, "vocab_size": 51_864, "max_source_positions": 1500,
    "max_target_positions": 448, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536,
    "decoder_layers": 4, "decoder_attention_heads": 6, "decoder_ffn_dim": 1536, "activation_function": "gelu",
    "scale_embedding": False, "init_std": 0.02, "bos_token_id": 50_257, "eos_token_id": 50_256,
    "pad_token_id": 50_256, "decoder_start_token_id": 50_257,
}  # fmt: skip
SPECIFICATION, REVISION = "WhisperSpec", 3
NORM = {"weight": "gamma", "bias": "beta"}
PLAIN = {"weight": "weight", "bias": "bias"}


def whisper_state(path: Path, parts: Sequence[str] = ("encoder", "decoder")) -> dict[str, NDArray[Any]]:
    """The weights of a Whisper model by the names of transformers, as stored, usually in float16.

    Args:
        path: a CTranslate2 file of version 6.
        parts: ``"encoder"``, ``"decoder"`` or both.

    Returns:
        ``model.encoder.conv1.weight`` and so on; with the decoder also ``proj_out.weight``, which is its word table.
        The arrays are read-only views of the file.

    Raises:
        SourceError: if the file is damaged, or is no Whisper model.

    Examples:
        >>> whisper_state(Path("nowhere"))
        Traceback (most recent call last):
        headstart.errors.SourceError: 'nowhere' must be a file of 1 to 4,294,967,296 bytes, and it has 0.
    """
    stored = _Stored(path, read_ctranslate2(path, specification=SPECIFICATION, revision=REVISION))
    state: dict[str, NDArray[Any]] = {}
    if "encoder" in parts:
        state |= _encoder(stored)
    if "decoder" in parts:
        state |= _decoder(stored)
    return state


class _Stored:
    """The tensors of a file by CTranslate2's names."""

    def __init__(self, path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._path, self._tensors = path, tensors

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._tensors:
            raise SourceError(f"'{self._path}' is no Whisper model: it lacks '{name}'; give another file.")
        return self._tensors[name]

    def layers(self, side: str) -> range:
        """The numbers of the layers of the encoder or the decoder."""
        begin = f"{side}/layer_"
        found = {name[len(begin) :].partition("/")[0] for name in self._tensors if name.startswith(begin)}
        return range(sum(digits.isdecimal() for digits in found))

    def split(self, name: str, parts: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The parts of a joined projection, which are stored one below the other."""
        found: dict[str, NDArray[Any]] = {}
        for kind in PLAIN:
            joined = self[f"{name}/{kind}"]
            if not joined.ndim or len(joined) % len(parts):
                raise SourceError(
                    f"'{self._path}' is no Whisper model: '{name}/{kind}' of shape {joined.shape} does not hold "
                    f"{len(parts)} projections; give another file."
                )
            pieces = np.split(joined, len(parts))
            found |= {f"{part}_proj.{kind}": piece for part, piece in zip(parts, pieces, strict=True)}
        if "k" in parts and np.any(found.pop("k_proj.bias")):
            raise SourceError(
                f"'{self._path}' is no Whisper model: the keys of '{name}' have a bias, and Whisper's have none; give "
                "another file."
            )
        return found


def _named(state: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{name}": values for name, values in state.items()}


def _layer(stored: _Stored, place: str, kinds: Mapping[str, str] = PLAIN) -> dict[str, NDArray[Any]]:
    return {kind: stored[f"{place}/{name}"] for kind, name in kinds.items()}


def _self_attention(stored: _Stored, place: str) -> dict[str, NDArray[Any]]:
    """The self attention and the feed-forward part of a layer, which both sides have."""
    attention, feed = f"{place}/self_attention", f"{place}/ffn"
    return {
        **_named(_layer(stored, f"{attention}/layer_norm", NORM), "self_attn_layer_norm"),
        **_named(stored.split(f"{attention}/linear_0", "qkv"), "self_attn"),
        **_named(_layer(stored, f"{attention}/linear_1"), "self_attn.out_proj"),
        **_named(_layer(stored, f"{feed}/layer_norm", NORM), "final_layer_norm"),
        **_named(_layer(stored, f"{feed}/linear_0"), "fc1"),
        **_named(_layer(stored, f"{feed}/linear_1"), "fc2"),
    }


def _cross_attention(stored: _Stored, place: str) -> dict[str, NDArray[Any]]:
    attention = f"{place}/attention"
    return {
        **_named(_layer(stored, f"{attention}/layer_norm", NORM), "encoder_attn_layer_norm"),
        **_named(stored.split(f"{attention}/linear_0", "q"), "encoder_attn"),
        **_named(stored.split(f"{attention}/linear_1", "kv"), "encoder_attn"),
        **_named(_layer(stored, f"{attention}/linear_2"), "encoder_attn.out_proj"),
    }


def _encoder(stored: _Stored) -> dict[str, NDArray[Any]]:
    state = {
        **_named(_layer(stored, "encoder/conv1"), "conv1"),
        **_named(_layer(stored, "encoder/conv2"), "conv2"),
        "embed_positions.weight": stored["encoder/position_encodings/encodings"],
        **_named(_layer(stored, "encoder/layer_norm", NORM), "layer_norm"),
    }
    for k in stored.layers("encoder"):
        state |= _named(_self_attention(stored, f"encoder/layer_{k}"), f"layers.{k}")
    return _named(state, "model.encoder")


def _decoder(stored: _Stored) -> dict[str, NDArray[Any]]:
    state = {
        "embed_tokens.weight": stored["decoder/embeddings/weight"],
        "embed_positions.weight": stored["decoder/position_encodings/encodings"],
        **_named(_layer(stored, "decoder/layer_norm", NORM), "layer_norm"),
    }
    for k in stored.layers("decoder"):
        place = f"decoder/layer_{k}"
        state |= _named({**_self_attention(stored, place), **_cross_attention(stored, place)}, f"layers.{k}")
    return {**_named(state, "model.decoder"), "proj_out.weight": stored["decoder/projection/weight"]}
