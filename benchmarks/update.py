"""Eight texts into a model: the pieces of an update in memory and of the command, beside solving the fit again.

    python benchmarks/update.py [--per-class 20] [--layers last all] [--repeats 9]

A model of ``headstart:text`` on CLINC150. Wall and CPU milliseconds, medians; the items are new in each repeat.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import DATA, say, table, write_section

import headstart
from headstart.heads import HeadSearch, select_head
from headstart.model import TransferModel, Updater
from headstart.model.versions import write_version

ITEMS = 8


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-class", type=int, default=20)
    parser.add_argument("--layers", nargs="*", default=["last", "all"])
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    texts, labels = listed("train", args.per_class)
    given = listed("test", 1 + ITEMS * (args.repeats + 1) // 150)
    columns: dict[str, dict[str, str]] = {}
    for layers in args.layers:
        with tempfile.TemporaryDirectory() as place:
            run = headstart.fit(
                (texts, labels), source="headstart:text", layers=layers, baselines="none", report_items=0, verbose=False
            ).save(Path(place) / "run")
            model = TransferModel.load(run)
            d, c = model.head.weight.shape
            name = f"{len(texts):,} items, {d} features, {c} classes, {model.head.head}"
            columns[name] = measured(run, model, given, args.repeats)
            say(f"{name}: {columns[name]}")
    steps = list(next(iter(columns.values())))
    rows = [[step, *(column[step] for column in columns.values())] for step in steps]
    about = f"{ITEMS} texts; wall / CPU milliseconds. Rows of the texts are encoded aside, in the first line."
    write_section("Updating a model", [about, "", *table(["step", *columns], rows)])


def listed(part: str, per_class: int) -> tuple[list[str], list[str]]:
    """The first texts of each intent, and their labels."""
    seen: dict[str, int] = {}
    texts, labels = [], []
    with (DATA / f"text/clinc150/{part}.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            seen[row["label"]] = seen.get(row["label"], 0) + 1
            if seen[row["label"]] <= per_class:
                texts.append(row["text"])
                labels.append(row["label"])
    return texts, labels


def measured(run: Path, model: TransferModel, given: tuple[list[str], list[str]], repeats: int) -> dict[str, str]:
    """The median times of each piece."""
    order = np.random.default_rng(0).permutation(len(given[0]))
    batches = [order[k * ITEMS : (k + 1) * ITEMS] for k in range(repeats + 1)]
    texts = [[given[0][k] for k in batch] for batch in batches]
    labels = [[given[1][k] for k in batch] for batch in batches]
    found: dict[str, str] = {}
    model.rows_of(texts[0])  # starts the body
    found["encode 8 texts"] = timed(lambda k: model.rows_of(texts[k]), repeats)
    rows = [model.rows_of(batch) for batch in texts]
    found["make the factor, once"] = timed(lambda _: Updater(model), 3)
    updater = Updater(model)
    updater.update_rows(rows[0], labels[0], texts[0])
    found["take 8 rows in: a new model"] = timed(lambda k: updater.update_rows(rows[k], labels[k], texts[k]), repeats)
    found["take them out again"] = timed(lambda k: updater.forget_rows(rows[k], labels[k]), repeats)

    def scored(k: int) -> None:
        updater.update_rows(rows[k], labels[k], texts[k])
        updater.complete()

    def chosen(k: int) -> None:
        updater.update_rows(rows[k], labels[k], texts[k])
        updater.choose()

    found["the same, with left-out scores of all items"] = timed(scored, 3)
    found["the same, with λ and calibration chosen anew"] = timed(chosen, 1)
    done = updater.complete()
    found["write a version"] = timed(lambda _: write_version(run, done, {"what": "update"}), 3)
    found["solve anew from the moments"] = timed(lambda k: model.update(texts[k], labels[k]), 3)
    kept, head = model.certainty, model.head
    if kept is not None and kept.rows is not None:
        mapped, y, search = kept.rows, kept.y, HeadSearch((head.head,))
        found["select the head anew"] = timed(lambda _: select_head(mapped, y, model.task, search=search), 1)
    return found


def timed(work: Callable[[int], object], repeats: int) -> str:
    """Median wall and CPU milliseconds of ``work(1)``, ``work(2)`` and so on."""
    wall, cpu = [], []
    for k in range(1, repeats + 1):
        clock, process = time.perf_counter(), time.process_time()
        work(k)
        wall.append(time.perf_counter() - clock)
        cpu.append(time.process_time() - process)
    return f"{statistics.median(wall) * 1e3:.1f} / {statistics.median(cpu) * 1e3:.1f}"


if __name__ == "__main__":
    main()
