"""Accuracy, baselines and transfer gain on the real sets, each by one `headstart fit` in a cold process.

    python benchmarks/accuracy.py [NAME ...] [--plain]

Nothing is tuned here: every fit runs with its defaults, and every figure is on held-out items. Without arguments, both
sections are measured; ``--plain`` only compares the accuracy with that of plain features.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from _common import DATA, HERE, cold, goal, headstart, table, write_section

WEIGHTS = "local:" + str(DATA / "weights" / "mobilenetv2_100.{}.safetensors")
SETS = {
    "hymenoptera tf": ("images/hymenoptera.tar", WEIGHTS.format("tf_in1k"), 0.95),
    "hymenoptera tv": ("images/hymenoptera.tar", WEIGHTS.format("tv_in1k"), 0.93),
    "clothing10 tv": ("images/clothing10_cc0.tar", WEIGHTS.format("tv_in1k"), 0.86),
    "clothing10 tf": ("images/clothing10_cc0.tar", WEIGHTS.format("tf_in1k"), None),
    "ESC-10 tv": ("audio/esc10.tar", WEIGHTS.format("tv_in1k"), 0.88),
    "ESC-10 tf": ("audio/esc10.tar", WEIGHTS.format("tf_in1k"), None),
    "FSDD tv": ("audio/fsdd_1200.tar.gz", WEIGHTS.format("tv_in1k"), 0.86),
    "FSDD tf": ("audio/fsdd_1200.tar.gz", WEIGHTS.format("tf_in1k"), None),
    "BANKING77": ("text/banking77", "headstart:text", 0.925),
    "TREC-6": ("text/trec6", "headstart:text", 0.95),
    "twitter_financial_news": ("text/twitter_financial_news", "headstart:text", 0.83),
    "CLINC150": ("text/clinc150", "headstart:text", 0.945),
}
FEW_SHOT = "BANKING77, 10 per class"
PLAIN = ("hymenoptera tv", "hymenoptera tf", "clothing10 tv")
POINTS = 0.3  # largest allowed difference of the accuracy from that of plain features


def main() -> None:
    """Measure the named sets, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *SETS, FEW_SHOT], help="sets; default: all")
    parser.add_argument("--plain", action="store_true", help="only the comparison with plain features")
    given = parser.parse_args()
    if not given.plain:
        _fits(given.names)
    if given.plain or not given.names:
        _same_accuracy(given.names or PLAIN)


def _same_accuracy(names: Sequence[str]) -> None:
    """The accuracy compared with that of plain features."""
    rows = []
    for name in names:
        data, source, _ = SETS[name]
        script = [sys.executable, str(HERE / "_same_accuracy.py"), str(DATA / data), source.removeprefix("local:")]
        found = cold(script).json()
        points = 100 * (found["ours"] - found["plain"])
        losses = " / ".join(f"{loss:.4f}" for loss in found["log_loss"])
        rows.append(
            (
                f"{name}, {found['form']}", str(found["n"]), f"{found['ours']:.4f}", f"{found['plain']:.4f}",
                goal(f"{points:+.2f}", f"at most {POINTS} either way", reached=abs(points) <= POINTS),
                str(found["differing"]), losses, f"{found['cosine']:.4f}",
            )
        )  # fmt: skip
        print(rows[-1], flush=True)
    header = [
        "set", "test items", "accuracy", "of plain features", "difference in points", "predicted otherwise",
        "log-loss, ours / plain", "least cosine of an item's rows",
    ]  # fmt: skip
    lines = [
        "Plain features are those of timm's own evaluation transform and the fp32 eager torch body, of the same "
        "blocks. Audit, given split, head and evaluation are the same.",
        "",
        *table(header, rows),
    ]
    write_section("The same accuracy", lines)


def _fits(wanted: list[str]) -> None:
    """Run the named sets, or all."""
    lines = [
        "| set | judged by | accuracy [95% interval] | floor | simple baseline | untrained body | transfer gain | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, (data, source, floor) in SETS.items():
        if not wanted or name in wanted:
            lines.append(_row(name, DATA / data, source, floor))
            print(lines[-1], flush=True)
    if not wanted or FEW_SHOT in wanted:
        lines.append(_few_shot())
    write_section("Accuracy of frozen features", lines)


def _row(name: str, data: Path, source: str, floor: float | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        run = headstart("fit", str(data), "--source", source, "--out", f"{folder}/run", "--json")
    found = run.json()
    accuracy, gain = found["metrics"]["accuracy"], found["transfer_gain"]
    others = {key: value["metrics"]["accuracy"]["value"] for key, value in found["baselines"].items()}
    simple = next(
        (f"{key} {value:.3f}" for key, value in others.items() if key not in ("majority", "untrained body")), ""
    )
    return (
        f"| {name} | {found['judged_by']} | {accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}] "
        f"| {floor or ''} | {simple} | {others['untrained body']:.3f} "
        f"| {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}] | {run.seconds:.1f} |"
    )


def _few_shot() -> str:
    """Five seeds of ten training items per class, evaluated on the complete test file."""
    import pandas as pd

    train, test = (pd.read_csv(DATA / "text" / "banking77" / f"{part}.csv") for part in ("train", "test"))
    scores = []
    for seed in range(5):
        few = train.groupby("label").sample(10, random_state=seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "few.csv"
            pd.concat([few.assign(split="train"), test.assign(split="test")]).to_csv(path, index=False)
            run = headstart(
                "fit", str(path), "--label", "label", "--baselines", "none", "--out", f"{folder}/r", "--json"
            )
        scores.append(run.json()["metrics"]["accuracy"]["value"])
    spread = f"{min(scores):.3f} to {max(scores):.3f}"
    return f"| {FEW_SHOT} | 5 seeds, whole test | {statistics.mean(scores):.3f} ({spread}) | 0.81 | | | | |"


if __name__ == "__main__":
    main()
