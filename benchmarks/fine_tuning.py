"""Fine-tuning strategies and ``auto`` compared with a head on the frozen body, on the same test items.

    python benchmarks/fine_tuning.py [SET ...] [--strategies lp_ft,full,...]
    python benchmarks/fine_tuning.py [SET ...] --strategies auto --against OTHER_TREE/src

Each fit is a cold process, so that its peak memory is its own. ``lp_ft`` and its kin train for as many epochs as make
about 300 steps (3 to 15); ``full`` is the standard recipe: a fresh head, one rate, the same epochs. CIFAR-10's images
of 32 pixels are enlarged to 96 pixels a side, all others to 224. The gain of a row over the frozen head is paired, in
points. Rows are saved to a file as they are measured, so that an interrupted run resumes.

``--against`` compares two versions of the package: each fit is made by the other tree, then by this one, each with an
empty cache. CPU seconds (user and system time of the process) do not count time in which others had the cores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from _common import DATA, ROOT, cold, say, table, write_section

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
    "CPU s", "items/s", "peak MiB",
]  # fmt: skip
COMPARED = [
    "set", "strategy", "CPU s before", "CPU s after", "after / before", "s before", "s after", "frozen", "before",
    "after", "against frozen before, points", "after, points", "kept before", "kept after",
]  # fmt: skip
BEFORE = ", before"  # ends the key of a row of the other tree


def main() -> None:
    """Measure the named sets, or all, each fit in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; default: all")
    parser.add_argument("--strategies", default=",".join(STRATEGIES), help=f"default: {', '.join(STRATEGIES)}")
    parser.add_argument("--title", default="Fine-tuning", help="of the section in RESULTS.md")
    parser.add_argument("--kept", type=Path, default=Path("fine_tuning.json"), help="where rows are kept")
    parser.add_argument("--texts", default="", metavar="SOURCE", help="of text sets; default: what a fit chooses")
    parser.add_argument("--against", type=Path, metavar="SRC", help="folder of another version of the package")
    parser.add_argument("--measure", nargs=2, metavar=("SET", "STRATEGY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(*given.measure, texts=given.texts)))
        return
    kept: dict[str, Any] = json.loads(given.kept.read_text()) if given.kept.is_file() else {}
    for name in given.names or SETS:
        for strategy in ["frozen", *given.strategies.split(",")]:
            for end in [BEFORE, ""] if given.against is not None and strategy != "frozen" else [""]:
                key = f"{name}: {strategy}{end}"
                if key not in kept:
                    say(key)
                    kept[key] = _fit(name, strategy, given, before=end == BEFORE)
                    given.kept.write_text(json.dumps(kept))
    if given.against is None:
        lines = table(HEADER, [_row(kept, key) for key in kept])
    else:
        lines = table(COMPARED, [_compared(kept, key) for key in kept if f"{key}{BEFORE}" in kept])
    write_section(given.title, lines)


def _fit(name: str, strategy: str, given: argparse.Namespace, *, before: bool) -> dict[str, Any]:
    """One fit in a fresh process; in a comparison with an empty cache, by the version of the package that is meant."""
    command = [sys.executable, __file__, "--measure", name, strategy, "--texts", given.texts]
    with tempfile.TemporaryDirectory() as cache:
        tree = (given.against if before else ROOT / "src") if given.against is not None else None
        done = cold(command) if tree is None else cold(command, HEADSTART_CACHE=cache, PYTHONPATH=str(tree.resolve()))
    row = done.json()
    if tree is not None and not Path(row["package"]).is_relative_to(tree.resolve()):
        raise RuntimeError(f"The fit used {row['package']}, not the package in {tree}.")
    return {**row, "seconds": done.seconds, "cpu": done.cpu_seconds, "peak": done.peak_mib}


def measure(name: str, strategy: str, texts: str = "") -> dict[str, Any]:
    """One fit, and its outputs for each test item."""
    import pandas as pd

    import headstart

    with tempfile.TemporaryDirectory() as folder:
        run = headstart.fit(
            str(DATA / SETS[name]), source=_source(name, Path(folder), texts), strategy=strategy, baselines="none",
            out=Path(folder) / "run", reporter=_Told(),
        )  # fmt: skip
        frame = pd.read_parquet(Path(folder) / "run" / "predictions.parquet")
    metrics, found = run.evaluation.metrics, run.record.get("strategy") or {}
    right = dict(zip(frame["id"], (frame["label"] == frame["predicted"]).astype(int).tolist(), strict=True))
    return {
        "set": name, "strategy": strategy, "kept": found.get("kept", ""), "right": right,
        "accuracy": metrics["accuracy"].value, "log_loss": metrics["log_loss"].value,
        "training": found.get("training"), "forecast": found.get("forecast"), "candidates": found.get("candidates"),
        "source": run.model.source.info.name, "package": headstart.__file__,
    }  # fmt: skip


def _source(name: str, folder: Path, texts: str) -> str | None:
    """The body, with the side of its input images; for texts the given one, or None for what a fit chooses."""
    if "text" in SETS[name]:
        return texts or None
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
    row = kept[key]
    training = row["training"] or {}
    return [
        row["set"], row["strategy"], row["kept"], f"{row['accuracy']:.3f}", _gain(kept, key),
        f"{row['log_loss']:.3f}", f"{row['seconds']:.0f}", f"{training['seconds']:.0f}" if training else "",
        f"{row['cpu']:.0f}" if "cpu" in row else "", f"{training['items_per_second']:.0f}" if training else "",
        f"{row['peak']:,.0f}",
    ]  # fmt: skip


def _compared(kept: dict[str, Any], key: str) -> list[str]:
    row, before, frozen = kept[key], kept[f"{key}{BEFORE}"], kept[f"{kept[key]['set']}: frozen"]
    return [
        row["set"], row["strategy"], f"{before['cpu']:.0f}", f"{row['cpu']:.0f}", f"{row['cpu'] / before['cpu']:.2f}",
        f"{before['seconds']:.0f}", f"{row['seconds']:.0f}", f"{frozen['accuracy']:.3f}", f"{before['accuracy']:.3f}",
        f"{row['accuracy']:.3f}", _gain(kept, f"{key}{BEFORE}"), _gain(kept, key), before["kept"], row["kept"],
    ]  # fmt: skip


def _gain(kept: dict[str, Any], key: str) -> str:
    """The gain over the frozen head on the same items, in points; empty for the head itself."""
    from headstart.evaluate.intervals.bootstrap import paired_difference

    row, frozen = kept[key], kept[f"{kept[key]['set']}: frozen"]
    ids = [one for one in row["right"] if one in frozen["right"]]
    if row is frozen or not ids:
        return ""
    gain, low, high = paired_difference([row["right"][i] for i in ids], [frozen["right"][i] for i in ids])
    return f"{100 * gain:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


if __name__ == "__main__":
    main()
