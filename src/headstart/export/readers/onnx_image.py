"""Run model.onnx on pictures: python model.py PICTURE ... It needs numpy, onnxruntime and pillow."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

SESSION = onnxruntime.InferenceSession(str(Path(__file__).with_name("model.onnx")))
FACTS = SESSION.get_modelmeta().custom_metadata_map
LABELS: list[str] = json.loads(FACTS["labels"])
ENOUGH = json.loads(FACTS["preprocessing"])["decode_at_least"]  # (height, width) at which a large JPEG may be decoded


def pixels(path: str) -> np.ndarray[Any, Any]:
    """(height, width, 3) uint8, upright, transparent parts on white."""
    with Image.open(path) as picture:
        if ENOUGH and picture.format == "JPEG":
            picture.draft(None, (ENOUGH[1], ENOUGH[0]))
        shown = ImageOps.exif_transpose(picture)
        if "A" in shown.getbands() or "transparency" in shown.info:
            shown = shown.convert("RGBA")
            shown = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
        return np.asarray(shown.convert("RGB"))


def probabilities(paths: Sequence[str]) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of n files; of a regression, its values."""
    return np.concatenate([SESSION.run(None, {"pixels": pixels(path)[None]})[0] for path in paths])


def answers(found: np.ndarray[Any, Any]) -> list[Any]:
    """The label of each row of probabilities: one, a list of labels, or the values of a regression."""
    if FACTS["task"] == "regression":
        return found.tolist()
    limits = json.loads(FACTS["thresholds"])
    if limits:
        return [[label for label, p, limit in zip(LABELS, row, limits, strict=True) if p >= limit] for row in found]
    return [LABELS[place] for place in found.argmax(axis=1)]


if __name__ == "__main__":
    for name, answer in zip(sys.argv[1:], answers(probabilities(sys.argv[1:])), strict=True):
        sys.stdout.write(f"{name}\t{answer}\n")
