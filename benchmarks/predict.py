"""Predicting with a head that reads few blocks of a body, with and without leaving out the others, in one run.

    python benchmarks/predict.py [--repeats 5]

Cold: a complete ``headstart predict`` on items that were never seen. Warm: one process that has predicted before. Both
ways predict with the same head; without leaving out blocks, the model's source gives all of its blocks.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from _common import DATA, cold, headstart, table, write_section

FAMILIES = {
    "headstart:image": ("images/hymenoptera.tar", "images"),
    f"local:{DATA / 'weights' / 'mobilenetv2_100.tv_in1k.safetensors'}": ("images/hymenoptera.tar", "images"),
    "headstart:text": ("text/trec6", "texts"),
}


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="of each way")
    parser.add_argument("--items", type=int, default=256, help="to predict in each repeat")
    parser.add_argument("--only", action="append", help="a source; may be repeated")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for source, (data, kind) in FAMILIES.items():
            if not args.only or source in args.only:
                rows += _source(Path(name), source, DATA / data, kind, args)
    head = ["body", "blocks that the head reads", "warm, all blocks", "warm, only these", "ratio", "cold ratio"]
    text = "Items per second of `predict`; cold is the whole command, with start-up, in seconds with all by with these."
    write_section("Predict runs only what the head reads", [text, "", *table(head, rows)])


def _source(folder: Path, source: str, data: Path, kind: str, args: argparse.Namespace) -> list[Sequence[str]]:
    from headstart.model import TransferModel

    run = folder / "run"
    headstart("fit", str(data), "--source", source, "--layers", "all", "--baselines", "none", "--out", str(run))
    model = TransferModel.load(run)
    items = _items(folder, kind, args.items)
    names = [block.name for block in model.source.info.blocks]
    few = [names[len(names) // 4 : len(names) // 4 + 1], names[len(names) // 2 : len(names) // 2 + 1], names[-1:]]
    return [_row(folder, model, chosen, items, args.repeats) for chosen in few]


def _row(folder: Path, model: Any, names: list[str], items: list[Any], repeats: int) -> list[str]:
    from headstart.engine.options import Engine
    from headstart.transfer.stages.unread_blocks import without_unread_blocks

    full = replace(_reading(model, names), engine=Engine(cache=False))
    ways = {"all": full, "only": without_unread_blocks(full)}
    warm: dict[str, list[float]] = {way: [] for way in ways}
    colds: dict[str, list[float]] = {way: [] for way in ways}
    given = folder / "items.txt"
    given.write_text("".join(f"{item}\n" for item in items), encoding="utf-8")
    for way, one in ways.items():
        one.save(folder / way)
        one.predict_proba(items)
    for _ in range(repeats):
        for way, one in ways.items():
            started = time.perf_counter()
            one.predict_proba(items)
            warm[way].append(len(items) / (time.perf_counter() - started))
            command = [sys.executable, "-m", "headstart", "predict", str(folder / way), "-", "--no-cache", "--json"]
            colds[way].append(cold(["sh", "-c", f"{' '.join(command)} < {given}"]).seconds)
    speed = {way: statistics.median(found) for way, found in warm.items()}
    seconds = {way: statistics.median(found) for way, found in colds.items()}
    short = model.source.info.name.rpartition("/")[2]
    print(json.dumps([short, names, speed, seconds]), flush=True)
    return [
        short, ", ".join(names), f"{speed['all']:.0f}", f"{speed['only']:.0f}", f"{speed['only'] / speed['all']:.2f}",
        f"{seconds['all'] / seconds['only']:.2f}",
    ]  # fmt: skip


def _reading(model: Any, names: list[str]) -> Any:
    """The model with a head of random weights on some blocks: only its speed is measured."""
    import numpy as np

    from headstart.heads import FeatureMap

    blocks = model.source.info.blocks
    stops = np.cumsum([block.width for block in blocks]).tolist()
    spans = tuple((stop - one.width, stop) for one, stop in zip(blocks, stops, strict=True) if one.name in names)
    features = FeatureMap("some blocks", spans, "unit_norm", width=stops[-1])
    weight = np.random.default_rng(0).normal(size=(features.num_features, len(model.task.labels)))
    head = replace(model.head, feature_map=features, weight=weight)
    return replace(model, head=head, moments=None)


def _items(folder: Path, kind: str, count: int) -> list[Any]:
    """New pictures as files, or new texts."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(1)
    if kind == "texts":
        words = ["how", "many", "people", "live", "in", "the", "city", "of", "what", "is", "name", "river", "old"]
        return [" ".join(rng.choice(words, rng.integers(6, 14))) for _ in range(count)]
    place = folder / "pictures"
    place.mkdir(exist_ok=True)
    for k in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3)).astype(np.uint8))
        coarse.resize((320, 240)).save(place / f"{k}.jpg")
    return [str(path) for path in sorted(place.glob("*.jpg"))]


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
