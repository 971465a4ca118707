"""Run model.xml on pictures: python model_openvino.py PICTURE ... It needs numpy, openvino and pillow."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from PIL import Image, ImageOps

FOLDER = Path(__file__).parent
FACTS = json.loads((FOLDER / "facts.json").read_text(encoding="utf-8"))
LABELS: list[str] = FACTS["labels"]
COMPILED = openvino.Core().compile_model(FOLDER / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
SETTINGS = FACTS["preprocessing"]
ENOUGH = SETTINGS["decode_at_least"]  # (height, width) at which a large JPEG may be decoded


def resized(width: int, height: int) -> tuple[int, int]:
    """(width, height) of a picture after resizing."""
    tall, wide = SETTINGS["scale"]
    if SETTINGS["fit"] == "none":
        return width, height
    if SETTINGS["fit"] == "stretch":
        return wide, tall
    if SETTINGS["fit"] == "shortest":
        return (tall, int(tall * height / width)) if width <= height else (int(tall * width / height), tall)
    ratio = (min if SETTINGS["fit"] == "cover" else max)(height / tall, width / wide)
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def margin(length: int, wanted: int) -> int:
    """Offset of the crop; negative where the picture is padded."""
    if wanted > length:
        return -((wanted - length) // 2)
    return (length - wanted) // 2 if SETTINGS["floor"] else round((length - wanted) / 2)


def crop(picture: Image.Image) -> np.ndarray[Any, Any]:
    """The middle of the resized picture, (height, width, 3) uint8."""
    height, width = SETTINGS["size"]
    full = picture.resize(resized(*picture.size), Image.Resampling[SETTINGS["interpolation"].upper()])
    canvas = Image.new("RGB", (width, height), tuple(SETTINGS["fill"]))
    canvas.paste(full, (-margin(full.width, width), -margin(full.height, height)))
    return np.asarray(canvas)


def pixels(path: str) -> np.ndarray[Any, Any]:
    """The crop of a file, upright, transparent parts on white."""
    with Image.open(path) as picture:
        if ENOUGH and picture.format == "JPEG":
            picture.draft(None, (ENOUGH[1], ENOUGH[0]))
        shown = ImageOps.exif_transpose(picture)
        if "A" in shown.getbands() or "transparency" in shown.info:
            shown = shown.convert("RGBA")
            shown = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
        return crop(shown.convert("RGB"))


def probabilities(paths: Sequence[str]) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of n files; of a regression, its values."""
    return np.concatenate([COMPILED({"pixels": pixels(path)[None]})[0] for path in paths])


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
