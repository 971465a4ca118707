"""First fits and extraction on a machine without bf16: fp32, int8, and the automatic choice, in one run.

python benchmarks/without_bf16.py [--quick]

Each fit is a cold process with a cache of its own. The lines "AVX2" limit OpenVINO and torch to AVX2 without VNNI.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _bench import MOBILENET, Bench
from _common import Cold, headstart, say, table

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "OV_CPU_MAX_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="one set and body, not written to RESULTS.md")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), 1, quick, "cpu", 1)
        sets = ["hymenoptera"] if quick else ["hymenoptera", "clothing10"]
        bodies = ["headstart:image"] if quick else ["headstart:image", f"local:{MOBILENET}", "headstart:photo"]
        lines = [
            _row(bench, name, body, limits) for name in sets for body in bodies for limits in ({}, AVX2)
        ]  # fmt: skip
        bench.write(
            "Without bf16",
            table(
                ["set", "body", "CPU", "fp32", "int8 always", "auto", "fp32 / always", "peak MiB", "accuracy"], lines
            ),
        )


def _row(bench: Bench, name: str, body: str, limits: dict[str, str]) -> list[str]:
    runs = {}
    for int8 in ("never", "always", "auto"):
        say(f"{name}, {body}, int8 {int8}")
        runs[int8] = _fit(bench, name, body, int8, limits)
    never, always, auto = (runs[key] for key in ("never", "always", "auto"))
    accuracies = [f"{run.json()['metrics']['accuracy']['value']:.3f}" for run in runs.values()]
    return [
        name, body.rpartition("/")[2], "AVX2" if limits else "all", f"{never.seconds:.1f} s", f"{always.seconds:.1f} s",
        f"{auto.seconds:.1f} s", f"{never.seconds / always.seconds:.2f}", f"{always.peak_mib:.0f}",
        " / ".join(accuracies),
    ]  # fmt: skip


def _fit(bench: Bench, name: str, body: str, int8: str, limits: dict[str, str]) -> Cold:
    with tempfile.TemporaryDirectory() as cache:
        return headstart(
            "fit", str(bench.unpacked(name)), "--source", body, "--int8", int8, "--baselines", "none",
            "--out", f"{cache}/run", "--json", HEADSTART_CACHE=cache, HEADSTART_BF16="0", **limits,
        )  # fmt: skip


if __name__ == "__main__":
    main()
