"""Run model.xml on sounds: python model_openvino.py SOUND ... It needs numpy, openvino, soundfile; soxr to resample."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import soundfile

FOLDER = Path(__file__).parent
FACTS = json.loads((FOLDER / "facts.json").read_text(encoding="utf-8"))
LABELS: list[str] = FACTS["labels"]
COMPILED = openvino.Core().compile_model(FOLDER / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
SETTINGS = FACTS["preprocessing"]


def waveform(path: str) -> np.ndarray[Any, Any]:
    """Mono samples at the model's rate."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate == SETTINGS["rate"]:
        return mono
    import soxr

    return np.asarray(soxr.resample(mono, rate, SETTINGS["rate"]))


def inputs(waves: Sequence[np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """A batch: sounds of more than 30 seconds in equal parts, all parts padded with zeros to the longest."""
    step, parts, owners = SETTINGS["step"], [], []
    for owner, wave in enumerate(waves):
        frames = math.ceil(len(wave) / step)
        size = math.ceil(frames / math.ceil(frames * step / SETTINGS["most_samples"])) * step
        parts += [
            np.pad(part, (0, -len(part) % step)) for part in (wave[k : k + size] for k in range(0, len(wave), size))
        ]
        owners += [owner] * (len(parts) - len(owners))
    samples = np.array([len(part) for part in parts], np.int64)
    share = (np.array(owners) == np.arange(len(waves))[:, None]) * samples.astype(np.float64)
    padded = np.stack([np.pad(part, (0, samples.max() - len(part))) for part in parts])
    weights = (share / share.sum(axis=1, keepdims=True)).astype(np.float32)
    return {"waveform": padded.astype(np.float32), "samples": samples, "share": weights}


def probabilities(paths: Sequence[str]) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of n files; of a regression, its values."""
    return np.concatenate([COMPILED(inputs([waveform(path)]))[0] for path in paths])


def answers(found: np.ndarray[Any, Any]) -> list[Any]:
    """The label of each row of probabilities: one, a list of labels, or the values of a regression."""
    if FACTS["task"] == "regression":
        return found.tolist()
    limits = FACTS["thresholds"]
    if limits:
        return [[label for label, p, limit in zip(LABELS, row, limits, strict=True) if p >= limit] for row in found]
    return [LABELS[place] for place in found.argmax(axis=1)]


if __name__ == "__main__":
    for name, answer in zip(sys.argv[1:], answers(probabilities(sys.argv[1:])), strict=True):
        sys.stdout.write(f"{name}\t{answer}\n")
