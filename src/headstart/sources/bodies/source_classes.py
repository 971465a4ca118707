"""Predictions of a source's own classifier: probabilities of the classes that its body was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from headstart.sources.bodies.trainable import TrainableSource
from headstart.types import FeatureMatrix, Source

__all__ = ["source_head", "source_probabilities"]

AT_ONCE = 64  # batch size


def source_head(source: Source) -> Callable[[Sequence[Any]], FeatureMatrix] | None:
    """The function from items to the logits (n, source classes), float32, of the source's own head; None without one.

    The body runs in plain torch on the CPU. Sources of timm and checkpoints of timm have such a head if they keep their
    classifier.

    Args:
        source: any.

    Examples:
        >>> from headstart.sources import open_source
        >>> source_head(open_source("vector")) is None
        True
    """
    if not isinstance(source, TrainableSource):
        return None
    body = source.trainable()
    head = body.source_head
    if head is None:
        return None

    def logits(items: Sequence[Any]) -> FeatureMatrix:
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(items), AT_ONCE):
                prepared = [source.prepare(item) for item in items[start : start + AT_ONCE]]
                found.append(head(body.module, body.collate(prepared)).float().numpy())
        return np.concatenate(found)

    return logits


def source_probabilities(source: Source, items: Sequence[Any]) -> NDArray[np.float64] | None:
    """Probabilities (n, source classes), float64, of the source's own head; None without a head or with one class.

    Args:
        source: any.
        items: n items of the source's modality.

    Examples:
        >>> from headstart.sources import open_source
        >>> source_probabilities(open_source("toy"), ["a film"]) is None
        True
    """
    run = source_head(source)
    if run is None:
        return None
    logits = np.asarray(run(items), np.float64)
    if logits.shape[1] < 2:
        return None
    return np.asarray(softmax(logits, axis=1))
