"""Promised errors over random splits, and the calibration error before and after the calibration.

python benchmarks/abstention.py [--splits 200] [--only trec6] [--rows FOLDER]

Items are encoded once; each split draws training items, solves the head on them, and answers the others at promised
errors of 1, 2 and 5%. A promise is broken by a split if the answers given are wrong more often than promised; with a
bound at 95% that may happen in 5% of the splits, and by the chance of the test items in some more.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _common import say, table, write_section
from coverage import cases, fitted

ERRORS = (0.01, 0.02, 0.05)


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--only")
    parser.add_argument("--rows", type=Path, help="where encoded rows are kept")
    given = parser.parse_args()
    keep = given.rows or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    lines, errors = [], []
    for case in cases(keep, given.only):
        if case.kind != "classification":
            continue
        promised, reliability = one_set(case, given.splits)
        lines += promised
        errors.append(reliability)
        say("\n".join(map(str, [*promised, reliability])))
    about = f"{given.splits} random splits of each set; frozen features, last layer, ridge or LDA."
    header = ("set", "promised", "splits with answers", "answered", "wrong, of all answers", "splits above", "p < 0.05")
    scaled = ("set", "before", "after")
    write_section(
        "Abstention",
        [
            about, "", *table(header, lines), "", "Calibration error (root mean square, debiased), mean of splits:", "",
            *table(scaled, errors),
        ],
    )  # fmt: skip


def one_set(case: object, splits: int) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """The rows of the two tables for one data set."""
    from scipy.stats import binom

    from headstart.evaluate.certainty.reliability import calibration_error
    from headstart.linear.calibration import softmax

    rng = np.random.default_rng(0)
    found: dict[float, list[tuple[int, int]]] = {error: [] for error in ERRORS}
    gaps = []
    for _ in range(splits):
        order = rng.permutation(len(case.y))
        train, test = order[: case.train], order[case.train : case.train + case.test]
        model = fitted(case, train)
        outputs, selective = model.outputs(case.rows[test]), model.selective()
        sure, right = outputs.max(axis=1), outputs.argmax(axis=1) == case.y[test]
        for error in ERRORS:
            answered = selective.answered(outputs, error)
            found[error].append((int(answered.sum()), int((answered & ~right).sum())))
        raw = softmax(model.head.scores(case.rows[test]))
        gaps.append((calibration_error(raw.max(axis=1), right), calibration_error(sure, right)))
    lines = []
    for error, pairs in found.items():
        many, wrong = np.array(pairs).T
        some = many > 0
        # more mistakes than a true error of the promised size would make in 19 of 20 splits
        clear = binom.sf(wrong[some] - 1, many[some], error) < 0.05
        lines.append(
            (
                case.name, f"{error:.0%}", f"{some.sum()} of {splits}", f"{many.mean() / case.test:.1%}",
                f"{wrong.sum() / max(many.sum(), 1):.2%}", f"{(wrong[some] > error * many[some]).sum()}",
                f"{clear.sum()}",
            )
        )  # fmt: skip
    before, after = np.mean(gaps, axis=0)
    return lines, (case.name, f"{before:.3f}", f"{after:.3f}")


if __name__ == "__main__":
    main()
