"""Accuracy on clothing10 under attack (PGD), before and after adversarial training.

    python benchmarks/robustness.py --out robustness.csv --folder FOLDER [--epochs 10] [--epsilon 2] [--source NAME]

Before: the frozen body of headstart:image with its closed-form head. After: the strategy ``adversarial`` (FGSM from a
random start). Also LP-FT with the same training, which isolates the effect of the attacks in training. The attack is
PGD with 10 steps from a random start, within epsilon/255 of each pixel, on the entire network.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _bench import Bench
from _common import say, section, table

from headstart.data import read
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.bodies.trainable import trainable
from headstart.tune.adversarial import ADVERSARIAL
from headstart.tune.attacks.pgd import pgd
from headstart.tune.attacks.robust_accuracy import robust_accuracy
from headstart.tune.frozen import FROZEN
from headstart.tune.lp_ft import LP_FT
from headstart.tune.network.body_and_head import Network
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.training.settings import Training
from headstart.types import Dataset

FIELDS = ("way", "accuracy", "robust accuracy", "seconds", "load")


def main() -> None:
    """Train and attack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="CSV file for the results as they come")
    parser.add_argument("--folder", type=Path, required=True, help="where the pictures are unpacked")
    parser.add_argument("--source", default="headstart:image")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--epsilon", type=float, default=2.0)
    parser.add_argument("--train", type=int, default=10**6, help="training pictures at most")
    parser.add_argument("--test", type=int, default=10**6, help="test pictures at most")
    args = parser.parse_args()
    place = Bench(args.folder, 1, quick=False, device="cpu", tutorial_repeats=1).unpacked("clothing10")
    train, test = part(place, "train", args.train), part(place, "test", args.test)
    source = open_source(args.source)
    training = Training(epochs=args.epochs)
    ways: dict[str, Callable[[], TransferModel]] = {
        "frozen": lambda: FROZEN.fit(source, train),
        "lp_ft": lambda: replace(LP_FT, training=training).fit(source, train),
        "adversarial": lambda: replace(ADVERSARIAL, training=training, epsilon=args.epsilon).fit(source, train),
    }
    rows: list[dict[str, Any]] = []
    with args.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for name, fit in ways.items():
            began = time.perf_counter()
            model = fit()
            seconds = time.perf_counter() - began
            found = judged(model, test, args.epsilon)
            rows.append(dict(zip(FIELDS, (name, *found, f"{seconds:.0f}", f"{os.getloadavg()[0]:.1f}"), strict=True)))
            writer.writerow(rows[-1])
            file.flush()
            say(", ".join(f"{key} {value}" for key, value in rows[-1].items()))
    about = (
        f"clothing10, {len(train)} training and {len(test)} test pictures, {args.source}; {args.epochs} epochs; PGD, "
        f"10 steps within {args.epsilon:g}/255."
    )
    print(section("Robust accuracy", [about, "", *table(FIELDS, [[str(v) for v in row.values()] for row in rows])]))


def part(place: Path, name: str, most: int) -> Dataset:
    """At most this many images of a part, drawn with a fixed seed."""
    whole = read(next(path for path in place.rglob(name) if path.is_dir()))
    order = list(range(len(whole)))
    random.Random(0).shuffle(order)  # noqa: S311 (an order, no secret)
    return whole.take(order[:most])


def judged(model: TransferModel, test: Dataset, epsilon: float) -> tuple[str, str]:
    """Accuracy on clean and on attacked images."""
    body = trainable(model.source)
    network = Network(body, TorchHead(model.head, model.task)).eval()
    y = np.array([model.task.labels.index(test.task.labels[code]) for code in test.y])  # type: ignore[union-attr]

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for start in range(0, len(test), 32):
            pictures = [model.source.prepare(item) for item in test.items[start : start + 32]]
            yield body.collate(pictures).float(), torch.from_numpy(y[start : start + 32])

    attack = partial(pgd, epsilon=epsilon, generator=torch.Generator().manual_seed(0), high=255.0)
    found = robust_accuracy(network, batches(), attack)
    return f"{found.clean_accuracy:.3f}", f"{found.robust_accuracy:.3f}"


if __name__ == "__main__":
    main()
