"""Run model.xml on rows of numbers: python model_openvino.py TABLE.csv (no header). It needs numpy and openvino."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino

FOLDER = Path(__file__).parent
FACTS = json.loads((FOLDER / "facts.json").read_text(encoding="utf-8"))
LABELS: list[str] = FACTS["labels"]
COMPILED = openvino.Core().compile_model(FOLDER / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def probabilities(rows: Sequence[Sequence[float]]) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of n rows, in the order of the columns of the fit; of a regression, its values."""
    return np.asarray(COMPILED({"rows": np.asarray(rows, np.float32)})[0])


def answers(found: np.ndarray[Any, Any]) -> list[Any]:
    """The label of each row of probabilities: one, a list of labels, or the values of a regression."""
    if FACTS["task"] == "regression":
        return found.tolist()
    limits = FACTS["thresholds"]
    if limits:
        return [[label for label, p, limit in zip(LABELS, row, limits, strict=True) if p >= limit] for row in found]
    return [LABELS[place] for place in found.argmax(axis=1)]


if __name__ == "__main__":
    for answer in answers(probabilities(np.loadtxt(sys.argv[1], delimiter=",", ndmin=2).tolist())):
        sys.stdout.write(f"{answer}\n")
