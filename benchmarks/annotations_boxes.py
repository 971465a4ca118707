"""Boxes: what the solved head and the trained detector are worth, and what the pretrained weights add.

    python benchmarks/annotations_boxes.py run --set raccoon --seed 0 --arm fine_tuned --data raccoon_voc.tar \
        --source local:fastestdet_coco.safetensors --out boxes.json
    python benchmarks/annotations_boxes.py run --set bccd --data bccd_voc.tar --source ... --out boxes.json
    python benchmarks/annotations_boxes.py show --out boxes.json

Sets: BCCD (blood cells, the given split, 72 test pictures) and raccoon (200 pictures, 40 test pictures by the seed).
Arms: ``mean`` boxes, the solved head on the ``untrained`` body, the ``solved`` head, ``fine_tuned`` from the weights of
the source, and ``scratch`` from random weights with the same epochs and the same limit of time. Without ``--arm`` all
run, without ``--seed`` seed 0 of BCCD and seeds 0 to 4 of raccoon. A result that the JSON file holds is not computed
again, so a killed run resumes. Epoch, λ and calibration are chosen on training pictures, never on test pictures.
``show`` prints the tables, with the gain of fine-tuning over scratch: the mean over the seeds, and its interval from
resampled pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _common import machine, say, section, table, write_section

from headstart.annotations import Boxes
from headstart.data.read import read
from headstart.decode.average_precision import ClassMatches, average_precision, match_boxes
from headstart.evaluate.annotations.boxes import evaluate_boxes, frequent_boxes
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.heads.boxes.solve import SIDE, solve_boxes
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.annotating.box_training import detector_settings, held_out_boxes
from headstart.transfer.annotating.boxes import with_sizes
from headstart.transfer.stages.context import RunContext
from headstart.tune.boxes.train import train_detector
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source

ARMS = {
    "mean": "mean boxes", "untrained": "untrained body, solved", "solved": "solved head",
    "scratch": "trained from scratch", "fine_tuned": "fine-tuned",
}  # fmt: skip
SEEDS = {"bccd": (0,), "raccoon": (0, 1, 2, 3, 4)}
RACCOONS = 40  # test pictures
CONTEXT = RunContext(SilentReporter())
DIGITS = 2  # of stored coordinates, in pixels


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("run", "show"))
    parser.add_argument("--set", choices=tuple(SEEDS))
    parser.add_argument("--data", type=Path, help="the archive of the set, or the folder that it holds")
    parser.add_argument("--source", default="headstart:photo")
    parser.add_argument("--arm", choices=tuple(ARMS), nargs="+", default=list(ARMS))
    parser.add_argument("--seed", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=1200.0, help="limit of a training")
    parser.add_argument("--epochs", type=int, help="of a training; by default about 600 steps")
    parser.add_argument("--train", type=int, help="training pictures at most")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results")
    parser.add_argument("--write", action="store_true", help="the tables into RESULTS.md")
    args = parser.parse_args()
    known = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else {}
    if args.command == "run":
        if args.set is None or args.data is None:
            parser.error("--set and --data are needed")
        with tempfile.TemporaryDirectory() as unpacked:
            run(args, folder_of(args.data, Path(unpacked)), known)
    show(known, write=args.write)


def folder_of(data: Path, unpacked: Path) -> Path:
    """The folder of a set, which an archive is unpacked into."""
    if data.is_dir():
        return data
    with tarfile.open(data) as archive:
        archive.extractall(unpacked, filter="data")
    inside = list(unpacked.iterdir())
    return inside[0] if len(inside) == 1 else unpacked


def run(args: argparse.Namespace, folder: Path, known: dict[str, Any]) -> None:
    """Every arm and seed that is asked for and not known."""
    dataset = read(folder, task="box")
    for seed in args.seed or SEEDS[args.set]:
        for arm in args.arm:
            name = f"{args.set} {args.source.rpartition('/')[2]} {seed} {arm}"
            if name in known:
                continue
            train, test = parts(dataset, args.set, folder, seed)
            train = train.take(np.arange(len(train))[: args.train])
            began = time.perf_counter()
            found, facts = annotated(arm, train, test, Way(open_source(args.source), seed, args.seconds, args.epochs))
            seconds = time.perf_counter() - began
            task, truth = with_sizes(test)
            evaluation = evaluate_boxes(task, truth, found, seed=0)
            known[name] = {
                "set": args.set, "source": args.source, "seed": seed, "arm": arm, "train": len(train),
                "metrics": evaluation.to_dict()["metrics"], "per_class": evaluation.to_dict()["per_class"],
                "seconds": seconds, "load": os.getloadavg()[0], "machine": machine(), **facts,
                "labels": list(task.labels),
                "pictures": [plain(*one) for one in zip(test.ids, truth, found, strict=True)],
            }  # fmt: skip
            args.out.write_text(json.dumps(known), encoding="utf-8")
            values = evaluation.metrics
            say(f"{name}: AP50 {values['ap50']}, mAP {values['map']}, {seconds:.0f} s")


def parts(dataset: Dataset, name: str, folder: Path, seed: int) -> tuple[Dataset, Dataset]:
    """Training and test pictures."""
    if name == "bccd":
        listed = next(folder.rglob("test.txt")).read_text(encoding="utf-8").split()
        stems = {Path(line).stem for line in listed}
        test = np.array([Path(one).stem in stems for one in dataset.ids])
    else:
        test = np.zeros(len(dataset), bool)
        test[np.random.default_rng(seed).permutation(len(dataset))[:RACCOONS]] = True
    return dataset.take(np.flatnonzero(~test)), dataset.take(np.flatnonzero(test))


@dataclass(frozen=True)
class Way:
    """What is trained, and for how long."""

    source: Source
    seed: int
    seconds: float
    epochs: int | None


def annotated(arm: str, train: Dataset, test: Dataset, way: Way) -> tuple[list[Boxes], dict[str, Any]]:
    """The boxes of the test pictures, and facts of the fit."""
    task, truth = with_sizes(train)
    classes = len(task.labels)
    if arm == "mean":
        guess = frequent_boxes(truth, classes)
        return [guess(one.size) for one in with_sizes(test)[1]], {}
    if arm in ("solved", "untrained"):
        body = (way.source.untrained(way.seed) if arm == "untrained" else None) or way.source
        made = solve_boxes(body, train.items, truth, classes, side=SIDE, seed=way.seed)
        return made.head.annotate(body, test.items, engine=CONTEXT.engine), {"left_out": made.ap50}
    inner, outer = (part.tolist() for part in held_out_boxes(train, way.seed))
    settings = detector_settings([truth[k] for k in inner], SIDE, strategy="scratch" if arm == "scratch" else "full")
    if way.epochs:
        from headstart.tune.boxes.train import shortened

        settings = shortened(settings, way.epochs)
    learned, judged = (([train.items[k] for k in part], [truth[k] for k in part]) for part in (inner, outer))
    budget = Budget(seconds=way.seconds)
    trained = train_detector(way.source, learned, judged, classes, settings, seed=way.seed, budget=budget)
    outcome = trained.outcome
    facts = {
        "held_out": trained.ap50, "epochs": outcome.epochs, "kept": outcome.kept, "training_seconds": outcome.seconds,
        "side": settings.side, "strides": [level.stride for level in trained.head.levels],
    }  # fmt: skip
    return trained.head.annotate(trained.source, test.items, engine=CONTEXT.engine), facts


def plain(name: str, true: Boxes, found: Boxes) -> dict[str, Any]:
    """A picture's boxes as plain values."""
    scores = np.ones(len(found)) if found.scores is None else found.scores
    return {
        "name": name, "true": np.round(true.xyxy, DIGITS).tolist(), "labels": true.labels.tolist(),
        "ignored": true.ignored.tolist(), "found": np.round(found.xyxy, DIGITS).tolist(),
        "found_labels": found.labels.tolist(), "scores": scores.tolist(),
    }  # fmt: skip


def show(known: dict[str, Any], *, write: bool) -> None:
    """A table of each set and source, printed or written into RESULTS.md."""
    said: list[str] = []
    groups = dict.fromkeys((row["set"], row["source"]) for row in known.values())
    for name, source in groups:
        rows = [row for row in known.values() if (row["set"], row["source"]) == (name, source)]
        lines = []
        for arm, title in ARMS.items():
            own = [row for row in rows if row["arm"] == arm]
            if own:
                lines.append(
                    [title, str(len(own)), *(mean_of(own, metric) for metric in ("ap50", "map")), minutes(own)]
                )
        shown = source.rpartition("/")[2]
        said += [*([""] if said else []), f"{name}, {shown}, {rows[0]['train']} training pictures:", ""]
        said += table(("way", "seeds", "AP50", "mAP", "minutes"), lines)
        said += ["", *trainings(rows)]
        gain = gain_over_scratch(rows)
        said += ["", gain] if gain else []
    if write:
        write_section("Annotations: boxes", said)
    else:
        print(section("Annotations: boxes", said))


def trainings(rows: list[dict[str, Any]]) -> list[str]:
    """What each training was, in a line."""
    return [
        f"- {ARMS[row['arm']]}, seed {row['seed']}: {row['epochs']} epochs at {row['side']} pixels, strides "
        f"{', '.join(map(str, row['strides']))}, kept: {row['kept']}, {row['training_seconds']:.0f} s"
        for row in rows if "epochs" in row
    ]  # fmt: skip


def mean_of(rows: list[dict[str, Any]], metric: str) -> str:
    """The mean over the seeds, with the interval of a single seed where there is one."""
    values = [row["metrics"][metric]["value"] for row in rows]
    if len(rows) == 1:
        one = rows[0]["metrics"][metric]
        return f"{values[0]:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def minutes(rows: list[dict[str, Any]]) -> str:
    """Minutes of a fit, the mean over the seeds."""
    return f"{np.mean([row['seconds'] for row in rows]) / 60:.1f}"


def gain_over_scratch(rows: list[dict[str, Any]]) -> str:
    """AP50 of fine-tuning minus that of scratch, the mean over the seeds, with an interval over pictures."""
    by_arm = {arm: {row["seed"]: row for row in rows if row["arm"] == arm} for arm in ("fine_tuned", "scratch")}
    seeds = sorted(set(by_arm["fine_tuned"]) & set(by_arm["scratch"]))
    if not seeds:
        return ""
    sides = {arm: [matches_of(by_arm[arm][seed]) for seed in seeds] for arm in by_arm}
    names = [[one["name"] for one in by_arm["scratch"][seed]["pictures"]] for seed in seeds]
    every = sorted({name for own in names for name in own})
    places = [np.array([every.index(name) for name in own]) for own in names]

    def difference(weights: np.ndarray) -> np.ndarray:
        found = []
        for each in np.atleast_2d(weights):
            values = [
                mean_ap50(one, each[at]) - mean_ap50(other, each[at])
                for one, other, at in zip(sides["fine_tuned"], sides["scratch"], places, strict=True)
            ]
            found.append(np.nanmean(values))
        return np.array(found)

    value = float(difference(np.ones(len(every)))[0])
    low, high = bootstrap(difference, len(every), resamples=1000)
    return f"Fine-tuned minus scratch: AP50 {value:+.3f} [{float(low):+.3f}, {float(high):+.3f}], {len(seeds)} seeds."


def matches_of(row: dict[str, Any]) -> list[ClassMatches]:
    """The stored boxes of a result, matched."""
    truth = [Boxes(np.array(p["true"]), np.array(p["labels"]), ignored=np.array(p["ignored"])) for p in row["pictures"]]
    found = [
        Boxes(np.array(p["found"]), np.array(p["found_labels"]), scores=np.array(p["scores"])) for p in row["pictures"]
    ]
    return match_boxes(truth, found, len(row["labels"]), thresholds=[0.5])


def mean_ap50(matches: list[ClassMatches], weights: np.ndarray) -> float:
    """The mean over the classes with objects."""
    values = np.array([average_precision(one, weights)[0][0] for one in matches])
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


if __name__ == "__main__":
    main()
