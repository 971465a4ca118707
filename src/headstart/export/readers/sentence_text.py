"""Run this model of sentence-transformers on texts: python model.py TEXT ... It needs sentence-transformers."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

FOLDER = Path(__file__).parent
MODEL = SentenceTransformer(str(FOLDER), device="cpu", local_files_only=True)
FACTS = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))["headstart"]
LABELS: list[str] = FACTS["labels"]
SHAPES = ("<wide>", "<narrow>", "<initial>", "<medial>", "<final>", "<isolated>")  # how a letter looks, not which it is


def canonical(text: str) -> str:
    """The text in Unicode normal form C, with full-width, half-width and Arabic presentation letters made plain."""
    plain = []
    for sign in unicodedata.normalize("NFC", text):
        found = unicodedata.normalize("NFKC", sign) if unicodedata.decomposition(sign).startswith(SHAPES) else sign
        in_words = all(one.isalnum() or unicodedata.category(one)[0] == "M" for one in found)
        plain.append(found if in_words else sign)
    return unicodedata.normalize("NFC", "".join(plain))


def outputs(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of logits; of a regression, its values."""
    if FACTS["activation"] == "identity":
        return logits
    if FACTS["activation"] == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-logits)))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    share = powers / powers.sum(axis=1, keepdims=True)
    return np.asarray((1 - FACTS["chance"]) * share + FACTS["chance"] / len(LABELS))


def probabilities(texts: Sequence[str]) -> np.ndarray[Any, Any]:
    """Probabilities (n, labels) of n texts; of a regression, its values."""
    logits = MODEL.encode([canonical(text) for text in texts], batch_size=32, show_progress_bar=False)
    return outputs(np.asarray(logits, np.float64))


def answers(found: np.ndarray[Any, Any]) -> list[Any]:
    """The label of each row of probabilities: one, a list of labels, or the values of a regression."""
    if FACTS["activation"] == "identity":
        return found.tolist()
    if FACTS["activation"] == "sigmoid":
        return [[label for label, p in zip(LABELS, row, strict=True) if p >= 0.5] for row in found]
    return [LABELS[place] for place in found.argmax(axis=1)]


if __name__ == "__main__":
    for text, answer in zip(sys.argv[1:], answers(probabilities(sys.argv[1:])), strict=True):
        sys.stdout.write(f"{text}\t{answer}\n")
