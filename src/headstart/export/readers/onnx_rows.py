"""Run model.onnx on rows of numbers: python model.py TABLE.csv (no header). It needs numpy and onnxruntime."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

SESSION = onnxruntime.InferenceSession(str(Path(__file__).with_name("model.onnx")))
FACTS = SESSION.get_modelmeta().custom_metadata_map
LABELS: list[str] = json.loads(FACTS["labels"])


def probabilities(rows: Sequence[Sequence[float]]) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of n rows, in the order of the columns of the fit; of a regression, its values."""
    return np.asarray(SESSION.run(None, {"rows": np.asarray(rows, np.float32)})[0])


def answers(found: np.ndarray[Any, Any]) -> list[Any]:
    """The label of each row of probabilities: one, a list of labels, or the values of a regression."""
    if FACTS["task"] == "regression":
        return found.tolist()
    limits = json.loads(FACTS["thresholds"])
    if limits:
        return [[label for label, p, limit in zip(LABELS, row, limits, strict=True) if p >= limit] for row in found]
    return [LABELS[place] for place in found.argmax(axis=1)]


if __name__ == "__main__":
    for answer in answers(probabilities(np.loadtxt(sys.argv[1], delimiter=",", ndmin=2).tolist())):
        sys.stdout.write(f"{answer}\n")
