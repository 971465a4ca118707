"""Fine-tuning strategies and ``auto`` compared with a head on the frozen body, on the same test items.

    python benchmarks/fine_tuning.py [SET ...] [--strategies lp_ft,full,...]

Each fit is a cold process, so that its peak memory is its own. ``lp_ft`` and its kin train for as many epochs as make
about 300 steps (3 to 15); ``full`` is the standard recipe: a fresh head, one rate, the same epochs. CIFAR-10's images
of 32 pixels are enlarged to 96 pixels a side, all others to 224. The gain of a row over the frozen head is paired, in
points. Rows are saved to a file as they are measured, so that an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from _common import DATA, cold, say, table, write_section

BODY = DATA / "weights" / "mobilenetv2_100.tv_in1k.safetensors"
SETS = {
    "hymenoptera": "images/hymenoptera.tar",
    "clothing10": "images/clothing10_cc0.tar",
    "CIFAR-10 5k": "images/cifar10_5k.tar.gz",
    "FSDD": "audio/fsdd_1200.tar.gz",
    "ESC-10": "audio/esc10.tar",
    "twitter_financial_news": "text/twitter_financial_news",
    "TREC-6": "text/trec6",
    "BANKING77": "text/banking77",
}
STRATEGIES = ("lp_ft", "full", "lora", "l2_sp", "side", "partial", "auto")
SMALL = {"CIFAR-10 5k": 96}  # pixels a side
HEADER = [
    "set", "strategy", "kept", "accuracy", "against the frozen head, points", "log-loss", "s", "of which training",
    "items/s", "peak MiB",
]  # fmt: skip


def main() -> None:
    """Measure the named sets, or all, each fit in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; default: all")
    parser.add_argument("--strategies", default=",".join(STRATEGIES), help=f"default: {', '.join(STRATEGIES)}")
    parser.add_argument("--title", default="Fine-tuning", help="of the section in RESULTS.md")
    parser.add_argument("--kept", type=Path, default=Path("fine_tuning.json"), help="where rows are kept")
    parser.add_argument("--measure", nargs=2, metavar=("SET", "STRATEGY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(*given.measure)))
        return
    kept: dict[str, Any] = json.loads(given.kept.read_text()) if given.kept.is_file() else {}
    for name in given.names or SETS:
        for strategy in ["frozen", *given.strategies.split(",")]:
            key = f"{name}: {strategy}"
            if key not in kept:
                say(key)
                done = cold([sys.executable, __file__, "--measure", name, strategy])
                kept[key] = {**done.json(), "seconds": done.seconds, "peak": done.peak_mib}
                given.kept.write_text(json.dumps(kept))
    write_section(given.title, table(HEADER, [_row(kept, key) for key in kept]))


def measure(name: str, strategy: str) -> dict[str, Any]:
    """One fit, and its outputs for each test item."""
    import pandas as pd

    import headstart

    with tempfile.TemporaryDirectory() as folder:
        run = headstart.fit(
            str(DATA / SETS[name]), source=_source(name, Path(folder)), strategy=strategy, baselines="none",
            out=Path(folder) / "run", reporter=_Told(),
        )  # fmt: skip
        frame = pd.read_parquet(Path(folder) / "run" / "predictions.parquet")
    metrics, found = run.evaluation.metrics, run.record.get("strategy") or {}
    right = dict(zip(frame["id"], (frame["label"] == frame["predicted"]).astype(int).tolist(), strict=True))
    return {
        "set": name, "strategy": strategy, "kept": found.get("kept", ""), "right": right,
        "accuracy": metrics["accuracy"].value, "log_loss": metrics["log_loss"].value,
        "training": found.get("training"), "forecast": found.get("forecast"), "candidates": found.get("candidates"),
    }  # fmt: skip


def _source(name: str, folder: Path) -> str | None:
    """The body, with the side of its input images; the default source for texts."""
    if "text" in SETS[name]:
        return None
    if name not in SMALL:
        return f"local:{BODY}"
    facts = json.loads(BODY.with_suffix(".json").read_text())
    facts |= {"input_size": [3, SMALL[name], SMALL[name]], "crop_pct": 1.0}
    shutil.copyfile(BODY, folder / BODY.name)
    (folder / BODY.with_suffix(".json").name).write_text(json.dumps(facts))
    return f"local:{folder / BODY.name}"


class _Told:
    """Prints the reports of a fit to standard error."""

    def line(self, label: str, text: str) -> None:
        print(f"{label}: {text}", file=sys.stderr, flush=True)

    def result(self, label: str, text: str) -> None:
        self.line(label, text)

    def detail(self, label: str, text: str) -> None:
        self.line(label, text)

    def warning(self, text: str) -> None:
        self.line("warning", text)

    def progress(self, stage: str) -> Any:
        from headstart.reporting import SilentReporter

        return SilentReporter().progress(stage)


def _row(kept: dict[str, Any], key: str) -> list[str]:
    from headstart.evaluate.intervals.bootstrap import paired_difference

    row, frozen = kept[key], kept[f"{kept[key]['set']}: frozen"]
    ids = [one for one in row["right"] if one in frozen["right"]]
    gain = "" if row is frozen or not ids else "{:+.1f} [{:+.1f}, {:+.1f}]".format(
        *(100 * v for v in paired_difference([row["right"][i] for i in ids], [frozen["right"][i] for i in ids]))
    )  # fmt: skip
    training = row["training"] or {}
    return [
        row["set"], row["strategy"], row["kept"], f"{row['accuracy']:.3f}", gain, f"{row['log_loss']:.3f}",
        f"{row['seconds']:.0f}", f"{training['seconds']:.0f}" if training else "",
        f"{training['items_per_second']:.0f}" if training else "", f"{row['peak']:,.0f}",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
