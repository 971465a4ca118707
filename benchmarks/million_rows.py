"""A million rows of 512 features in 100 classes: seconds and memory of the head, of a whole fit, and of moments.

python benchmarks/million_rows.py [--repeats 5] [--choices] [--only rank]

The rows (float32) are class centres plus noise whose spread falls as 1/j over the directions j of a rotated space, so
that a large λ removes the differences between the classes. They are mapped from a file and never read in full. Memory
is that of a fresh process as the kernel reports it: ``RssAnon`` (its own memory, without the mapped rows), read every
20 ms, and ``ru_maxrss``, which also counts the pages of the mapped file that are in memory. Linux only.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import cold, goal, say, table, write_section

if TYPE_CHECKING:
    from headstart.heads.registry import SpectralHead

FEATURES, CLASSES = 512, 100
SIZES = (100_000, 300_000, 1_000_000)
HELD_OUT = 100_000
BLOCK = 50_000
SPREAD = 0.15  # of the class centres; the noise has 1
WORK = {"head": "head: two feature maps, λ path, leave-one-out", "fit": "whole `headstart.fit`"}
TOLERANCE = 0.05  # largest growth of the head's memory from the fewest rows to the most
MOST_SECONDS, MOST_MIB = 60, 3 * 1024  # of a complete fit of the most rows


def make_rows(folder: Path, name: str, count: int, *, seed: int) -> None:
    """Write ``count`` rows and their codes block by block; the centres and the rotation do not depend on the seed."""
    fixed = np.random.default_rng(0)
    rotation = np.linalg.qr(fixed.normal(size=(FEATURES, FEATURES)))[0]
    mixing = (rotation / np.arange(1, FEATURES + 1)[:, None]).astype(np.float32)
    centres = SPREAD * fixed.standard_normal((CLASSES, FEATURES), dtype=np.float32)
    rng = np.random.default_rng([1, seed])
    codes = rng.integers(0, CLASSES, count)
    rows = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, (count, FEATURES))
    for start in range(0, count, BLOCK):
        mine = codes[start : start + BLOCK]
        rows[start : start + BLOCK] = (rng.standard_normal((len(mine), FEATURES), np.float32) + centres[mine]) @ mixing
    rows.flush()
    np.save(folder / f"{name}-codes.npy", codes)


def read_rows(folder: Path, name: str) -> tuple[Any, Any]:
    """The mapped rows, and their codes."""
    return np.load(folder / f"{name}.npy", mmap_mode="r"), np.load(folder / f"{name}-codes.npy")


def own_mib(field: str = "RssAnon") -> float:
    """Memory of this process that is not backed by a file, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(status.split(f"{field}:")[1].split()[0]) / 1024


class Watch:
    """The largest `own_mib` while the block runs."""

    def __enter__(self) -> Watch:
        self.peak, self._stop = own_mib(), Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, own_mib())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.peak = max(self.peak, own_mib())


def measure(what: str, folder: Path, name: str) -> dict[str, Any]:
    """Run one task in this process, and report its seconds and memory."""
    rows, codes = read_rows(folder, name)
    work = {"head": _head, "fit": _fit, "moments": _moments, "rank": _rank}[what]
    with Watch() as watch:
        started = time.perf_counter()
        found = work(rows, codes)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "own_mib": watch.peak, "peak_mib": peak, **found}


def _head(rows: Any, codes: Any) -> dict[str, Any]:
    from headstart.heads import select_head

    head = select_head(rows, codes, _task())
    return {"head": head.head, "features": head.feature_map.name, "lam": head.lam, "loss": head.loss}


def _fit(rows: Any, codes: Any) -> dict[str, Any]:
    import headstart

    run = headstart.fit((rows, np.array(_task().labels)[codes]))
    return {"accuracy": run.evaluation.metrics["accuracy"].to_dict()}


def _rank(rows: Any, codes: Any) -> dict[str, Any]:
    """Three sources of precomputed rows: all columns, the first half of them, and the rows of other items."""
    from _cached_rows import CachedRows

    import headstart
    from headstart.transfer.ranking.result import Ranking

    labels = np.array(_task().labels)[codes]
    numbers = np.arange(len(rows), dtype=np.float32)[:, None]
    half, shuffled = rows[:, : FEATURES // 2], rows[::-1]  # views of the mapped file
    sources = [CachedRows("all columns", rows), CachedRows("half of them", half), CachedRows("reversed", shuffled)]
    ranking = headstart.rank((numbers, labels), sources)
    if not isinstance(ranking, Ranking):
        raise SystemExit("the rows have labels, and were ranked as annotations")
    return {"order": [f"{one.source} {one.state}" for one in ranking.standings], "ties": list(ranking.tie_set)}


def _moments(rows: Any, codes: Any) -> dict[str, Any]:
    from headstart.engine.moments import moments_of
    from headstart.sources.vector import VectorSource

    targets = codes[:, None].astype(np.float64)  # one target: all 100 of a million rows would take 800 MB
    found = moments_of(VectorSource(), rows, targets)
    return {"n": found.moments.n}


def _task() -> Any:
    from headstart.types import Task

    return Task("classification", tuple(f"class {code:02d}" for code in range(CLASSES)))


def compare_choices(folder: Path, name: str) -> dict[str, Any]:
    """The λ chosen on 5,000 rows compared with the choice of exact leave-one-out on all rows, for the chosen head."""
    from headstart.heads import select_head
    from headstart.heads.problem import TargetRows
    from headstart.heads.spectral.spectra import solve_spectrum

    rows, codes = read_rows(folder, name)
    held, held_codes = read_rows(folder, "held")
    chosen = select_head(rows, codes, _task())
    targets = TargetRows(codes, _task())
    spectrum, _ = solve_spectrum(rows, targets, chosen.feature_map)
    mine = [c for c in chosen.candidates if (c.features, c.head) == (chosen.feature_map.name, chosen.head)]
    started = time.perf_counter()
    losses = _left_out_losses(spectrum, chosen, rows, targets, [c.lam for c in mine])
    seconds = time.perf_counter() - started
    found = []
    for candidate, loss in zip(mine, losses, strict=True):
        held_loss = _held_out_loss(spectrum, chosen, candidate.lam, held, held_codes)
        found.append({"lam": candidate.lam, "few": candidate.loss, "all": loss, "held": held_loss})
    return {"chosen": chosen.lam, "seconds": seconds, "path": sorted(found, key=lambda one: one["lam"])}


def _spectral(name: str) -> SpectralHead:
    from headstart.heads import HEADS
    from headstart.heads.registry import SpectralHead

    head = HEADS[name]
    if not isinstance(head, SpectralHead):
        raise SystemExit(f"the head '{name}' has no closed form for every λ")
    return head


def _left_out_losses(spectrum: Any, chosen: Any, rows: Any, targets: Any, lambdas: Sequence[float]) -> list[float]:
    """Exact mean leave-one-out log-loss of all rows at each λ, block by block, at the temperature of the choice."""
    from headstart.linear.leave_out import leave_one_out
    from headstart.tasks import TASKS

    methods, sums = TASKS["classification"], np.zeros(len(lambdas))
    size = 8192
    for start in range(0, len(rows), size):
        block, truth = chosen.feature_map(rows[start : start + size]), targets[start : start + size]
        codes = targets.y[start : start + size]
        for place, left_out in enumerate(leave_one_out(spectrum, block, truth, lambdas)):
            scores = _spectral(chosen.head).left_out_scores(spectrum, left_out, truth, None)
            sums[place] += methods.loss(methods.outputs(scores, chosen.calibration), codes).sum()
    return list(sums / len(rows))


def _held_out_loss(spectrum: Any, chosen: Any, lam: float, rows: Any, codes: Any) -> float:
    from dataclasses import replace

    from headstart.tasks import TASKS

    weight, bias = _spectral(chosen.head).coefficients(spectrum, lam)
    scores = replace(chosen, weight=weight, bias=bias).scores(rows)
    methods = TASKS["classification"]
    return float(methods.loss(methods.outputs(scores, chosen.calibration), codes).mean())


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5, help="fresh processes for each figure")
    parser.add_argument("--choices", action="store_true", help="also λ chosen on all rows: minutes more")
    parser.add_argument("--only", choices=["rank"], help="only the ranking of three sources")
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "FOLDER", "NAME"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        what, folder, name = given.measure
        task = compare_choices if what == "choices" else lambda *place: measure(what, *place)
        print(json.dumps(task(Path(folder), name)))
        return
    with tempfile.TemporaryDirectory(prefix="headstart-million-") as folder:
        if given.only == "rank":
            write_section("A million rows: ranking", _rank_lines(Path(folder)))
            return
        make_rows(Path(folder), "held", HELD_OUT, seed=1)
        write_section("A million rows", _measure_all(Path(folder), given.repeats))
        if given.choices:
            found = _run("choices", Path(folder), str(SIZES[-1]))
            write_section("A million rows: the choice of λ", _choice_lines(found))


def _measure_all(folder: Path, repeats: int) -> list[str]:
    rows, peaks, streams = [], {}, {}
    for size in SIZES:
        say(f"making {size:,} rows")
        make_rows(folder, str(size), size, seed=0)
        for what, words in WORK.items():
            seconds, own, peak = peaks[what, size] = _medians(what, folder, size, repeats)
            file = size * FEATURES * 4 / 2**20
            rows.append([words, f"{size:,}", f"{seconds:.1f}", f"{own:,.0f}", f"{peak:,.0f}", f"{file:,.0f}"])
        streams[size] = _medians("moments", folder, size, repeats)
        if size < SIZES[-1]:
            (folder / f"{size}.npy").unlink()
    header = ["what", "rows", "s", "own memory, MiB", "ru_maxrss, MiB", "mapped file, MiB"]
    return [
        f"Medians of {repeats} fresh processes. Own memory is the peak of RssAnon, read every 20 ms; ru_maxrss counts "
        "the mapped file's pages too.",
        "",
        *table(header, rows),
        "",
        *_goal_lines(*peaks["fit", SIZES[-1]][:2]),
        f"- own memory of the head from {SIZES[0]:,} to {SIZES[-1]:,} rows: "
        f"{_growth(*(peaks['head', size][1] for size in (SIZES[0], SIZES[-1])))}",
        _stream_line(streams),
    ]


def _rank_lines(folder: Path) -> list[str]:
    """A ranking of three sources of precomputed rows, the first and the second time."""
    rows = []
    for size in (SIZES[0], SIZES[-1]):
        make_rows(folder, str(size), size, seed=0)
        cache = {"HEADSTART_CACHE": str(folder / f"cache-{size}")}
        for what in ("first", "again"):
            run = cold([sys.executable, __file__, "--measure", "rank", str(folder), str(size)], **cache).json()
            say(f"{size:,} {what}: {run}")
            rows.append([f"{size:,}", what, f"{run['seconds']:.1f}", f"{run['own_mib']:,.0f}", "; ".join(run["order"])])
    return [
        "`headstart.rank` of three sources of cached rows: all 512 columns, half of them, rows of other items (which "
        "tell nothing). One process each; ids and labels of all items are in its own memory.",
        "",
        *table(["rows", "", "s", "own memory, MiB", "order"], rows),
    ]


def _stream_line(streams: Mapping[int, tuple[float, float, float]]) -> str:
    """Moments of items: labels and targets (8 bytes each) are the caller's, and chunks have 4,096 rows from 2**18."""
    size = SIZES[-1]
    seconds, own, _ = streams[size]
    full = [k for k in SIZES if k >= 2**18]
    net = [streams[k][1] - 16 * k / 2**20 for k in full]
    return (
        f"- items streamed into `Moments` (`moments_of` with the vector source, one target): {size:,} in {seconds:.1f} "
        f"s; own memory {own:,.0f} MiB, {own - net[-1]:.0f} of them labels and targets; the rest from {full[0]:,} "
        f"rows, where chunks have their full size, to {size:,}: {_growth(net[0], net[-1])}"
    )


def _goal_lines(seconds: float, own: float) -> list[str]:
    """The goals for a complete fit of the most rows."""
    return [
        f"- whole fit of {SIZES[-1]:,} rows, s: "
        + goal(f"{seconds:.1f}", f"at most {MOST_SECONDS}", reached=seconds <= MOST_SECONDS),
        "- its memory above the mapped file, MiB: "
        + goal(f"{own:,.0f}", f"under {MOST_MIB:,}", reached=own < MOST_MIB),
    ]


def _growth(fewest: float, most: float) -> str:
    growth = most / fewest - 1
    return goal(f"{growth:+.1%}", f"flat, at most {TOLERANCE:+.0%}", reached=growth <= TOLERANCE)


def _medians(what: str, folder: Path, size: int, repeats: int) -> tuple[float, float, float]:
    """Seconds, own memory and ru_maxrss of fresh processes."""
    runs = [_run(what, folder, str(size)) for _ in range(repeats)]
    seconds, own, peak = (statistics.median(run[key] for run in runs) for key in ("seconds", "own_mib", "peak_mib"))
    say(f"{what}, {size:,}: {seconds:.1f} s, {own:,.0f} MiB")
    return seconds, own, peak


def _run(what: str, folder: Path, name: str) -> dict[str, Any]:
    return cold([sys.executable, __file__, "--measure", what, str(folder), name]).json()


def _choice_lines(found: dict[str, Any]) -> list[str]:
    """The difference between the choice on 5,000 rows and that on all rows."""
    path = found["path"]
    mine = next(one for one in path if one["lam"] == found["chosen"])
    best = min(path, key=lambda one: one["all"])
    shown = [[f"{one['lam']:.3g}", f"{one['few']:.4f}", f"{one['all']:.4f}", f"{one['held']:.4f}"] for one in path]
    return [
        f"λ is chosen on 5,000 of the rows, each left out exactly of the fit on all of them: {mine['lam']:.3g}. Exact "
        f"leave-one-out on all {SIZES[-1]:,} rows ({found['seconds']:.0f} s for this one head) chooses "
        f"{best['lam']:.3g}. On {HELD_OUT:,} further rows the log-loss is {mine['held']:.5f} with the first and "
        f"{best['held']:.5f} with the second: {mine['held'] - best['held']:+.1e}.",
        "",
        *table(["λ", "left out, 5,000 rows", "left out, all rows", "held out"], shown),
    ]


if __name__ == "__main__":
    main()
