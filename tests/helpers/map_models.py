"""Small models of pictures and sounds whose maps are explained."""

from __future__ import annotations

from functools import cache

import numpy as np

import headstart
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo

SIDE = 96


def squares(count=16, size=(40, 48)):
    """Grey noise with a red square at the top left, or a blue one at the bottom right."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(90, 160, (count, *size, 3)).astype(np.uint8)
    for k, picture in enumerate(pictures):
        place, channel = (slice(4, 20), 0) if k % 2 == 0 else (slice(20, 36), 2)
        picture[place, place] = 0
        picture[place, place, channel] = 255
    return list(pictures), ["red", "blue"] * (count // 2)


def random_body(architecture, layers="blocks"):
    """A body of timm's test architectures with random weights."""
    spec = TimmSpec(architecture, pretrained_cfg={"input_size": (3, SIDE, SIDE)})
    source = TimmSource(spec, random_weights(spec, 0), SourceInfo(architecture, "image"))
    return source.with_layers(layers)


@cache
def picture_model(architecture="test_resnet", layers="all", body_layers="blocks", head="ridge"):
    return headstart.fit(
        squares(), source=random_body(architecture, body_layers), heads=[head], layers=layers, baselines="none",
        verbose=False,
    ).model  # fmt: skip


def tones(count=12, rate=8000, seconds=0.5):
    """A low tone at the beginning, or a high one at the end."""
    times = np.arange(int(rate * seconds)) / rate
    rng = np.random.default_rng(1)
    sounds = []
    for k in range(count):
        wave = 0.01 * rng.standard_normal(len(times))
        half = times < seconds / 2 if k % 2 == 0 else times >= seconds / 2
        wave += np.where(half, np.sin(2 * np.pi * (400 if k % 2 == 0 else 3000) * times), 0.0)
        sounds.append((wave.astype(np.float32), rate))
    return sounds, ["low", "high"] * (count // 2)


@cache
def sound_model(layers="all"):
    source = Spectrogram(random_body("test_resnet"))
    return headstart.fit(tones(), source=source, heads=["ridge"], layers=layers, baselines="none", verbose=False).model


__all__ = ["SIDE", "picture_model", "random_body", "sound_model", "squares", "tones"]
