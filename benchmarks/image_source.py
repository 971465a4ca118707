"""``headstart:image`` compared with its teacher at full size and on small images, with random weights, and with pixels.

    python benchmarks/image_source.py [SET ...] [--speed] [--kept image_source.json]

Accuracy is that of a ridge head: leave-one-out on the training part (last block), and on held-out items (as `headstart
fit` evaluates them, with its choice of layers). The column "of the way" is the share of the distance from the untrained
body to the teacher, on the same images of 64 pixels a side (enlarged to 224 for the teacher), with a bootstrap interval
over the items (folds of ESC-10) that all three were evaluated on. Sounds are log-mel spectrograms of the same sides.
None of the sets was used in the pre-training. ``--speed`` instead measures images per second from JPEG files to
features, with alternating warm workers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _bench import MOBILENET, Bench
from _common import DATA, goal, say, table, write_section

SETS = {
    "hymenoptera": "images/hymenoptera.tar",
    "clothing10": "images/clothing10_cc0.tar",
    "CIFAR-10 5k": "images/cifar10_5k.tar.gz",
    "FSDD": "audio/fsdd_1200.tar.gz",
    "ESC-10": "audio/esc10.tar",
}
WAYS = ("headstart:image", "teacher, 224 px", "teacher, 64 px", "untrained", "raw pixels")
GOAL, FLOOR = 0.9, 0.7


def main() -> None:
    """Measure the named sets, or all, or the speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; default: all")
    parser.add_argument("--speed", action="store_true", help="pictures a second instead")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="default: all")
    parser.add_argument("--source", default="headstart:image", help="another body to judge in its place")
    parser.add_argument("--kept", type=Path, default=Path("image_source.json"), help="where rows are kept")
    given = parser.parse_args()
    if given.speed:
        speed()
        return
    from headstart.sources import describe

    kept: dict[str, Any] = json.loads(given.kept.read_text()) if given.kept.is_file() else {}
    for name in given.names or SETS:
        for way in given.ways:
            key = f"{name}: {way}"
            digest = describe(given.source).sha256 if way == WAYS[0] else None
            if key not in kept or kept[key].get("sha256") != digest:
                kept[key] = {**judged(name, way, given.source), "sha256": digest}
                say(f"{key}: {kept[key]}")
                given.kept.write_text(json.dumps(kept))
    names = [name for name in SETS if all(f"{name}: {way}" in kept for way in WAYS)]
    if not names:
        return
    rows = [row for name in names for row in _rows(name, [kept[f"{name}: {way}"] for way in WAYS])]
    write_section("The image source of the install", table(["set", "accuracy", *WAYS, "of the way"], rows))


def _rows(name: str, found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Leave-one-out and held-out accuracies, and the share of the distance from the fourth variant to the third."""
    lines = []
    for kind, words in (("left_out", "left out one by one"), ("held_out", f"held out ({found[0]['judged_by']})")):
        values = [one[kind]["value"] for one in found]
        way = _share(values[0], values[2], values[3])
        reached = "aim 90% reached" if way >= GOAL else "floor 70% reached" if way >= FLOOR else "floor 70% MISSED"
        cells = [
            f"{one[kind]['value']:.3f}"
            + (f" [{one[kind]['low']:.3f}, {one[kind]['high']:.3f}]" if "low" in one[kind] else "")
            for one in found
        ]
        spread = " [{:.0%}, {:.0%}]".format(*_spread(found)) if kind == "held_out" else ""
        lines.append([name, words, *cells, f"**{way:.1%}**{spread} ({reached})"])
    return lines


def _share(body: Any, teacher: Any, untrained: Any) -> Any:
    return (body - untrained) / (teacher - untrained)


def _spread(found: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """The interval of the share of the distance, on the held-out items."""
    from headstart.evaluate.intervals.bootstrap import bootstrap

    ids = [one for one in found[0]["right"] if all(one in other["right"] for other in found)]
    body, teacher, untrained = (np.array([found[k]["right"][one] for one in ids]) for k in (0, 2, 3))
    groups = [found[0]["groups"][one] for one in ids] if found[0]["groups"] else None
    low, high = bootstrap(
        lambda weights: _share(weights @ body, weights @ teacher, weights @ untrained), len(ids), groups=groups
    )
    return float(low), float(high)


def judged(name: str, way: str, image: str) -> dict[str, Any]:
    """Both accuracies of a ridge head on the features of a variant."""
    import pandas as pd

    import headstart
    from headstart.data import read
    from headstart.engine.extract import extract
    from headstart.scores import leave_one_out_ridge

    data = str(DATA / SETS[name])
    dataset = read(data)
    source = _source(way, image, dataset.modality)
    with tempfile.TemporaryDirectory() as folder:
        run = headstart.fit(data, source=source, heads=["ridge"], baselines="none", out=Path(folder) / "run")
        told = pd.read_parquet(Path(folder) / "run" / "predictions.parquet")
    right = dict(zip(told["id"], (told["label"] == told["predicted"]).astype(int).tolist(), strict=True))
    grouped = {} if dataset.groups is None else dict(zip(dataset.ids, dataset.groups.tolist(), strict=True))
    accuracy = run.evaluation.metrics["accuracy"]
    if dataset.split is not None:
        dataset = dataset.take(np.flatnonzero(dataset.split == "train"))
    task, y = dataset.labelled()
    found = extract(source, dataset.items)
    width = source.info.num_features or found.rows.shape[1]
    groups = None if dataset.groups is None else dataset.groups[found.index]
    left = leave_one_out_ridge(found.rows[:, -width:], y[found.index], task, groups=groups)
    return {
        "left_out": {"value": left.accuracy},
        "held_out": {"value": accuracy.value, "low": accuracy.low, "high": accuracy.high},
        "judged_by": run.record["evaluation"]["how"],
        "right": right,
        "groups": grouped,
    }


def _source(way: str, image: str, modality: str) -> Any:
    from headstart.sources import open_source
    from headstart.sources.spectrogram import Spectrogram

    body: Any = open_source(image)
    if way == "untrained":
        body = body.untrained(0)
    elif way == "teacher, 224 px":
        body = open_source(f"local:{MOBILENET}")
    elif way == "teacher, 64 px":
        body = Small(body, _whole(open_source(f"local:{MOBILENET}")))
    elif way == "raw pixels":
        body = Pixels(body)
    return Spectrogram(body) if modality == "audio" else body


def _whole(teacher: Any) -> Any:
    """The teacher without the crop at the borders, since images of 64 pixels are already cropped."""
    from headstart.sources.timm import TimmSource

    config = {**teacher.spec.pretrained_cfg, "crop_pct": 1.0}
    return TimmSource(replace(teacher.spec, pretrained_cfg=config), teacher._weights, teacher.info)


class Small:
    """A body that gets the input images of another one, enlarged."""

    def __init__(self, seen_by: Any, body: Any) -> None:
        self._seen_by, self._body = seen_by, body
        self.info = replace(body.info, name=f"{body.info.name} (64 px)", input=seen_by.info.input)

    def prepare(self, item: Any) -> Any:
        return self._body.prepare(self._seen_by.prepare(item))

    def __getattr__(self, name: str) -> Any:
        if name not in ("forward", "backend", "precision", "note", "streams"):
            raise AttributeError(name)
        return getattr(self._body, name)

    def choose(self, engine: Any, count: int, few: Any) -> str:
        from headstart.engine.body.recipe import recipe_key

        return recipe_key("seen with 64 pixels", self._seen_by.body.recipe.key, self._body.choose(engine, count, few))

    def encode(self, items: Sequence[Any]) -> Any:
        return self.forward([self.prepare(item) for item in items])

    def untrained(self, seed: int) -> None:
        return None

    def save(self, folder: Path) -> dict[str, str]:
        return {"name": "toy"}


class Pixels:
    """The means of 16 x 16 fields of the input image of a body."""

    def __init__(self, seen_by: Any) -> None:
        from headstart.types import Block

        self._seen_by = seen_by
        self.info = replace(
            seen_by.info, name="pixels", blocks=(Block("pixels", 768),), num_features=768, parameters=0, sha256=None
        )

    def prepare(self, item: Any) -> Any:
        picture = self._seen_by.prepare(item)
        side = picture.shape[0] // 16
        return picture.reshape(16, side, 16, side, 3).mean(axis=(1, 3), dtype=np.float32).ravel()

    def forward(self, prepared: Sequence[Any]) -> Any:
        return np.stack(prepared)

    def encode(self, items: Sequence[Any]) -> Any:
        return self.forward([self.prepare(item) for item in items])

    def untrained(self, seed: int) -> None:
        return None

    def save(self, folder: Path) -> dict[str, str]:
        return {"name": "toy"}


def speed() -> None:
    """From JPEG files to features, with alternating warm workers."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), 5, quick=False, device="cpu", tutorial_repeats=1)
        lines = []
        for name in ("hymenoptera", "clothing10"):
            files = bench.all_files(name)
            common = {"items": files, "modality": "image", "backend": "auto", "bodies": bench.bodies, "warm": True}
            found = bench.run(
                {
                    way: ("_ours:extraction", {**common, "source": source})
                    for way, source in (("headstart:image", "headstart:image"), ("MobileNetV2", f"local:{MOBILENET}"))
                }
            )
            ours, theirs = found.values()
            ratio = goal(f"{ours.rate / theirs.rate:.1f}x", "3x", reached=ours.rate >= 3 * theirs.rate)
            lines.append(
                [f"{name}, {len(files)} files", *(f"{one.rate:,.0f} ({one.spread})" for one in (ours, theirs)), ratio]
            )
            say(" | ".join(lines[-1]))
    header = ["JPEG files to stored features of all blocks", "headstart:image, items/s", "MobileNetV2, 224 px", "ratio"]
    write_section("The image source of the install: speed", table(header, lines))


if __name__ == "__main__":
    main()
