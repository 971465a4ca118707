"""The log-mel spectrogram of `headstart.sources.preprocessing.speech_mel` in torch, from waveforms to frames.

The Fourier transform of each window is a product with cosines and sines, so the graph needs only standard operators. A
batch holds the parts of several sounds, padded with zeros; the rows of a sound are averaged over its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.sources.preprocessing.mel import FLOOR, mel_filters
from headstart.sources.preprocessing.speech_mel import BANDS, HOP, MOST_FRAMES, RANGE, RATE, STEP, WINDOW

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SpeechGraph", "speech_frames", "speech_graph"]

HALF = WINDOW // 2
MOST_SAMPLES = MOST_FRAMES * STEP


@dataclass(frozen=True, eq=False)
class SpeechGraph:
    """What goes into the graph of a speech body.

    Attributes:
        rows: a function of (the body, inputs) that returns the rows (n, d) of n sounds.
        examples: ``waveform`` (parts, samples) float32 at 16 kHz, padded with zeros to a multiple of 320; ``samples``
            (parts,) int64, how many of them are the part's own, a multiple of 320 too; ``share`` (n, parts) float32,
            the weight of each part in each sound.
        dynamic: the axes that may have any length.
        settings: for the reader.
    """

    rows: Callable[[Callable[[dict[str, Tensor]], Tensor], Mapping[str, Tensor]], Tensor]
    examples: Mapping[str, Tensor]
    dynamic: Mapping[str, Mapping[int, str]]
    settings: Mapping[str, Any]


def speech_graph() -> SpeechGraph:
    """The inputs of a speech body.

    Examples:
        >>> {name: tuple(example.shape) for name, example in speech_graph().examples.items()}
        {'waveform': (3, 6400), 'samples': (3,), 'share': (2, 3)}
    """
    import torch

    samples = torch.tensor([20 * STEP, 16 * STEP, 12 * STEP])
    share = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    examples = {"waveform": torch.zeros(3, 20 * STEP), "samples": samples, "share": share}
    axes = {"waveform": {0: "parts", 1: "samples"}, "samples": {0: "parts"}, "share": {0: "n", 1: "parts"}}

    def rows(body: Callable[[dict[str, Tensor]], Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
        found = body(speech_frames(inputs["waveform"], inputs["samples"]))
        return inputs["share"] @ found

    return SpeechGraph(rows, examples, axes, {"rate": RATE, "step": STEP, "most_samples": MOST_SAMPLES})


def speech_frames(waveform: Tensor, samples: Tensor) -> dict[str, Tensor]:
    """The batch that a speech body reads.

    Args:
        waveform: (parts, samples) float32, padded with zeros to a multiple of 320.
        samples: (parts,) int64, how many of them are the part's own.

    Returns:
        ``input_features`` (parts, frames, 160) float32 and ``attention_mask`` (parts, frames) int64.

    Examples:
        >>> import torch
        >>> from headstart.sources.preprocessing.speech_mel import speech_mel
        >>> tone = np.sin(np.arange(3200) / 5).astype(np.float32)
        >>> batch = speech_frames(torch.from_numpy(tone)[None], torch.tensor([3200]))
        >>> found = batch["input_features"].numpy().reshape(20, 80)
        >>> bool(np.abs(found - speech_mel(tone)).max() < 1e-4)
        True
    """
    import torch

    power = _mel_power(waveform)  # (parts, 2 * frames, bands)
    places = torch.arange(power.shape[1])
    own = places < (samples // HOP)[:, None]
    bands = power.clamp_min(FLOOR).log10()
    loudest = torch.where(own[:, :, None], bands, float(np.log10(FLOOR))).amax((1, 2), keepdim=True)
    scaled = (torch.maximum(bands, loudest - RANGE) + 4) / 4
    features = torch.where(own[:, :, None], scaled, 0.0)
    paired = features.reshape(features.shape[0], -1, 2 * BANDS)
    mask = torch.arange(paired.shape[1]) < (samples // STEP)[:, None]
    return {"input_features": paired, "attention_mask": mask.long()}


def _mel_power(waveform: Tensor) -> Tensor:
    """The power of each mel band, (parts, samples / 160, 80), with frames centred on multiples of the hop."""
    import torch
    from torch.nn.functional import conv1d

    length = waveform.shape[1]
    begin = waveform[:, 1 : HALF + 1].flip(1)
    # after the sound there is silence, up to the mirror at 30 s
    places = length + torch.arange(HALF)
    mirrored = torch.where(places < MOST_SAMPLES, length, 2 * MOST_SAMPLES - 2 - places)
    with_silence = torch.cat([waveform, waveform.new_zeros(waveform.shape[0], 1)], dim=1)
    padded = torch.cat([begin, waveform, with_silence[:, mirrored.clamp_max(length)]], dim=1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    angles = 2 * np.pi * np.outer(np.arange(HALF + 1), np.arange(WINDOW)) / WINDOW
    waves = np.concatenate([np.cos(angles), np.sin(angles)]) * window
    kernel = torch.from_numpy(waves[:, None].astype(np.float32))
    spectrum = conv1d(padded[:, None], kernel, stride=HOP)[:, :, :-1]  # the frame after the last one is not read
    power = spectrum[:, : HALF + 1].square() + spectrum[:, HALF + 1 :].square()
    filters = mel_filters(HALF + 1, BANDS, 0.0, RATE / 2, RATE)
    return power.transpose(1, 2) @ torch.from_numpy(filters.astype(np.float32))
