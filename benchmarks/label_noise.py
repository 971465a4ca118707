"""Label audit with a tenth of the training labels wrong: the suspects found, and the gain from dropping them.

    python benchmarks/label_noise.py [banking77 clothing10 trec6] [--share 0.1] [--seeds 1]

Labels are flipped at random to another class, in the training part only; test labels stay.
The rule (ten times likelier) was set on training rows of BANKING77, TREC-6 and financial news; clothing10 had no part
in it.
"""

from __future__ import annotations

import argparse
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from _common import DATA, say, table, write_section
from numpy.typing import NDArray

from headstart.data import read
from headstart.engine.extract import extract
from headstart.heads import HeadSearch, select_head
from headstart.sources import open_source
from headstart.types import Dataset, Source

TEXTS = {"banking77": ("train", "test"), "trec6": ("train", "test")}
IMAGES = {"clothing10": ("images/clothing10_cc0.tar", "local:weights/mobilenetv2_100.tf_in1k.safetensors")}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["banking77", "clothing10"])
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    shown: list[list[str]] = []
    for name in args.names:
        data, source = loaded(name)
        rows = extract(source, data.items).rows[:]
        for seed in range(args.seeds):
            shown.append([name, *measured(rows, data, source, args.share, seed)])
            say(" | ".join(shown[-1]))
    header = ["data", "flipped", "suspects", "precision", "recall", "test accuracy, clean labels", "noisy", "dropped"]
    write_section("Wrong labels", table(header, shown))


def loaded(name: str) -> tuple[Dataset, Source]:
    """All items of a set, with their split, and the source that encodes them."""
    if name in TEXTS:
        folder = Path(tempfile.mkdtemp())
        for part in TEXTS[name]:
            (folder / f"{part}.csv").write_bytes((DATA / f"text/{name}/{part}.csv").read_bytes())
        return read(folder), open_source("headstart:text")
    archive, source = IMAGES[name]
    folder = Path(tempfile.mkdtemp())
    with tarfile.open(DATA / archive) as tar:
        tar.extractall(folder, filter="data")
    scheme, _, path = source.partition(":")
    inside = [one for one in folder.iterdir() if one.is_dir()]
    return read(inside[0] if len(inside) == 1 else folder), open_source(f"{scheme}:{DATA / path}")


def measured(rows: NDArray[np.float32], data: Dataset, source: Source, share: float, seed: int) -> list[str]:
    """One line of the table."""
    task, y = data.labelled()
    rng = np.random.default_rng(seed)
    test = data.split == "test" if data.split is not None else rng.random(len(y)) < 0.2
    train = np.flatnonzero(~test)
    flipped = rng.choice(len(train), int(share * len(train)), replace=False)
    noisy = y[train].copy()
    noisy[flipped] = (noisy[flipped] + rng.integers(1, task.num_outputs, len(flipped))) % task.num_outputs
    x, blocks, accuracy = rows[train], source.info.blocks, []
    for labels, search in ((y[train], HeadSearch()), (noisy, HeadSearch()), (noisy, HeadSearch(drop_suspects=True))):
        head = select_head(x, labels, task, blocks=blocks, search=search, seed=seed)
        accuracy.append(float((head.scores(rows[test]).argmax(axis=1) == y[test]).mean()))
    hits = np.isin(head.dropped, flipped).sum()
    found = [hits / max(len(head.dropped), 1), hits / len(flipped), *accuracy]
    return [str(len(flipped)), str(len(head.dropped)), *(f"{value:.4f}" for value in found)]


if __name__ == "__main__":
    main()
