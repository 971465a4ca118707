"""When transfer stops paying: a source trained here on CIFAR-10's first five classes, transferred to the other five.

    python benchmarks/transfer_curve.py [--source-epochs 25] [--epochs 20]

The body is a ResNet-18 with random weights at 64 pixels a side, trained on the 2,000 training images of the classes 0
to 4, saved, and opened again as ``local:``. For 10, 50, 200 and 400 images per class (the set has no more) of the
classes 5 to 9, three kinds of transfer are compared on the 500 test images: feature transfer (frozen body, closed-form
head), parameter transfer (lp_ft) and structure transfer (the architecture with random weights). Transfer pays as long
as one of the first two is better than the third.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, say, table, write_section

COUNTS = (10, 50, 200, 400)
SIDE = 64
WAYS = ("frozen", "lp_ft", "scratch")


def main() -> None:
    """Train the source, then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source-epochs", type=int, default=25)
    parser.add_argument("--epochs", type=int, default=20, help="of parameter and structure transfer")
    parser.add_argument("--kept", type=Path, default=Path("transfer_curve.json"), help="where rows are kept")
    given = parser.parse_args()
    train, test = _parts()
    kept: dict[str, Any] = json.loads(given.kept.read_text()) if given.kept.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        source, facts = _source(_only(train, range(5)), _only(test, range(5)), given.source_epochs, Path(folder))
        say(f"source: {facts}")
        target, judging = _only(train, range(5, 10)), _only(test, range(5, 10))
        for count in COUNTS:
            few = _few(target, count)
            for way in WAYS:
                key = f"{count} {way}"
                if key not in kept:
                    kept[key] = _transfer(way, source, few, judging, given.epochs)
                    given.kept.write_text(json.dumps(kept))
                    say(f"{key}: {kept[key]['accuracy']:.3f} in {kept[key]['seconds']:.0f} s")
    header = ["pictures a class", "feature transfer", "parameter transfer", "structure transfer",
              "best transfer against structure, points"]  # fmt: skip
    write_section("Transfer curve", [facts, "", *table(header, [_row(kept, count) for count in COUNTS])])


def _parts() -> tuple[Any, Any]:
    from headstart.data import read

    whole = read(str(DATA / "images" / "cifar10_5k.tar.gz"))
    parts = [np.flatnonzero(whole.split == name) for name in ("train", "test")]
    train, test = (replace(whole.take(part), split=None) for part in parts)
    return train, test


def _only(data: Any, classes: range) -> Any:
    """The items of some classes, as a separate task."""
    task, y = data.labelled()
    part = data.take(np.flatnonzero(np.isin(y, classes)))
    return replace(part, y=part.y - classes.start, task=replace(task, labels=task.labels[classes.start : classes.stop]))


def _few(data: Any, count: int) -> Any:
    rng = np.random.default_rng(0)
    drawn = [rng.permutation(np.flatnonzero(data.y == code))[:count] for code in range(5)]
    return data.take(np.sort(np.concatenate(drawn)))


def _source(data: Any, test: Any, epochs: int, folder: Path) -> tuple[Any, str]:
    from headstart.sources import open_source
    from headstart.tune.pretraining import train_source
    from headstart.tune.scratch import SCRATCH

    started = time.perf_counter()
    strategy = replace(SCRATCH, training=replace(SCRATCH.training, epochs=epochs))
    model = train_source("resnet18", data, side=SIDE, strategy=strategy)
    right = np.mean(np.array(model.predict(test.items)) == np.array(test.task.labels)[test.y])
    model.source.save(folder / "body")
    facts = f"Source: {len(data)} pictures of 5 classes, {epochs} epochs, {time.perf_counter() - started:.0f} s, " \
            f"test accuracy {right:.3f}."  # fmt: skip
    return open_source(f"local:{folder / 'body'}"), facts


def _transfer(way: str, source: Any, few: Any, judging: Any, epochs: int) -> dict[str, Any]:
    from headstart.tune import STRATEGIES

    started = time.perf_counter()
    strategy: Any = STRATEGIES[way]
    if way != "frozen":
        strategy = replace(strategy, training=replace(strategy.training, epochs=epochs))
    model = strategy.fit(source, few)
    right = (np.array(model.predict(judging.items)) == np.array(judging.task.labels)[judging.y]).astype(int).tolist()
    return {"right": right, "accuracy": float(np.mean(right)), "seconds": time.perf_counter() - started}


def _row(kept: dict[str, Any], count: int) -> list[str]:
    from headstart.evaluate.intervals.bootstrap import paired_difference

    rows = {way: kept[f"{count} {way}"] for way in WAYS}
    best = max(WAYS[:2], key=lambda way: rows[way]["accuracy"])
    gain, low, high = (100 * v for v in paired_difference(rows[best]["right"], rows["scratch"]["right"]))
    return [str(count), *(f"{rows[way]['accuracy']:.3f} ({rows[way]['seconds']:.0f} s)" for way in WAYS),
            f"{gain:+.1f} [{low:+.1f}, {high:+.1f}]"]  # fmt: skip


if __name__ == "__main__":
    main()
