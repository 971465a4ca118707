"""Run model.xml on texts: python model_openvino.py TEXT ... It needs numpy, openvino and tokenizers."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from tokenizers import Tokenizer

FOLDER = Path(__file__).parent
FACTS = json.loads((FOLDER / "facts.json").read_text(encoding="utf-8"))
LABELS: list[str] = FACTS["labels"]
COMPILED = openvino.Core().compile_model(FOLDER / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
TOKENIZER = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))  # it truncates and pads
SHAPES = ("<wide>", "<narrow>", "<initial>", "<medial>", "<final>", "<isolated>")  # how a letter looks, not which it is


def canonical(text: str) -> str:
    """The text in Unicode normal form C, with full-width, half-width and Arabic presentation letters made plain."""
    plain = []
    for sign in unicodedata.normalize("NFC", text):
        found = unicodedata.normalize("NFKC", sign) if unicodedata.decomposition(sign).startswith(SHAPES) else sign
        in_words = all(one.isalnum() or unicodedata.category(one)[0] == "M" for one in found)
        plain.append(found if in_words else sign)
    return unicodedata.normalize("NFC", "".join(plain))


def probabilities(texts: Sequence[str], at_once: int = 32) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of n texts; of a regression, its values."""
    found = []
    for begin in range(0, len(texts), at_once):
        batch = TOKENIZER.encode_batch([canonical(text) for text in texts[begin : begin + at_once]])
        ids = np.array([one.ids for one in batch], np.int64)
        mask = np.array([one.attention_mask for one in batch], np.int64)
        found.append(COMPILED({"input_ids": ids, "attention_mask": mask})[0])
    return np.concatenate(found)


def answers(found: np.ndarray[Any, Any]) -> list[Any]:
    """The label of each row of probabilities: one, a list of labels, or the values of a regression."""
    if FACTS["task"] == "regression":
        return found.tolist()
    limits = FACTS["thresholds"]
    if limits:
        return [[label for label, p, limit in zip(LABELS, row, limits, strict=True) if p >= limit] for row in found]
    return [LABELS[place] for place in found.argmax(axis=1)]


if __name__ == "__main__":
    for text, answer in zip(sys.argv[1:], answers(probabilities(sys.argv[1:])), strict=True):
        sys.stdout.write(f"{text}\t{answer}\n")
