"""Counter-checks of explanations: completeness, randomised models, deletion and insertion curves, influence by refits.

    python benchmarks/explanations.py [trec6] [clothing10] [esc10] [--items 60] [--method NAME ...]

A model is fitted to the items outside of the test part, and answers for items of the test part are explained. Nothing
is tuned here. Of pictures and sounds the methods are CAM, Grad-CAM, LayerCAM and occlusion.
"""

from __future__ import annotations

import argparse
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, say, table, write_section

from headstart import fit
from headstart.attributions import PixelMap, TextShares, TimeFrequencyMap
from headstart.data import read
from headstart.explain import METHODS, explain
from headstart.explain.asking.query import Query
from headstart.explain.checking.completeness import relative_gap
from headstart.explain.checking.curves import Keeper, PairedGain, curve_areas, paired_gain, text_keeper
from headstart.explain.checking.media_parts import picture_parts, sound_parts
from headstart.explain.checking.randomisation import randomisation_check
from headstart.explain.explain import ask
from headstart.explain.registry import DEFAULTS
from headstart.model import TransferModel
from headstart.types import Dataset

LEAST_PARTS = 4  # of an item: with fewer there is no order to speak of
OF_MEDIA = ("cam", "grad_cam", "layer_cam", "occlusion")
MEDIA: dict[str, Sequence[str]] = {"image": OF_MEDIA, "audio": OF_MEDIA}
REFITS = 5  # training items that are forgotten, to compare their influence


Loader = Callable[[int, Path], "Fitted"]


@dataclass(frozen=True)
class Fitted:
    """A model, its training data, and items of the test part."""

    model: TransferModel
    training: Dataset
    items: list[Any]


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["trec6"])
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--method", action="append")
    args = parser.parse_args()
    maps: list[list[str]] = []
    influences: list[list[str]] = []
    for name in args.names:
        with tempfile.TemporaryDirectory() as folder:
            _run(name, LOADERS[name](args.items, Path(folder)), args.method, maps, influences)
    header = [
        "data", "method", "items", "seconds each", "largest gap of the sum", "rank correlation with a random head",
        "with a random body", "deletion below random", "insertion above random",
    ]  # fmt: skip
    lines = [
        *table(header, maps),
        "",
        *table(["data", "head", "training items", "largest error", "seconds"], influences),
    ]
    write_section("Explanations", lines)


def _run(
    name: str, fitted: Fitted, methods: Sequence[str] | None, maps: list[list[str]], influences: list[list[str]]
) -> None:
    modality = fitted.model.source.info.modality
    for method in methods or MEDIA.get(modality, DEFAULTS[modality]):
        maps.append([name, method, *measured(fitted, method)])
        say(" | ".join(maps[-1]))
    influences.append([name, *refitted(fitted)])
    say(" | ".join(influences[-1]))


def texts(name: str) -> Loader:
    """A loader of a set of texts."""

    def load(count: int, folder: Path) -> Fitted:
        for part in ("train", "test"):
            (folder / f"{part}.csv").write_bytes((DATA / f"text/{name}/{part}.csv").read_bytes())
        data = read(folder)
        train, test = parts_of(data)
        run = fit(folder, source="headstart:text", baselines="none", verbose=False)
        long = [item for item in test.items if len(item.split()) >= LEAST_PARTS]
        drawn = np.random.default_rng(0).permutation(len(long))[:count]
        return Fitted(run.model, train, [long[k] for k in drawn])

    return load


def pictures(count: int, folder: Path) -> Fitted:
    """Clothing: fitted to the training and validation parts, explained on the test part."""
    with tarfile.open(DATA / "images/clothing10_cc0.tar") as archive:
        archive.extractall(folder, filter="data")
    return _of_folder(folder, count)


def sounds(count: int, folder: Path) -> Fitted:
    """ESC-10: fitted to folds 1 to 4, explained on fold 5."""
    split = folder / "split"
    with tarfile.open(DATA / "audio/esc10.tar") as archive:
        archive.extractall(folder, filter="data")
    for sound in sorted(folder.glob("fold*/*/*")):
        part = "test" if sound.parts[-3] == "fold5" else "train"
        target = split / part / sound.parent.name / sound.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(sound)
    return _of_folder(split, count)


def _of_folder(folder: Path, count: int) -> Fitted:
    data = read(folder)
    train, test = parts_of(data)
    run = fit(folder, source="headstart:photo", baselines="none", verbose=False)
    drawn = np.random.default_rng(0).permutation(len(test))[:count]
    return Fitted(run.model, train, [test.items[k] for k in drawn])


def parts_of(data: Dataset) -> tuple[Dataset, Dataset]:
    """The items that a model is fitted to, validation items included, and those of the test part."""
    is_test = data.split == "test"
    return data.take(np.flatnonzero(~is_test)), data.take(np.flatnonzero(is_test))


LOADERS: dict[str, Loader] = {
    "trec6": texts("trec6"),
    "banking77": texts("banking77"),
    "clothing10": pictures,
    "esc10": sounds,
}


def keeper_of(query: Query, shown: Any) -> tuple[np.ndarray, Keeper]:
    """The values of the parts of an item, and the function that keeps some of them."""
    if isinstance(shown, TextShares):
        return shown.values, text_keeper(shown.text, [(span.start, span.stop) for span in shown.spans])
    if isinstance(shown, PixelMap):
        return picture_parts(query.item, shown)
    if isinstance(shown, TimeFrequencyMap):
        return sound_parts(query.item, shown)
    raise SystemExit(f"No parts are known of {type(shown).__name__} ({query.model.source.info.modality}).")


def measured(fitted: Fitted, method: str) -> list[str]:
    """The row of a method."""
    model, items = fitted.model, fitted.items
    gaps, deletion, insertion, began = [], [], [], time.perf_counter()
    known = [explain(model, item, method=method) for item in items]
    seconds = (time.perf_counter() - began) / len(items)
    for item, explained in zip(items, known, strict=True):
        query, one = ask(model, item), explained.attributions[0]
        gaps.append(relative_gap(one))
        areas = curve_areas(query, *keeper_of(query, one.shown))
        deletion.append(areas.random - areas.deletion)
        insertion.append(areas.insertion - areas.random)
    head, body = (randomisation_check(model, items, METHODS[method], part, known=known) for part in ("head", "body"))
    return [
        str(len(items)), f"{seconds:.2f}", f"{np.max(gaps):.1e}" if np.isfinite(gaps).all() else "-",
        correlation(head), correlation(body), gain(np.array(deletion)), gain(np.array(insertion)),
    ]  # fmt: skip


def correlation(values: np.ndarray) -> str:
    """The mean with its interval."""
    return gain(values[np.isfinite(values)])


def gain(differences: np.ndarray) -> str:
    """A mean with its 95% interval."""
    found: PairedGain = paired_gain(differences)
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def refitted(fitted: Fitted, count: int = REFITS) -> list[str]:
    """The influence of some training items on one answer, compared with models that forgot them."""
    model, item = fitted.model, fitted.items[0]
    began = time.perf_counter()
    values = explain(model, item, method="influence").attributions[0].shown.values
    seconds, query, errors = time.perf_counter() - began, ask(model, item), []
    _, y = fitted.training.labelled()
    ids: Sequence[str] = query.training_rows.ids
    places = {name: place for place, name in enumerate(fitted.training.ids)}
    for place in np.argsort(-np.abs(values))[:count]:
        k = places[ids[place]]
        label = model.task.labels[int(y[k])]
        without = model.forget([fitted.training.items[k]], [label])
        change = query.value - float(query.contrast(without.head.scores(query.row))[0])
        errors.append(abs(change - values[place]))
    return [model.head.head, f"{len(values):,}", f"{max(errors):.1e}", f"{seconds:.1f}"]


if __name__ == "__main__":
    main()
