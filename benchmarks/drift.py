"""Drift: false alarms on clean resamples, power at stated shifts, and estimated class shares against the truth.

python benchmarks/drift.py [--rows FOLDER] [--clean 200] [--draws 20]

TREC-6 questions by headstart:text, foreign items from tweets; USPS digits as pixels, foreign items from MNIST.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, say, table, write_section

TRAIN, NEW, POOL, FOREIGN = 300, 100, 1_500, 300
FRACTIONS = (0.02, 0.05, 0.1, 0.25)
SHARES = (0.4, 0.6, 0.8)  # of the most frequent class


@dataclass(frozen=True)
class Pool:
    """Rows with labels, and foreign rows."""

    name: str
    rows: Any
    labels: Any
    foreign: Any


def texts(keep: Path) -> Pool:
    """Questions, and tweets as foreign items; encoded once."""
    file = keep / "trec6.npz"
    if not file.is_file():
        import pandas as pd

        from headstart.engine.extract import extract
        from headstart.sources import open_source

        parts = [("trec6", POOL), ("twitter_financial_news", FOREIGN)]
        frames = [pd.read_csv(DATA / "text" / name / "train.csv").sample(n, random_state=0) for name, n in parts]
        source = open_source("headstart:text")
        width = source.info.blocks[-1].width if source.info.blocks else None
        rows = [np.asarray(extract(source, f["text"].tolist(), on_error="raise").rows[:]) for f in frames]
        known, foreign = (part[:, -width:] if width else part for part in rows)
        np.savez(file, rows=known, labels=frames[0]["label"].astype(str).to_numpy(str), foreign=foreign)
    with np.load(file) as found:
        return Pool("TREC-6 / tweets", found["rows"], found["labels"], found["foreign"])


def digits() -> Pool:
    """USPS digits, and MNIST digits of the same size as foreign items."""
    from PIL import Image

    with np.load(DATA / "shift" / "digits_mnist_usps" / "digits.npz") as found:
        usps, labels, mnist = (found[name] for name in ("usps_train_x", "usps_train_y", "mnist_x"))
    order = np.random.default_rng(0).permutation(len(labels))[:POOL]
    small = [np.asarray(Image.fromarray(one).resize((16, 16)), np.float64) for one in mnist[:FOREIGN]]
    rows = usps[order].reshape(POOL, -1).astype(np.float64)
    return Pool("USPS / MNIST", rows, labels[order].astype(str), np.stack(small).reshape(FOREIGN, -1))


def fitted(pool: Pool, index: Any) -> Any:
    """The model of some items."""
    from headstart.heads import HeadSearch
    from headstart.sources import open_source
    from headstart.tune import FrozenFeatures
    from headstart.types import Features, Task

    names = tuple(np.unique(pool.labels))
    source = open_source("vector")
    y = np.searchsorted(names, pool.labels[index])
    features = Features(pool.rows[index], y, tuple(map(str, index)), None, source.info)
    return FrozenFeatures(HeadSearch(heads=("ridge",))).solve(source, features, Task("classification", names), seed=0)


def compared(model: Any, rows: Any, *, shares: bool = False, permutations: int = 199) -> Any:
    """What `drift` and the quick look find."""
    from headstart.transfer.drifting.batch import batch_shift
    from headstart.transfer.drifting.compare_samples import DriftOptions, compare_samples
    from headstart.transfer.drifting.sample import Sample, kept_reference, mapped_rows

    outputs, reference = model.outputs(rows), kept_reference(model)
    if not shares:
        reference = replace(reference, y=None)
    new = Sample(mapped_rows(model, rows), outputs)
    found = compare_samples(reference, new, model.task, DriftOptions(permutations=permutations))
    return found, batch_shift(model, rows, outputs)


def splits(pool: Pool, draws: int) -> Iterator[tuple[Any, Any, Any]]:
    """A generator, training positions and the positions of all others, for each draw."""
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(pool.labels))
        yield rng, order[:TRAIN], order[TRAIN:]


def share(hits: list[bool]) -> str:
    """A share with Wilson's interval."""
    from headstart.evaluate.intervals.wilson import wilson

    low, high = wilson(sum(hits), len(hits))
    return f"{np.mean(hits):.1%} [{low:.1%}, {high:.1%}]"


def clean(pool: Pool, draws: int) -> list[str]:
    """False alarms on items of the same pool."""
    alarms, quick, took = [], [], []
    for _, train, rest in splits(pool, draws):
        model = fitted(pool, train)
        started = time.perf_counter()
        found, batch = compared(model, pool.rows[rest[:NEW]])
        took.append(time.perf_counter() - started)
        alarms.append(found.p_value <= 0.05)
        quick.append(batch.differs)
    say(f"{pool.name}: {share(alarms)} {share(quick)} {np.median(took):.2f} s")
    return [pool.name, "none", f"{draws}", share(alarms), share(quick)]


def foreign(pool: Pool, draws: int, fraction: float) -> list[str]:
    """Power where a part of the new items is foreign."""
    alarms, quick = [], []
    for rng, train, rest in splits(pool, draws):
        rows = pool.rows[rest[:NEW]].copy()
        count = round(fraction * NEW)
        rows[:count] = pool.foreign[rng.permutation(FOREIGN)[:count]]
        found, batch = compared(fitted(pool, train), rows)
        alarms.append(found.differs)
        quick.append(batch.differs)
    return [pool.name, f"{fraction:.0%} foreign items", f"{draws}", share(alarms), share(quick)]


def shifted(pool: Pool, draws: int, wanted: float) -> tuple[list[str], list[str]]:
    """Power and estimated shares where one class has another share."""
    names, counts = np.unique(pool.labels, return_counts=True)
    top = names[counts.argmax()]
    alarms, quick, called, errors, inside = [], [], [], [], []
    for _, train, rest in splits(pool, draws):
        of = pool.labels[rest] == top
        count = round(wanted * NEW)
        index = np.concatenate([rest[of][:count], rest[~of][: NEW - count]])
        found, batch = compared(fitted(pool, train), pool.rows[index], shares=True)
        truth = np.array([(pool.labels[index] == name).mean() for name in names])
        em = found.label_shift.em
        alarms.append(found.differs)
        quick.append(batch.differs)
        called.append(found.verdict == "label shift")
        errors.append([np.abs(one.shares - truth).sum() / 2 for one in (em, found.label_shift.bbse) if one is not None])
        inside += ((em.low <= truth) & (truth <= em.high)).tolist()
    before = counts.max() / counts.sum()
    what = f"largest class {wanted:.0%}, before {before:.0%}"
    mean = [f"{np.mean([one[k] for one in errors if len(one) > k] or [np.nan]):.3f}" for k in (0, 1)]
    refused = sum(len(one) < 2 for one in errors)
    return [pool.name, what, f"{draws}", share(alarms), share(quick)], [
        pool.name, what, *mean, f"{refused} of {draws}", share(inside), share(called),
    ]  # fmt: skip


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="where encoded rows are kept")
    parser.add_argument("--clean", type=int, default=200, help="clean resamples")
    parser.add_argument("--draws", type=int, default=20, help="draws of each shift")
    args = parser.parse_args()
    keep = args.rows or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    found: list[list[str]] = []
    shares: list[list[str]] = []
    for pool in (texts(keep), digits()):
        found.append(clean(pool, args.clean))
        found += [foreign(pool, args.draws, fraction) for fraction in FRACTIONS]
        for wanted in SHARES:
            line, estimated = shifted(pool, args.draws, wanted)
            found.append(line)
            shares.append(estimated)
        say("\n".join(map(str, found[-8:])))
    header = ("training / foreign items", "shift", "draws", "`drift` reports one (5%)", "line of `predict` warns (1%)")
    about = (
        f"{NEW} new items against {TRAIN} training items, which are drawn anew each time; 199 random assignments. In "
        "brackets 95% intervals of the shares."
    )
    columns = (
        "set", "shift", "error of EM", "error of BBSE", "BBSE refused", "95% intervals of EM hold the share",
        "called label shift",
    )  # fmt: skip
    note = "Estimated class shares; the error is half the sum of the absolute differences to the true shares."
    write_section("Drift", [about, "", *table(header, found), "", note, "", *table(columns, shares)])


if __name__ == "__main__":
    main()
