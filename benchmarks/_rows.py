"""Real sets with their rows, encoded once: the feature store keeps them between runs."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA
from numpy.typing import NDArray

from headstart.data import read
from headstart.engine.extract import extract
from headstart.sources import open_source
from headstart.types import Dataset, Source

TEXTS = {
    "banking77": ("train", "test"),
    "trec6": ("train", "test"),
    "twitter_financial_news": ("train", "valid"),
    "clinc150": ("train", "test"),
}
ARCHIVES = {
    "clothing10": ("images/clothing10_cc0.tar", "headstart:image"),
    "hymenoptera": ("images/hymenoptera.tar", "headstart:image"),
    "cifar10": ("images/cifar10_5k.tar.gz", "headstart:image"),
    "esc10": ("audio/esc10.tar", f"local:{DATA}/weights/yamnet_audioset.safetensors"),
    "fsdd": ("audio/fsdd_1200.tar.gz", f"local:{DATA}/weights/yamnet_audioset.safetensors"),
}


def rows_of(name: str) -> tuple[NDArray[np.float32], NDArray[Any], Dataset, Source]:
    """Rows of the last layer (n, d), labels, data and source of a set; all of its parts together."""
    data, source = set_of(name)
    encoded = extract(source, data.items)
    used = data.take(encoded.index)
    last = source.info.blocks[-1].width if source.info.blocks else encoded.rows.shape[1]
    return np.asarray(encoded.rows[:])[:, -last:], used.labelled()[1], used, source


def set_of(name: str) -> tuple[Dataset, Source]:
    """All parts of a set, and its source."""
    folder = Path(tempfile.mkdtemp())
    if name in TEXTS:
        for part in TEXTS[name]:
            (folder / f"{part}.csv").write_bytes((DATA / f"text/{name}/{part}.csv").read_bytes())
        return read(folder), open_source("headstart:text")
    archive, source = ARCHIVES[name]
    with tarfile.open(DATA / archive) as tar:
        tar.extractall(folder, filter="data")
    inside = [one for one in folder.iterdir() if one.is_dir()]
    return read(inside[0] if len(inside) == 1 else folder), open_source(source)
