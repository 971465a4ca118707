"""Masks of nuclei (Data Science Bowl 2018, BBBC038, CC0): what the solved head and the trained decoder are worth.

    python benchmarks/annotations_masks.py nuclei --data nuclei_dsb2018.tar --out masks.json
    python benchmarks/annotations_masks.py shift --data nuclei_dsb2018.tar --out masks.json
    python benchmarks/annotations_masks.py memory --data nuclei_dsb2018.tar --out masks.json
    python benchmarks/annotations_masks.py show --out masks.json

``nuclei``: 16, 64 and 500 training pictures, 164 test pictures by a fixed seed: colour and local statistics, the body
untrained, the solved head, the trained decoder, and a U-Net from random weights for the time that the decoder took.
``shift``: the same on fluorescence alone, judged on fluorescence and on purple stains. ``memory``: the cells of 1,000
pictures (each of the 664 once, then again from the start) through the moments. A result that the JSON file holds is not
computed again, so a killed run resumes; ``show`` prints the tables. No choice is made on test pictures.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import machine, say, section, table, write_section
from PIL import Image

from headstart.annotations import MaskArray
from headstart.evaluate.annotations.masks import evaluate_masks
from headstart.heads.masks.cell_rows import read_cells
from headstart.heads.masks.class_moments import ClassSums
from headstart.heads.masks.solve import solve_masks
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.sources.positions.maps import MapSource
from headstart.transfer.annotating.mask_training import held_out_pictures, training_for
from headstart.transfer.annotating.masks import settings_for
from headstart.transfer.stages.context import RunContext
from headstart.tune.masks.train import train_masks, train_unet
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Task

TEST = 164
WAYS = ("raw", "untrained", "solved", "decoder", "unet")
TITLES = {
    "raw": "colour and local statistics", "untrained": "untrained body", "solved": "solved head",
    "decoder": "trained decoder", "unet": "U-Net from scratch, same time",
}  # fmt: skip
METRICS = ("miou", "dice", "boundary_f1", "instance_f1", "instance_map")
TASK = Task("mask", ("background", "nucleus"))
MEMORY = 1000
UNET_EPOCHS = 400  # more than fit into the time
CONTEXT = RunContext(SilentReporter())


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("nuclei", "shift", "memory", "show"))
    parser.add_argument("--data", type=Path, help="nuclei_dsb2018.tar, or the folder that it holds")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results")
    parser.add_argument("--source", default="headstart:photo")
    parser.add_argument("--train", type=int, nargs="+", default=[16, 64, 500])
    parser.add_argument("--test", type=int, default=TEST, help="test pictures at most")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seconds", type=float, default=1200.0, help="limit of a training")
    parser.add_argument("--pictures", type=int, default=MEMORY, help="of the command memory")
    parser.add_argument("--write", action="store_true", help="the tables into RESULTS.md")
    args = parser.parse_args()
    results = Results(args.out)
    if args.command == "show":
        show(results, write=args.write)
        return
    if args.data is None:
        parser.error("--data is needed")
    with tempfile.TemporaryDirectory() as unpacked:
        folder = args.data
        if folder.is_file():
            with tarfile.open(folder) as archive:
                archive.extractall(unpacked, filter="data")
            folder = next(Path(unpacked).iterdir())
        {"nuclei": nuclei, "shift": shift, "memory": memory}[args.command](args, folder, results)
    show(results, write=args.write)


class Results:
    """Results by name, written after each one."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def get(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of this name, computed unless it is known."""
        if name not in self.known:
            began = time.perf_counter()
            found = make()
            found |= {"wall": time.perf_counter() - began, "load": os.getloadavg()[0], "machine": machine()}
            self.known[name] = found
            self.file.write_text(json.dumps(self.known, indent=1), encoding="utf-8")
            say(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items() if key in METRICS))
        return dict(self.known[name])


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The pictures in a fixed random order."""
    rows = list(csv.DictReader((folder / "index.csv").read_text(encoding="utf-8").splitlines()))
    return [rows[k] for k in np.random.default_rng(0).permutation(len(rows))]


def dataset(folder: Path, rows: Sequence[dict[str, str]]) -> Dataset:
    """Labelled pictures."""
    y = np.empty(len(rows), object)
    for k, row in enumerate(rows):
        numbers = np.asarray(Image.open(folder / "labels" / f"{row['name']}.png")).astype(np.int32)
        y[k] = MaskArray((numbers > 0).astype(np.int16), numbers)
    items = [str(folder / "images" / f"{row['name']}.jpg") for row in rows]
    return Dataset(items, tuple(row["name"] for row in rows), "image", TASK, y)


def nuclei(args: argparse.Namespace, folder: Path, results: Results) -> None:
    """Every way at every size of the training part."""
    rows = rows_of(folder)
    test = dataset(folder, rows[:TEST][: args.test])
    for count in args.train:
        train = dataset(folder, rows[TEST : TEST + count])
        compare(f"nuclei {len(train.items)} {len(test.items)}", train, {"": test}, args, results)


def shift(args: argparse.Namespace, folder: Path, results: Results) -> None:
    """Fluorescence in training, fluorescence and purple stains in the test."""
    rows = rows_of(folder)
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("fluo", "purple")}
    tests = {kind: dataset(folder, some[: min(args.test, 100)]) for kind, some in kinds.items()}
    for count in args.train:
        train = dataset(folder, kinds["fluo"][100 : 100 + count])
        compare(f"shift {len(train.items)}", train, tests, args, results)


def compare(name: str, train: Dataset, tests: dict[str, Dataset], args: argparse.Namespace, results: Results) -> None:
    """Each way, judged on each test."""
    source = open_source(args.source)
    maps = settings_for(train, source)
    seconds = args.seconds
    for way in WAYS:
        if way in args.ways:
            found = results.get(f"{name} {way}", lambda way=way, limit=seconds: judged(way, train, tests, maps, limit))  # type: ignore[misc]
            # the U-Net gets the time that the decoder took
            seconds = found["training"] if way == "decoder" else seconds


def judged(way: str, train: Dataset, tests: dict[str, Dataset], maps: MapSource, seconds: float) -> dict[str, Any]:
    """The metrics of one way on each test."""
    annotate, facts = fitted(way, train, maps, seconds)
    for kind, test in tests.items():
        began = time.perf_counter()
        found = annotate(test.items)
        prefix = f"{kind} " if kind else ""
        facts[f"{prefix}seconds a picture"] = (time.perf_counter() - began) / len(test.items)
        for metric, value in evaluate_masks(TASK, list(test.labelled()[1]), found).metrics.items():
            facts |= {f"{prefix}{metric}": value.value, f"{prefix}{metric} interval": [value.low, value.high]}
    return facts


def fitted(
    way: str, train: Dataset, maps: MapSource, seconds: float
) -> tuple[Callable[[Sequence[Any]], list[Any]], dict[str, Any]]:
    """What annotates pictures, and facts about how it was made."""
    engine = CONTEXT.engine
    if way in ("raw", "untrained", "solved"):
        read = maps if way == "solved" else maps.with_settings(replace(maps.settings, blocks=()))
        if way == "untrained":
            twin = maps.untrained(0)
            if twin is None:
                raise SystemExit("the source has no body")
            read = twin
        began = time.perf_counter()
        solved = solve_masks(train, read, engine=engine)
        chosen = next(each for each in solved.candidates if each["chosen"])
        facts = {"training": time.perf_counter() - began, "left_out": solved.left_out, "chosen": chosen}
        return lambda items: solved.head.annotate(read.source, items, engine=engine), facts
    inner, outer = held_out_pictures(train, 0)
    settings = training_for(len(inner.items))
    if way == "decoder":
        made = train_masks(maps, inner, outer, settings, engine=engine, budget=Budget(seconds=seconds))
    else:  # as many steps as fit into the time: the schedule ends with it
        longer = replace(settings, training=replace(settings.training, epochs=UNET_EPOCHS))
        made = train_unet(maps, inner, outer, longer, budget=Budget(seconds=seconds))
    facts = {
        "training": made.outcome.seconds, "held_out": made.held_out, "epochs": made.outcome.epochs,
        "steps": made.outcome.steps, "kept": made.outcome.kept,
    }  # fmt: skip
    head = made.head
    if head is None:
        return made.annotate, facts
    return lambda items: head.annotate(maps.source, items, engine=engine), facts


def memory(args: argparse.Namespace, folder: Path, results: Results) -> None:
    """The cells of many pictures through the moments: seconds, and the peak of memory on the way."""
    rows = rows_of(folder)
    data = dataset(folder, [rows[k % len(rows)] for k in range(args.pictures)])
    maps = settings_for(data, open_source(args.source))

    def run() -> dict[str, Any]:
        sums, peaks, cells = ClassSums(3), dict[str, float](), 0
        began = time.perf_counter()
        for done, each in enumerate(
            read_cells(maps, data, range(args.pictures), engine=CONTEXT.engine, boundary=True), start=1
        ):
            sums.add(each.rows, each.targets.shares, each.targets.labelled)
            cells += len(each.rows)
            if done % max(1, args.pictures // 10) == 0:
                peaks[str(done)] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "seconds": time.perf_counter() - began, "cells": cells, "columns": maps.width,
            "peak MiB": peaks, "filled": sums.finish().counts.tolist(),
        }  # fmt: skip

    results.get(f"memory {args.pictures}", run)


def show(results: Results, *, write: bool) -> None:
    """The tables of all results, printed or written into RESULTS.md."""
    header = ["data", "way", *(metric.replace("_", " ") for metric in METRICS), "fit, s", "a picture, s"]
    rows, memories = [], []
    for name, found in results.known.items():
        if name.startswith("memory"):
            memories.append(memory_line(name, found))
            continue
        data, _, way = name.rpartition(" ")
        for kind in ("", "fluo ", "purple "):
            if f"{kind}miou" in found:
                shown = [figure(found, f"{kind}{metric}") for metric in METRICS]
                times = [f"{found['training']:.0f}", f"{found[f'{kind}seconds a picture']:.2f}"]
                rows.append([described(data, kind), TITLES[way], *shown, *times])
    lines = [*table(header, rows), *(["", *memories] if memories else [])]
    if write:
        write_section("Annotations: masks of nuclei", lines)
    else:
        print(section("Annotations: masks of nuclei", lines))


def described(data: str, kind: str) -> str:
    """The pictures of a row."""
    which, count = data.split()[:2]
    if which == "shift":
        return f"{count} of fluorescence, judged on {'purple stains' if kind == 'purple ' else 'fluorescence'}"
    return f"{count} training, {data.split()[2]} test pictures"


def memory_line(name: str, found: dict[str, Any]) -> str:
    """Seconds and memory of the moments of many pictures."""
    peaks = ", ".join(f"{count}: {peak:.0f}" for count, peak in found["peak MiB"].items())
    about = f"{found['cells']:,} cells of {found['columns']} numbers in {found['seconds']:.0f} s"
    return f"Moments of {name.split()[1]} pictures: {about}; peak of memory in MiB after so many pictures: {peaks}."


def figure(found: dict[str, Any], name: str) -> str:
    """A value with its interval, where there is one: no object found has none."""
    low, high = found[f"{name} interval"]
    return f"{found[name]:.3f} ({low:.3f} to {high:.3f})" if low <= high else f"{found[name]:.3f}"


if __name__ == "__main__":
    main()
