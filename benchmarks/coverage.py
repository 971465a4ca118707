"""Coverage of prediction sets and intervals over random splits, and the same sets by MAPIE and crepes.

python benchmarks/coverage.py [--splits 200] [--only trec6] [--rows FOLDER]

Items are encoded once; each split draws training items, solves the head on them, and predicts sets for the others. For
exchangeable scores the number of covered items of a split follows a beta-binomial distribution, so the share of splits
inside its central 95% shows whether coverage is as promised, split by split. Sets may be empty here, so that coverage
is neither raised nor lowered; `never empty` is what ``headstart predict --coverage`` writes. MAPIE and crepes get the
same left-out scores (`pip install mapie crepes`); without them, that part is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, say, table, write_section

LEVELS = (0.8, 0.9, 0.95)
AGREEMENTS = 10  # splits on which the sets of other libraries are compared


@dataclass(frozen=True)
class Case:
    """One data set: its rows, labels and blocks, and how many items a split trains on and predicts."""

    name: str
    rows: Any
    y: Any
    labels: tuple[str, ...]
    kind: str
    blocks: tuple[Any, ...]
    train: int
    test: int
    speakers: Any = None


def read_items(name: str, folder: Path) -> Any:
    """A data set, with the speakers of the sounds as groups."""
    from headstart.data import read

    if name == "trec6":
        return read(DATA / "text" / "trec6")
    archive = {"clothing10": DATA / "images" / "clothing10_cc0.tar", "fsdd": DATA / "audio" / "fsdd_1200.tar.gz"}[name]
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return read(folder)


def encoded(name: str, keep: Path) -> Mapping[str, Any]:
    """Rows of all items, from a file or encoded now."""
    file = keep / f"{name}.npz"
    if not file.is_file():
        from headstart.engine.extract import extract
        from headstart.sources import open_source
        from headstart.sources.default import default_source

        with tempfile.TemporaryDirectory() as scratch:
            data = read_items(name, Path(scratch))
            source = open_source(default_source(data.modality, data.items).name)
            say(f"{name}: {len(data)} items by {source.info.name}")
            rows = extract(source, data.items, on_error="raise").rows
            np.savez(
                file, rows=np.asarray(rows), y=data.y, labels=np.array(data.task.labels), ids=np.array(data.ids),
                blocks=np.array([(block.name, block.width) for block in source.info.blocks], dtype=object).astype(str),
            )  # fmt: skip
    with np.load(file) as found:
        return dict(found)


def cases(keep: Path, only: str | None) -> Iterator[Case]:
    """The data sets."""
    from headstart.types import Block

    sizes = {"trec6": (500, 1000), "clothing10": (600, 600), "fsdd": (400, 400)}
    for name, (train, test) in sizes.items():
        if only not in (None, name):
            continue
        found = encoded(name, keep)
        blocks = tuple(Block(name, int(width)) for name, width in found["blocks"])
        speakers = np.array([Path(one).stem.split("_")[1] for one in found["ids"]]) if name == "fsdd" else None
        yield Case(
            name, found["rows"], found["y"], tuple(found["labels"]), "classification", blocks, train, test, speakers
        )
    if only in (None, "diabetes"):
        from sklearn.datasets import load_diabetes

        data = load_diabetes()
        y = data.target[:, None].astype(float)
        yield Case("diabetes", data.data.astype(np.float32), y, ("progression",), "regression", (), 200, 242)


def fitted(case: Case, train: Any, groups: Any = None) -> Any:
    """The model of one split."""
    from headstart.heads import HeadSearch
    from headstart.sources import open_source
    from headstart.tune import FrozenFeatures
    from headstart.types import Features, Task

    task = Task(case.kind, case.labels)
    source = open_source("vector")
    info = replace(source.info, blocks=case.blocks)
    ids = tuple(map(str, train))
    features = Features(case.rows[train], case.y[train], ids, groups, info)
    return FrozenFeatures(HeadSearch(layers="last")).solve(source, features, task, seed=0)


def one_split(case: Case, model: Any, test: Any, *, per_class: bool = False) -> dict[float, tuple[float, float, float]]:
    """For each level: covered share, mean size, and the covered share of sets that are never empty."""
    predictor, found = model.conformal(), {}
    if case.kind == "regression":
        for level in LEVELS:
            low, high = np.moveaxis(predictor.intervals(case.rows[test], level), -1, 0)
            inside = ((low <= case.y[test]) & (case.y[test] <= high)).mean()
            found[level] = (float(inside), float((high - low).mean()), float(inside))
        return found
    outputs = model.outputs(case.rows[test])
    p_values = predictor.p_values(case.rows[test], per_class=per_class)
    every, y = np.arange(len(test)), case.y[test]
    for level in LEVELS:
        sets = predictor.cut(p_values, outputs, level, allow_empty=True)
        full = predictor.cut(p_values, outputs, level)
        found[level] = (float(sets[every, y].mean()), float(sets.sum(axis=1).mean()), float(full[every, y].mean()))
    return found


def expected(n: int, m: int, level: float) -> tuple[int, int]:
    """The central 95% of covered items among m, for n exchangeable scores."""
    from scipy.stats import betabinom

    k = int(np.ceil(level * (n + 1) - 1e-9))
    low, high = betabinom(m, k, n + 1 - k).interval(0.95)
    return int(low), int(high)


def summary(case: Case, found: Sequence[Mapping[float, tuple[float, float, float]]], how: str) -> list[list[str]]:
    """A row for each level."""
    lines = []
    for level in LEVELS:
        values = np.array([one[level] for one in found])
        low, high = expected(case.train, case.test, level)
        inside = np.mean((low <= values[:, 0] * case.test + 1e-6) & (values[:, 0] * case.test - 1e-6 <= high))
        lines.append([
            case.name, how, f"{level:g}", f"{values[:, 0].mean():.3f}", f"{values[:, 0].std():.3f}",
            f"{low / case.test:.3f} to {high / case.test:.3f}", f"{inside:.0%}", f"{values[:, 1].mean():.2f}",
            f"{values[:, 2].mean():.3f}",
        ])  # fmt: skip
    return lines


def new_speakers(case: Case, splits: int) -> list[list[str]]:
    """Sounds of a speaker that the fit has not heard, by scores that leave out a speaker or a single sound."""
    names, codes = np.unique(case.speakers, return_inverse=True)
    found: dict[str, list[float]] = {"leave-one-speaker-out": [], "leave-one-out (wrong here)": []}
    for seed in range(splits):
        rng = np.random.default_rng(seed)
        out = seed % len(names)
        train = rng.permutation(np.flatnonzero(codes != out))[: case.train]
        test = np.flatnonzero(codes == out)
        for how, groups in zip(found, (codes[train], None), strict=True):
            predictor = fitted(case, train, groups).conformal()
            sets = predictor.sets(case.rows[test], 0.8, allow_empty=True)
            found[how].append(float(sets[np.arange(len(test)), case.y[test]].mean()))
    rows = []
    for how, values in found.items():
        by_speaker = [np.mean(values[i :: len(names)]) for i in range(len(names))]
        rows.append([how, "0.8", f"{np.mean(values):.3f}", ", ".join(f"{one:.2f}" for one in by_speaker)])
    return rows


class Known:
    """A fitted estimator of other libraries that looks its answers up: its items are row numbers."""

    def __init__(self, outputs: Any, classes: int | None = None) -> None:
        self.outputs, self.classes_ = outputs, None if classes is None else np.arange(classes)

    def fit(self, *_: Any) -> Known:
        """Nothing: it is fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, x: Any) -> Any:
        """Rows of the known probabilities."""
        return self.outputs[np.asarray(x)[:, 0].astype(int)]

    def predict(self, x: Any) -> Any:
        """Their best class, or the known values."""
        found = self.predict_proba(x)
        return found[:, 0] if self.classes_ is None else self.classes_[found.argmax(axis=1)]


def agreement(case: Case, model: Any, test: Any) -> dict[str, bool]:
    """Whether other libraries give the same sets or intervals from the same left-out outputs."""
    plain = replace(model, certainty=replace(model.certainty, rows=None))
    predictor, kept = plain.conformal(), plain.certainty
    left, new = kept.outputs(plain.task, plain.head.calibration), plain.outputs(case.rows[test])
    found = {}
    if importlib.util.find_spec("crepes") is not None:
        found["crepes"] = all(same_as_crepes(case, predictor, left, new, level) for level in LEVELS)
    if importlib.util.find_spec("mapie") is not None:
        found["MAPIE"] = all(same_as_mapie(case, predictor, left, new, level) for level in LEVELS)
    return found


def same_as_crepes(case: Case, predictor: Any, left: Any, new: Any, level: float) -> bool:
    """Sets by `crepes.ConformalClassifier`, intervals by `crepes.ConformalRegressor`."""
    from crepes import ConformalClassifier, ConformalRegressor

    y = predictor.certainty.labels
    if case.kind == "regression":
        theirs = ConformalRegressor().fit((y - left)[:, 0]).predict_int(new[:, 0], confidence=level)
        return bool(np.allclose(theirs, predictor.intervals(None, level, outputs=new)[:, 0]))
    other = ConformalClassifier().fit(1 - left[np.arange(len(y)), y])
    theirs = np.asarray(other.predict_set(1 - new, confidence=level, smoothing=False), bool)
    mine = predictor.cut(predictor.p_values(None, outputs=new), new, level, allow_empty=True)
    return bool(np.array_equal(theirs, mine))


def same_as_mapie(case: Case, predictor: Any, left: Any, new: Any, level: float) -> bool:
    """Sets by `mapie.classification.SplitConformalClassifier`, intervals by `SplitConformalRegressor`."""
    from mapie.classification import SplitConformalClassifier
    from mapie.regression import SplitConformalRegressor

    y, joined = predictor.certainty.labels, np.concatenate([left, new])
    numbers = np.arange(len(joined))[:, None]
    if case.kind == "regression":
        other = SplitConformalRegressor(Known(joined), confidence_level=level, prefit=True)
        theirs = other.conformalize(numbers[: len(left)], y[:, 0]).predict_interval(numbers[len(left) :])[1][:, :, 0]
        return bool(np.allclose(theirs, predictor.intervals(None, level, outputs=new)[:, 0]))
    other = SplitConformalClassifier(Known(joined, left.shape[1]), confidence_level=level, prefit=True)
    theirs = other.conformalize(numbers[: len(left)], y).predict_set(numbers[len(left) :])[1][:, :, 0]
    mine = predictor.cut(predictor.p_values(None, outputs=new), new, level, allow_empty=True)
    return bool(np.array_equal(theirs, mine))


def main() -> None:
    """Run every case and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--only", choices=("trec6", "clothing10", "fsdd", "diabetes"))
    parser.add_argument("--rows", type=Path, help="folder of the encoded rows; default: a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        keep = args.rows or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        lines, agreed, speakers = [], {}, []
        for case in cases(keep, args.only):
            marginal, by_class, same = [], [], []
            for seed in range(args.splits):
                order = np.random.default_rng(seed).permutation(len(case.rows))
                train, test = order[: case.train], order[case.train : case.train + case.test]
                model = fitted(case, train)
                marginal.append(one_split(case, model, test))
                if case.kind == "classification":
                    by_class.append(one_split(case, model, test, per_class=True))
                if seed < AGREEMENTS:
                    same.append(agreement(case, model, test))
            how = "jackknife+" if case.kind == "regression" else "cross-conformal"
            lines += summary(case, marginal, how)
            lines += summary(case, by_class, f"{how}, per class") if by_class else []
            for library in same[0]:
                agreed[library] = agreed.get(library, 0) + sum(one[library] for one in same)
            say(f"{case.name}: {lines[-1]}")
            if case.speakers is not None:
                speakers = new_speakers(case, min(args.splits, 60))
    header = ["data", "method", "promised", "mean of the splits", "their deviation", "95% of splits expected in",
              "share in it", "mean size", "never empty"]  # fmt: skip
    section = [f"{args.splits} random splits of rows that were encoded once.", "", *table(header, lines)]
    if speakers:
        header = ["sounds of a new speaker", "promised", "realised", "by speaker"]
        section += [
            "",
            *table(header, speakers),
            "",
            "A fit to five speakers promises at most 5/6 = 0.833; 0.9 is refused.",
        ]
    for library in ("crepes", "MAPIE"):
        told = "not installed" if library not in agreed else f"{agreed[library]} splits with exactly the same answers"
        section += ["", f"{library} on the same left-out scores, {AGREEMENTS} splits of each data set: {told}."]
    write_section("Coverage of prediction sets", section)


if __name__ == "__main__":
    main()
