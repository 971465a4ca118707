"""Run this timm checkpoint on pictures: python model.py PICTURE ... It needs timm and pillow."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image, ImageOps
from timm import data

FOLDER = Path(__file__).parent
MODEL = timm.create_model(f"local-dir:{FOLDER}", pretrained=True).eval()
TRANSFORM: Any = data.create_transform(**data.resolve_model_data_config(MODEL), is_training=False)
FACTS = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))["headstart"]
LABELS: list[str] = FACTS["labels"]
AT_ONCE = 32


def pixels(path: str) -> torch.Tensor:
    """A picture after timm's transform, upright, transparent parts on white; a .npy file is cropped already."""
    if path.endswith(".npy"):
        crop = torch.from_numpy(np.load(path)).permute(2, 0, 1)
        return torch.as_tensor(TRANSFORM.transforms[-1](crop.float() / 255))
    with Image.open(path) as picture:
        if FACTS["decode_at_least"] and picture.format == "JPEG":
            picture.draft(None, (FACTS["decode_at_least"][1], FACTS["decode_at_least"][0]))
        shown = ImageOps.exif_transpose(picture)
        if "A" in shown.getbands() or "transparency" in shown.info:
            shown = shown.convert("RGBA")
            shown = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
        return torch.as_tensor(TRANSFORM(shown.convert("RGB")))


def outputs(logits: torch.Tensor) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of logits; of a regression, its values."""
    exact = logits.double()
    if FACTS["activation"] == "softmax":
        exact = (1 - FACTS["chance"]) * exact.softmax(1) + FACTS["chance"] / len(LABELS)
    return (exact.sigmoid() if FACTS["activation"] == "sigmoid" else exact).numpy()


def probabilities(paths: Sequence[str]) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of n files; of a regression, its values."""
    with torch.inference_mode():
        batches = [paths[begin : begin + AT_ONCE] for begin in range(0, len(paths), AT_ONCE)]
        return np.concatenate([outputs(MODEL(torch.stack([pixels(path) for path in batch]))) for batch in batches])


def answers(found: np.ndarray[Any, Any]) -> list[Any]:
    """The label of each row of probabilities: one, a list of labels, or the values of a regression."""
    if FACTS["activation"] == "identity":
        return found.tolist()
    if FACTS["activation"] == "sigmoid":
        return [[label for label, p in zip(LABELS, row, strict=True) if p >= 0.5] for row in found]
    return [LABELS[place] for place in found.argmax(axis=1)]


if __name__ == "__main__":
    for name, answer in zip(sys.argv[1:], answers(probabilities(sys.argv[1:])), strict=True):
        sys.stdout.write(f"{name}\t{answer}\n")
