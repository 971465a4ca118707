"""BANKING77 by the number of examples per class, starting at none; CLINC150 with its out-of-scope class.

    python benchmarks/few_shot.py [--seeds 5] [--counts 0 1 2 5 10 20 50] [--skip-clinc]

The name of a class comes from its label alone ("card_arrival" becomes "card arrival"). All choices of a fit (head, λ
and weight of the names, temperature) are made on the drawn texts. Two defaults were first set with knowledge of the
test texts and then confirmed on training texts: the limit of 2 for the weight of names, and the temperature without
examples.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence

import numpy as np
import pandas as pd
from _common import DATA, say, table, write_section
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from headstart.engine.extract import extract
from headstart.heads import FittedHead, HeadSearch, select_head
from headstart.heads.out_of_distribution import class_distance, energy, leverage, max_prob, neighbour_distance
from headstart.heads.spectral.leave_one_out import spectrum_of
from headstart.linear.calibration import log_loss
from headstart.sources import open_source
from headstart.tasks import task_methods
from headstart.transfer.stages.label_texts import class_rows
from headstart.transfer.zero_shot import zero_shot
from headstart.types import Task

SOURCE = "headstart:text"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 1, 2, 5, 10, 20, 50])
    parser.add_argument("--skip-clinc", action="store_true")
    args = parser.parse_args()
    write_section("Few examples", banking(args.counts, args.seeds))
    if not args.skip_clinc:
        write_section("Out of scope", clinc())


def banking(counts: Sequence[int], seeds: int) -> list[str]:
    """Accuracy and log-loss on the test texts, with and without the class names."""
    source = open_source(SOURCE)
    train, test = (pd.read_csv(DATA / f"text/banking77/{part}.csv") for part in ("train", "test"))
    labels = tuple(sorted(train["label"].unique()))
    x, x_test = (extract(source, part["text"].tolist()).rows[:] for part in (train, test))
    y, y_test = (np.array([labels.index(label) for label in part["label"]]) for part in (train, test))
    task, names = Task("classification", labels), class_rows(source, labels)
    header = ["examples a class", "accuracy", "log-loss", "accuracy without names", "log-loss", "chosen"]
    shown: list[list[str]] = []
    for count in counts:
        rows: list[list[float]] = []
        chosen: set[str] = set()
        for seed in range(seeds if count else 1):
            if not count:
                head = zero_shot(labels, source=source).head
                rows.append([*judged(head, x_test, y_test), float("nan"), float("nan")])
                continue
            index = drawn(y, count, seed)
            found = []
            for prior in (names, None):
                if prior is None and count == 1:  # with one row per class, none can be left out for the choice
                    found += [float("nan"), float("nan")]
                    continue
                blocks, search = source.info.blocks, HeadSearch(prior=prior)
                head = select_head(x[index], y[index], task, blocks=blocks, search=search, seed=seed)
                found += judged(head, x_test, y_test)
                chosen |= {f"{head.head} with {head.prior:g}"} if prior is not None else set()
            rows.append(found)
        cells = [cell(column) for column in zip(*rows, strict=True)]
        shown.append([str(count), *cells, ", ".join(sorted(chosen))])
        say(" | ".join(shown[-1]))
    about = f"BANKING77, {SOURCE}; means and standard deviations of {seeds} draws, judged on the whole test file."
    return [about, "", *table(header, shown)]


def drawn(y: NDArray[np.intp], count: int, seed: int) -> NDArray[np.intp]:
    """Positions of ``count`` rows of each class, or of all rows where there are fewer."""
    rng = np.random.default_rng(seed)
    parts = [np.flatnonzero(y == code) for code in np.unique(y)]
    return np.concatenate([rng.permutation(part)[:count] for part in parts])


def judged(head: FittedHead, x: NDArray[np.float32], y: NDArray[np.intp]) -> list[float]:
    """Accuracy and log-loss."""
    scores = head.scores(x)
    return [float((scores.argmax(axis=1) == y).mean()), log_loss(scores / head.calibration["temperature"][0], y)]


def cell(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    if np.isnan(values).any():
        return "-"
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


def clinc() -> list[str]:
    """In-scope accuracy and AUROC of each score, with out-of-scope texts not in training, and as a class."""
    source = open_source(SOURCE)
    parts = {
        name: pd.read_csv(DATA / f"text/clinc150/{name}.csv") for name in ("train", "test", "oos_train", "oos_test")
    }
    rows = {name: extract(source, part["text"].tolist()).rows[:] for name, part in parts.items()}
    labels = tuple(sorted(parts["train"]["label"].unique()))
    y, y_test = (np.array([labels.index(label) for label in parts[name]["label"]]) for name in ("train", "test"))
    x, blocks = rows["train"], source.info.blocks
    truth = np.repeat([0, 1], [len(y_test), len(rows["oos_test"])])
    both = np.concatenate([rows["test"], rows["oos_test"]])
    task, search = Task("classification", labels), HeadSearch()
    head = select_head(x, y, task, blocks=blocks, search=search)
    scores, outputs = scored(head, both, task)
    temperature = float(head.calibration["temperature"][0])
    spectrum = spectrum_of(x, y, task, head, search)
    mapped = head.feature_map(both)
    right = (scores[truth == 0].argmax(axis=1) == y_test).mean()
    rates = {
        "energy": energy(scores, temperature), "max_prob": max_prob(outputs),
        "class_distance": class_distance(scores, temperature), "leverage": leverage(spectrum, mapped, head.lam),
        "neighbour_distance": neighbour_distance(head.feature_map(x), mapped),
    }  # fmt: skip
    lines = [
        f"CLINC150, {SOURCE}: accuracy on the texts in scope {right:.4f} ({head.head}), out-of-scope texts never seen.",
        "",
        *table(["score", "AUROC"], [[name, f"{roc_auc_score(truth, found):.4f}"] for name, found in rates.items()]),
        "",
    ]
    wide = Task("classification", (*labels, "oos"))
    x_all, y_all = np.concatenate([x, rows["oos_train"]]), np.append(y, np.full(len(rows["oos_train"]), len(labels)))
    for weight in (None, "balanced"):
        head = select_head(x_all, y_all, wide, blocks=blocks, search=HeadSearch(class_weight=weight))
        _, outputs = scored(head, both, wide)
        inside = (outputs[truth == 0].argmax(axis=1) == y_test).mean()
        recall = (outputs[truth == 1].argmax(axis=1) == len(labels)).mean()
        lines.append(
            f"- with 100 out-of-scope texts as a class, class weight {weight}: in-scope accuracy {inside:.4f}, "
            f"out-of-scope recall {recall:.4f}, AUROC {roc_auc_score(truth, outputs[:, -1]):.4f}"
        )
        say(lines[-1])
    return lines


def scored(head: FittedHead, rows: NDArray[np.float32], task: Task) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores and calibrated probabilities."""
    scores = head.scores(rows)
    return scores, task_methods(task).outputs(scores, head.calibration)


if __name__ == "__main__":
    main()
