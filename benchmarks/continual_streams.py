"""Class-incremental streams: CLINC150 in ten tasks of 15 intents, and CIFAR-10 (5k pictures) in five of two classes.

    python benchmarks/continual_streams.py [--texts 20] [--pictures 100] [--epochs 2] [--memory 200] [--seed 0]
        [--only clinc150] [--strategies full,ewc]

`headstart.continual` with every strategy, on the same items in the same random order of classes: exact sums on a frozen
body; fine-tuning on each task alone, with EWC, LwF, replay or DER++, without and with a memory for the head; and the
joint training on all items so far. After each step the model is judged on the test items of all tasks so far, among all
their classes. Moments also run on all training items. Settings are the defaults but for the
epochs; nothing was chosen on test items.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path

import numpy as np
from _common import DATA, say, table, write_section

import headstart
from headstart.data import read
from headstart.evaluate.formatting import figure
from headstart.types import Dataset, Task

WAYS = (
    ("moments", None), ("full", 0), ("full", 200), ("ewc", 0), ("ewc", 200), ("lwf", 0), ("lwf", 200), ("replay", 200),
    ("der", 200), ("joint", None),
)  # fmt: skip
SIZES = {"clinc150": 15, "cifar10": 2}
SOURCES = {"clinc150": "headstart:text", "cifar10": "headstart:image"}


def main() -> None:
    """Run all ways on the streams, and write the section; finished runs are kept in a file and not run again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20, help="training texts of an intent, where a body is trained")
    parser.add_argument("--pictures", type=int, default=100, help="training pictures of a class, likewise")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--memory", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(SIZES))
    parser.add_argument("--strategies", default="")
    args = parser.parse_args()
    done = (
        Path(tempfile.gettempdir()) / f"continual_streams_{args.texts}_{args.pictures}_{args.epochs}_{args.seed}.json"
    )
    known = json.loads(done.read_text()) if done.exists() else {}
    wanted = args.strategies.split(",") if args.strategies else [name for name, _ in WAYS]
    for data in SIZES if args.only is None else [args.only]:
        parts = loaded(data)
        for strategy, memory in WAYS:
            size = args.memory if memory else memory
            for few in (None, per_class(data, args)) if strategy == "moments" else (per_class(data, args),):
                key = f"{data} {strategy} {size} {few}"
                if key not in known and strategy in wanted:
                    tasks = stream(data, parts, few, args.seed)
                    known[key] = measured(data, tasks, strategy, size, args)
                    done.write_text(json.dumps(known))
    write_section("Continual, streams of new classes", lines(known, args))


def per_class(data: str, args: argparse.Namespace) -> int:
    """Training items of a class where a body is trained."""
    return int(args.texts if data == "clinc150" else args.pictures)


def loaded(data: str) -> dict[str, Dataset]:
    """Training and test items."""
    if data == "clinc150":
        return {part: read(texts(part)) for part in ("train", "test")}
    whole = read(str(DATA / "images" / "cifar10_5k.tar.gz"))
    return {part: whole.take(np.flatnonzero(whole.split == part)) for part in ("train", "test")}


def texts(part: str) -> tuple[list[str], list[str]]:
    """Texts and intents of a part of CLINC150."""
    with (DATA / f"text/clinc150/{part}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def stream(data: str, parts: dict[str, Dataset], few: int | None, seed: int) -> list[Dataset]:
    """The tasks, each with its given split; ``few`` is the number of training items of a class."""
    task, _ = parts["train"].labelled()
    order = np.random.default_rng(seed).permutation(task.num_outputs)
    found = []
    for first in range(0, task.num_outputs, SIZES[data]):
        codes = np.sort(order[first : first + SIZES[data]])
        train = [np.flatnonzero(parts["train"].y == code)[:few] for code in codes]
        test = [np.flatnonzero(parts["test"].y == code) for code in codes]
        chosen = {"train": np.concatenate(train), "test": np.concatenate(test)}
        items = [parts[part].items[k] for part in chosen for k in chosen[part]]
        y = np.concatenate([np.searchsorted(codes, parts[part].y[chosen[part]]) for part in chosen])
        names = np.concatenate([np.full(len(index), part) for part, index in chosen.items()])
        labels = Task("classification", tuple(task.labels[code] for code in codes))
        ids = tuple(f"{part}/{parts[part].ids[k]}" for part in chosen for k in chosen[part])
        found.append(Dataset(items, ids, parts["train"].modality, labels, y, split=names))
    return found


def measured(
    data: str, tasks: list[Dataset], strategy: str, memory: int | None, args: argparse.Namespace
) -> dict[str, object]:
    """One stream by one strategy."""
    run = headstart.continual(
        tasks, strategy=strategy, memory=memory, source=SOURCES[data], seed=args.seed, verbose=False,
        training=None if strategy == "moments" else {"epochs": args.epochs},
    )  # fmt: skip
    record = dict(run.record)
    say(f"{data} {strategy} {memory}: {run!r}")
    return {name: record[name] for name in ("metrics", "after", "steps", "memory")}


def lines(known: dict[str, dict], args: argparse.Namespace) -> list[str]:
    """A table for each stream."""
    found = [
        f"`headstart.continual`, default settings but epochs = {args.epochs}, so a body is moved little; "
        f"memory of {args.memory} items by reservoir "
        f"sampling where one is named; seed {args.seed}. Accuracy among all classes so far on all test items so far; "
        "average accuracy, backward transfer and forgetting after the last step with 95% intervals over test items; "
        "seconds of learning the whole stream, on one core of a machine with other work.",
        "",
    ]
    for data, size in SIZES.items():
        rows = []
        for key, one in known.items():
            name, strategy, memory, few = key.split(" ")
            if name == data:
                after = [f"{step['value']:.3f}" for step in one["after"]]
                after = after if len(after) < 6 else [after[0], after[len(after) // 2 - 1], after[-1]]
                shown = [figure(**one["metrics"][metric]) if one["metrics"][metric]["low"] is not None else "0.000"
                         for metric in ("average_accuracy", "backward_transfer", "forgetting")]  # fmt: skip
                seconds = sum(step["seconds"] for step in one["steps"])
                way = strategy + (f", memory {memory}" if memory not in ("None", "0") else "")
                rows.append([way, "all" if few == "None" else few, *after, *shown, f"{seconds:.0f}"])
        if rows:
            steps = ["step 1", "step 5", "step 10"] if data == "clinc150" else [f"step {t}" for t in range(1, 6)]
            title = "CLINC150, 10 x 15 intents" if data == "clinc150" else "CIFAR-10 5k, 5 x 2 classes"
            found += [f"{title}, {SOURCES[data]}, {size} new classes in a step:", ""]
            head = ["way", "items of a class", *steps, "average accuracy", "backward transfer", "forgetting", "s"]
            found += [*table(head, rows), ""]
    return found


if __name__ == "__main__":
    main()
