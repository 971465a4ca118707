"""Small models on rows of numbers, solved and saved without a fit: for tests of what is done with a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.heads import HeadSearch, select_head
from headstart.heads.spectral.kept_moments import kept_moments
from headstart.model import TransferModel
from headstart.model.certainty import certainty_of
from headstart.sources import open_source
from headstart.types import Task

LABELS = ("ant", "bee", "cat")


def clusters(n: int = 60, classes: int = 3, d: int = 4, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Rows (n, d) around a centre for each class, and their labels."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    rows = rng.normal(size=(classes, d))[y] * 2 + rng.normal(size=(n, d))
    return rows.astype(np.float32), [LABELS[k] for k in y]


def solved(
    rows: np.ndarray, labels: Sequence[Any], *, head: str = "lda", kind: str = "classification", **search: Any
) -> TransferModel:
    """A model with one head on rows of numbers; of classification, of labels 0/1 in columns, or of values."""
    task, y = _coded(labels, kind)
    asked = HeadSearch((head,), **search)
    found = select_head(rows, y, task, search=asked)
    moments = None if head not in ("ridge", "lda") else kept_moments(rows, y, task, found, asked)
    certainty = certainty_of(rows, y, task, found, ids=[f"item {k}" for k in range(len(rows))], search=asked)
    return TransferModel(open_source("vector"), task, found, moments, certainty=certainty)


def _coded(labels: Sequence[Any], kind: str) -> tuple[Task, np.ndarray]:
    if kind == "classification":
        names = tuple(sorted(set(labels)))
        return Task("classification", names), np.array([names.index(one) for one in labels])
    values = np.asarray(labels, np.float64).reshape(len(labels), -1)
    return Task(kind, tuple(f"y{k}" for k in range(values.shape[1]))), values


def saved(folder: Path, model: TransferModel | None = None) -> Path:
    """A run folder of a model."""
    return (model or solved(*clusters())).save(folder)
