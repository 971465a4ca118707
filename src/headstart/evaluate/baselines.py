"""Baselines: the best constant prediction, and simple features that are computed without a pretrained body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.engine.pipeline.simple_rows import simple_rows
from headstart.errors import ItemError
from headstart.tasks import is_classification
from headstart.types import Modality, Task

__all__ = ["baseline_rows", "majority_outputs"]

Rows = NDArray[np.float32]

_SIDE = 16


def majority_outputs(task: Task, y_train: ArrayLike, n: int) -> NDArray[np.float64]:
    """The best constant prediction, repeated for n items.

    Args:
        task: the label schema.
        y_train: training labels as in `Dataset`.
        n: number of rows.

    Returns:
        (n, k): the class shares (whose argmax is the majority class), the base rate of each label, or the mean of
        each target.

    Examples:
        >>> majority_outputs(Task("classification", ("ant", "bee")), [0, 1, 1, 1], 2)
        array([[0.25, 0.75],
               [0.25, 0.75]])
    """
    truth = np.asarray(y_train)
    if is_classification(task):
        row = np.bincount(truth.astype(np.intp), minlength=task.num_outputs) / len(truth)
    else:
        row = truth.astype(np.float64).reshape(len(truth), task.num_outputs).mean(axis=0)
    return np.tile(row, (n, 1))


def baseline_rows(
    modality: Modality,
    items_train: Sequence[Any],
    items_test: Sequence[Any],
    *,
    cache: bool = True,
) -> tuple[Rows, Rows, str] | None:
    """Simple features of images and sounds, of the kind that was used before pretrained bodies.

    Image: RGB at 16 x 16 pixels, scaled to 0..1, minus the mean of the training items. Audio: mean and standard
    deviation over time of 64 log-mel bands at 16 kHz. The baseline of texts also needs labels:
    `headstart.evaluate.text_baseline.text_rows`.

    Args:
        modality: the kind of the items.
        items_train: training items, as in `Dataset`.
        items_test: items to evaluate on.
        cache: whether the rows are read from the feature store and kept there; default True.

    Returns:
        Training rows, test rows (float32) and the name ``"raw pixels"`` or ``"mel statistics"``. None for other
        modalities.

    Raises:
        ItemError: if an image or a sound cannot be read.

    Examples:
        >>> pictures = [np.full((20, 20, 3), grey, np.uint8) for grey in (0, 255)]
        >>> x_train, x_test, name = baseline_rows("image", pictures, pictures[1:])
        >>> name, x_train.shape, float(x_test[0, 0])
        ('raw pixels', (2, 768), 0.5)
        >>> baseline_rows("vector", [[1.0]], [[2.0]]) is None
        True
    """
    both = (items_train, items_test)
    if modality == "image":
        pixels_train, pixels_test = (_each("pixels 1", _pixels, part, "image", cache) for part in both)
        mean = pixels_train.mean(axis=0)
        return pixels_train - mean, pixels_test - mean, "raw pixels"
    if modality == "audio":
        mel_train, mel_test = (_each("mel statistics 1", _mel_statistics, part, "audio", cache) for part in both)
        return mel_train, mel_test, "mel statistics"
    return None


def _each(name: str, row: Callable[[Any], Rows], items: Sequence[Any], modality: Modality, cache: bool) -> Rows:
    """One row per item (n, d)."""
    found = simple_rows(name, row, items, modality, cache=cache)
    if found.failures:
        raise ItemError(next(iter(found.failures.values())))
    return np.asarray(found.rows)


def _pixels(item: Any) -> Rows:
    from PIL import Image

    from headstart.data.media.readers import read_image

    # a box filter: each of the 16 x 16 pixels is the mean of the area that it covers
    small = read_image(item, draft_size=(_SIDE, _SIDE)).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).ravel() / np.float32(255)


def _mel_statistics(item: Any) -> Rows:
    from headstart.data.media.readers import read_audio
    from headstart.sources.preprocessing.mel import log_mel

    samples, rate = read_audio(item)
    bands = log_mel(samples, rate, sample_rate=16000, n_fft=1024, hop=512, n_mels=64, fmin=20.0, fmax=8000.0)
    return np.concatenate([bands.mean(axis=-1), bands.std(axis=-1)]).astype(np.float32)
