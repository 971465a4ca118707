"""Promised errors over random splits, and the probabilities of held-out items under each calibration.

python benchmarks/abstention.py [--splits 200] [--only trec6] [--rows FOLDER]

Items are encoded once; each split draws training items, solves the head on them, and answers the others at promised
errors of 1, 2 and 5%. A promise is broken by a split if the answers given are wrong more often than promised; with a
bound at 95% that may happen in 5% of the splits, and by the chance of the test items in some more. For speakers that
the fit has not heard, a group is a unit of the promise, and six speakers promise nothing; what independent sounds would
promise there (wrongly) is shown beside it.

Calibrations are fitted on the left-out scores of the fit: none, one temperature, vector scaling, Venn-Abers (each class
against the others), and the one that the fit takes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, say, table, write_section
from coverage import Case, cases, fitted

ERRORS = (0.01, 0.02, 0.05)
MORE = {"trec6": 3000}
TWO = {"trec6": "ENTY", "clothing10": "dress"}
CALIBRATIONS = ("none", "temperature", "vector scaling", "Venn-Abers", "taken")


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--only")
    parser.add_argument("--rows", type=Path, help="where encoded rows are kept")
    given = parser.parse_args()
    keep = given.rows or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    lines: list[Sequence[str]] = []
    scaled: list[Sequence[str]] = []
    for case in cases(keep, given.only):
        if case.kind != "classification":
            continue
        promised, reliability = one_set(case, given.splits)
        scaled += reliability
        if case.speakers is None:
            lines += promised
        else:
            lines += [(f"{row[0]}, any speaker", *row[1:]) for row in promised]
            lines += new_speakers(case, given.splits)
        if case.name in MORE:
            few = max(1, given.splits // 4)
            promised, reliability = one_set(replace(case, name=f"{case.name}, more items", train=MORE[case.name]), few)
            lines += promised
            scaled += reliability
        if case.name in TWO:
            scaled += one_set(two_classes(case, TWO[case.name]), given.splits)[1]
        say("\n".join(map(str, [*lines, *scaled])))
    if given.only in (None, "banking77"):
        scaled += one_set(banking(keep), max(1, given.splits // 10))[1]
    about = f"{given.splits} random splits of each set; frozen features, last layer, ridge or LDA."
    header = ("set", "promised", "splits with answers", "answered", "wrong, of all answers", "splits above", "p < 0.05")
    columns = ("set", "train", "calibration", "log-loss", "ECE", "RMS error, debiased", "accuracy", "taken in")
    write_section(
        "Abstention",
        [
            about, "", *table(header, lines), "",
            "Probabilities of held-out items by calibration, means of splits (a quarter as many with more items, a "
            "tenth of BANKING77). ECE: 15 bins of equal width; RMS: bins of equal size, debiased (Kumar et al. 2019).",
            "",
            *table(columns, scaled),
        ],
    )  # fmt: skip


def two_classes(case: Case, label: str) -> Case:
    """One class against all others."""
    y = (case.y == case.labels.index(label)).astype(int)
    return replace(case, name=f"{case.name}, {label} or not", y=y, labels=("others", label))


def banking(keep: Path) -> Case:
    """The 3,080 test texts of BANKING77."""
    file = keep / "banking77.npz"
    if not file.is_file():
        import pandas as pd

        from headstart.engine.extract import extract
        from headstart.sources import open_source

        frame = pd.read_csv(DATA / "text" / "banking77" / "test.csv")
        source = open_source("headstart:text")
        rows = extract(source, frame["text"].tolist(), on_error="raise").rows
        widths = [block.width for block in source.info.blocks]
        np.savez(file, rows=np.asarray(rows), labels=frame.iloc[:, 1].astype(str).to_numpy(str), blocks=widths)
    from headstart.types import Block

    with np.load(file) as found:
        names, y = np.unique(found["labels"], return_inverse=True)
        blocks = tuple(Block(str(i), int(width)) for i, width in enumerate(found["blocks"]))
        return Case("banking77", found["rows"], y, tuple(map(str, names)), "classification", blocks, 2000, 1080)


def one_set(case: Case, splits: int) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    """The rows of the two tables for one data set."""
    rng = np.random.default_rng(0)
    found: dict[float, list[tuple[int, int]]] = {error: [] for error in ERRORS}
    measured: list[Mapping[str, tuple[float, ...]]] = []
    taken = 0
    for _ in range(splits):
        order = rng.permutation(len(case.y))
        train, test = order[: case.train], order[case.train : case.train + case.test]
        model = fitted(case, train)
        outputs, y = model.outputs(case.rows[test]), case.y[test]
        count(found, model, outputs, y)
        measured.append({name: quality(p, y) for name, p in calibrated(model, case.rows[test]).items()})
        taken += "factor" in model.head.calibration
    scaled: list[Sequence[str]] = []
    for name in CALIBRATIONS:
        loss, ece, error, right = np.mean([one[name] for one in measured], axis=0)
        chosen = {"temperature": splits - taken, "vector scaling": taken}.get(name)
        scaled.append(
            (
                case.name, str(case.train), name, f"{loss:.3f}", f"{ece:.3f}", f"{error:.3f}", f"{right:.3f}",
                "" if chosen is None else f"{chosen} of {splits}",
            )
        )  # fmt: skip
    return promises(case.name, found, splits * case.test), scaled


def count(found: dict[float, list[tuple[int, int]]], model: Any, outputs: Any, y: Any) -> None:
    """Add answers and wrong answers at each promised error."""
    wrong, selective = outputs.argmax(axis=1) != y, model.selective()
    for error in ERRORS:
        answered = selective.answered(outputs, error)
        found[error].append((int(answered.sum()), int((answered & wrong).sum())))


def promises(name: str, found: Mapping[float, list[tuple[int, int]]], tested: int) -> list[Sequence[str]]:
    """A row for each promised error; ``tested`` items in all splits."""
    from scipy.stats import binom

    lines: list[Sequence[str]] = []
    for error, pairs in found.items():
        many, wrong = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
        some = many > 0
        # more mistakes than a true error of the promised size would make in 19 of 20 splits
        clear = np.asarray(binom.sf(wrong[some] - 1, many[some], error)) < 0.05
        share = f"{wrong.sum() / many.sum():.2%}" if many.sum() else "-"
        lines.append(
            (
                name, f"{error:.0%}", f"{some.sum()} of {len(pairs)}", f"{many.sum() / tested:.1%}",
                share, f"{(wrong[some] > error * many[some]).sum()}", f"{clear.sum()}",
            )
        )  # fmt: skip
    return lines


def new_speakers(case: Case, splits: int) -> list[Sequence[str]]:
    """Sounds of a speaker that the fit has not heard: promises with speakers, and (wrongly) with sounds as units."""
    names, codes = np.unique(case.speakers, return_inverse=True)
    lines: list[Sequence[str]] = []
    for how, grouped in (("new speaker", True), ("new speaker, sounds as units (wrong here)", False)):
        found: dict[float, list[tuple[int, int]]] = {error: [] for error in ERRORS}
        tested = 0
        for seed in range(splits):
            rng, out = np.random.default_rng(seed), seed % len(names)
            train = rng.permutation(np.flatnonzero(codes != out))[: case.train]
            test = np.flatnonzero(codes == out)
            model = fitted(case, train, codes[train] if grouped else None)
            count(found, model, model.outputs(case.rows[test]), case.y[test])
            tested += len(test)
        lines += promises(f"fsdd, {how}", found, tested)
    return lines


def calibrated(model: Any, rows: Any) -> dict[str, Any]:
    """Probabilities of items under each calibration of the left-out scores."""
    from headstart.linear.calibration import log_softmax, softmax
    from headstart.linear.vector_scaling import fit_vector_scaling
    from headstart.linear.venn_abers import venn_abers_classes

    kept, temperature = model.certainty, model.head.calibration["temperature"][0]
    scores = model.head.scores(rows)
    factor, offset = fit_vector_scaling(kept.scores, kept.labels)
    own, new = log_softmax(kept.scores / temperature), log_softmax(scores / temperature)
    return {
        "none": softmax(scores), "temperature": softmax(scores / temperature),
        "vector scaling": softmax(scores * factor + offset), "Venn-Abers": venn_abers_classes(own, kept.labels, new),
        "taken": model.outputs(rows),
    }  # fmt: skip


def quality(p: Any, y: Any) -> tuple[float, float, float, float]:
    """Log-loss, ECE, debiased root mean square calibration error, accuracy."""
    from headstart.evaluate.certainty.reliability import calibration_error
    from headstart.evaluate.metrics.probability import ece

    right = p.argmax(axis=1) == y
    loss = -np.log(np.maximum(p[np.arange(len(y)), y], 1e-300)).mean()
    return float(loss), float(ece(p, y)), calibration_error(p.max(axis=1), right), float(right.mean())


if __name__ == "__main__":
    main()
