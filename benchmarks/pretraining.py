"""A source task by commands alone: pretrain on five classes of CIFAR-10, then transfer to the other five in six ways.

    python benchmarks/pretraining.py run --out pretraining.json [--epochs 30] [--seeds 3]
    python benchmarks/pretraining.py show --out pretraining.json [--write]

`headstart pretrain` trains a ResNet-18 with random weights at 32 pixels a side on the classes 0 to 4. For 10, 50, 200
and 400 pictures a class (the set has no more) of the classes 5 to 9, `headstart fit` is run with the body frozen
(which also gives the untrained body), trained further by lp_ft and by the recipe of the architecture alone (full: the
epochs and the rate of scratch), with its architecture alone (scratch), and beside
headstart:image (f + g); headstart:image alone shows what a body of the install gives. The 500 test pictures of these
classes judge. A seed draws the pictures and is that of the command; the body is the same. The last command pretrains on
200 pictures for 4 epochs. A result that the JSON file holds is not computed again, so a killed run resumes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, say, section, surroundings, table, write_section

COUNTS = (10, 50, 200, 400)
TITLE = "Pretraining"
UNTRAINED = "untrained body"  # the name of this baseline in metrics.json
ALONE = ("--source", "headstart:image")
WAYS: dict[str, tuple[str, ...]] = {
    "frozen": ("--source", "local:body", "--baselines", "all"),
    "parameters": ("--source", "local:body", "--strategy", "lp_ft", "--baselines", "none"),
    "parameters as long": (
        "--source",
        "local:body",
        "--strategy",
        "full",
        "--epochs",
        "20",
        "--learning-rate",
        "0.001",
        "--baselines",
        "none",
    ),
    "structure": ("--source", "local:body", "--strategy", "scratch", "--epochs", "20", "--baselines", "none"),
    "f + g": ("--source", "local:body", *ALONE, "--baselines", "none"),
    "headstart:image": (*ALONE, "--baselines", "none"),
}


def main() -> None:
    """Run or show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("run", "show"))
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results; folders stand beside it")
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=30, help="of the pretraining")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="with show: into RESULTS.md")
    args = parser.parse_args()
    results: dict[str, Any] = json.loads(args.out.read_text()) if args.out.is_file() else {}
    if args.command == "run":
        _run(results, args)
    elif args.write:
        write_section(TITLE, shown(results))
    else:
        print(section(TITLE, shown(results)))


def _run(results: dict[str, Any], args: argparse.Namespace) -> None:
    work = args.out.resolve().with_suffix("")
    _unpack(work)
    architecture = ("--architecture", args.architecture, "--side", str(args.side))

    def done(key: str, found: Mapping[str, Any]) -> None:
        results[key] = found
        args.out.write_text(json.dumps(results), encoding="utf-8")
        say(f"{key}: {found.get('accuracy', '')} in {found['seconds']:.0f} s")

    if "source" not in results:
        words = ("pretrain", "A", *architecture, "--epochs", str(args.epochs), "--augment", "standard", "--out", "body")
        ran = _command(work, *words)
        record = json.loads((work / "body" / "pretraining.json").read_text())
        figures = {key: record[key] for key in ("data", "held_out", "untrained", "test", "training")}
        done("source", {**ran, **figures, "accuracy": record["test"]["value"]})
    for seed in range(args.seeds):
        for count in COUNTS:
            data = _drawn(work, count, seed)
            for way, words in WAYS.items():
                key = f"{way}, {count}, {seed}"
                known = results.get(key)
                if known is None or ("all" in words and known["untrained"] is None):
                    done(key, _fitted(work, data, words, seed))
    if "refused" not in results:
        _few_of_the_source(work)
        words = ("pretrain", "few", *architecture, "--epochs", "4", "--out", "refused")
        ran = _command(work, *words, fails=True)
        done("refused", {**ran, "written": (work / "refused").exists()})


def _unpack(work: Path) -> None:
    """The folders A and B, each with train/CLASS and test/CLASS."""
    if (work / "B").exists():
        return
    work.mkdir(parents=True, exist_ok=True)
    with tarfile.open(DATA / "images" / "cifar10_5k.tar.gz") as archive:
        archive.extractall(work / "all", filter="data")
    classes = sorted(path.name for path in (work / "all" / "train").iterdir())
    for name, half in (("A", classes[:5]), ("B", classes[5:])):
        for part in ("train", "test"):
            for label in half:
                shutil.copytree(work / "all" / part / label, work / name / part / label)


def _drawn(work: Path, count: int, seed: int) -> str:
    """A folder with some training pictures of each class of B, and all of its test pictures."""
    name = f"B-{count}-{seed}"
    if not (work / name).exists():
        rng = np.random.default_rng(seed)
        for label in sorted(path.name for path in (work / "B" / "train").iterdir()):
            files = sorted((work / "B" / "train" / label).iterdir())
            _copied([files[k] for k in np.sort(rng.permutation(len(files))[:count])], work / name / "train" / label)
        shutil.copytree(work / "B" / "test", work / name / "test")
    return name


def _few_of_the_source(work: Path) -> None:
    for folder in sorted((work / "A" / "train").iterdir()):
        _copied(sorted(folder.iterdir())[:40], work / "few" / folder.name)


def _copied(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder / file.name)


def _command(work: Path, *words: str, fails: bool = False) -> dict[str, Any]:
    """Run a command of headstart in a process of its own, in the folder of the data."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "headstart", *words], cwd=work, env=surroundings({}), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != int(fails):  # a refusal is a failure (1), not a wrong use of the command (2)
        raise RuntimeError(f"{' '.join(words)} ended with code {done.returncode}:\n{done.stdout}{done.stderr}")
    found: dict[str, Any] = {
        "command": f"headstart {' '.join(words)}", "code": done.returncode, "seconds": time.perf_counter() - began,
    }  # fmt: skip
    return {**found, "error": done.stderr.strip().splitlines()[-1]} if fails else found


def _fitted(work: Path, data: str, words: Sequence[str], seed: int) -> dict[str, Any]:
    import pandas as pd

    run = work / "run"
    ran = _command(work, "fit", data, *words, "--seed", str(seed), "--report-items", "0", "--out", "run", "--overwrite")
    metrics = json.loads((run / "metrics.json").read_text())
    table = pd.read_parquet(run / "predictions.parquet").sort_values("id")
    named = metrics["baselines"].get(UNTRAINED)
    untrained = None if named is None else named["metrics"]["accuracy"]
    shutil.rmtree(run)
    return {
        **ran, "accuracy": metrics["evaluation"]["metrics"]["accuracy"]["value"],
        "right": (table["label"] == table["predicted"]).astype(int).tolist(),
        "untrained": untrained, "kept": metrics.get("strategy", {}).get("kept"),
    }  # fmt: skip


def shown(results: Mapping[str, Any]) -> list[str]:
    """The source, the table, and the pretraining that was refused."""
    source = results["source"]
    seeds = sorted({int(key.split(", ")[2]) for key in results if key.count(", ") == 2})
    data, training = source["data"], source["training"]
    held_out, untrained, test = source["held_out"]["value"], source["untrained"]["value"], source["test"]
    lines = [
        f"Source: `{source['command']}`: {data['items']:,} pictures of 5 classes, {training['epochs']} epochs, "
        f"{source['seconds']:.0f} s with other work on the machine; test accuracy {test['value']:.3f} "
        f"[{test['low']:.3f}, {test['high']:.3f}]. Held-out pictures: {held_out:.3f}, random weights with a "
        f"closed-form head {untrained:.3f}.",
        "",
        f"Accuracy on the same 500 test pictures of the other classes, mean of {len(seeds)} draws with the 95% "
        "interval over test pictures (bootstrap), ± standard deviation over draws. Each figure is that of a command. "
        "The best transfer is the best in this table, which favours it slightly.",
        "",
        *table(["pictures a class", "untrained body", *WAYS, "best transfer of the body against structure, points"],
               [_row(results, count, seeds) for count in COUNTS if f"headstart:image, {count}, 0" in results]),
        "",
        *table(["way", "command of the first draw of 10", *(f"s with {count}" for count in COUNTS)],
               [_seconds(results, way, seeds) for way in WAYS]),
    ]  # fmt: skip
    kept = {key: one["kept"] for key, one in results.items() if one.get("kept") not in (None, "head")}
    starts = [key for key, name in kept.items() if "start" in name]
    lines += ["", f"Of {len(kept)} fine-tunings, {len(starts)} kept the weights of their start, which they say."]
    pairs = [(results[f"f + g{rest}"], one) for key, one in results.items()
             if (rest := key.removeprefix("headstart:image")) != key and f"f + g{rest}" in results]  # fmt: skip
    same = sum(both["right"] == alone["right"] for both, alone in pairs)
    lines += ["", f"f + g fuses only where that helps: {same} of {len(pairs)} runs are right on the same pictures as "
                  "headstart:image alone. With 400 a class the draws hold the same pictures, and differ by the seed "
                  "alone. Seconds are those of a busy machine."]  # fmt: skip
    if "refused" in results:
        refused = results["refused"]
        lines += ["", f"`{refused['command']}` on 200 pictures ends with exit code {refused['code']}, and nothing is "
                      f"written: {refused['error']}"]  # fmt: skip
    return lines


def _row(results: Mapping[str, Any], count: int, seeds: Sequence[int]) -> list[str]:
    from headstart.evaluate.intervals.bootstrap import paired_difference

    right = {}
    for way in WAYS:
        drawn = [results[f"{way}, {count}, {seed}"]["right"] for seed in seeds if f"{way}, {count}, {seed}" in results]
        right[way] = np.array(drawn, float)
    frozen = [results[key] for seed in seeds if (key := f"frozen, {count}, {seed}") in results]
    plain = [one["untrained"]["value"] for one in frozen if one["untrained"] is not None]
    best = max(("frozen", "parameters", "parameters as long"), key=lambda way: right[way].mean())
    gain = [100 * v for v in paired_difference(right[best].mean(axis=0), right["structure"].mean(axis=0))]
    cells = [
        f"{np.mean(plain):.3f} ± {np.std(plain):.3f}" if plain else "not measured",
        *(_figure(right[way]) for way in WAYS),
    ]
    return [str(count), *cells, f"{best} {gain[0]:+.1f} [{gain[1]:+.1f}, {gain[2]:+.1f}]"]


def _figure(right: Any) -> str:
    from headstart.evaluate.intervals.bootstrap import paired_difference

    mean, low, high = paired_difference(right.mean(axis=0), np.zeros(right.shape[1]))
    return f"{mean:.3f} [{low:.3f}, {high:.3f}] ± {right.mean(axis=1).std():.3f}"


def _seconds(results: Mapping[str, Any], way: str, seeds: Sequence[int]) -> list[str]:
    def mean(count: int) -> str:
        found = [results[key]["seconds"] for seed in seeds if (key := f"{way}, {count}, {seed}") in results]
        return f"{np.mean(found):.0f}" if found else ""

    command = results[f"{way}, 10, 0"]["command"].partition(" --seed")[0]
    return [way, f"`{command}`", *(mean(count) for count in COUNTS)]


if __name__ == "__main__":
    main()
