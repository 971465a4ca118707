"""Novelty: AUROC and FPR at 95% TPR on items that belong to no class, and the false-alarm rate.

python benchmarks/novelty.py [--rows FOLDER]

CLINC150 with its out-of-scope texts (near), clothing against ants and bees (far), spoken digits against environmental
sounds (far). Half of the items train (at most 3,000), the other half are the items in distribution.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, say, table, write_section

PAIRS: tuple[tuple[str, str, str], ...] = (
    ("clinc", "clinc_oos", "headstart:text"),
    ("clothing10", "hymenoptera", "headstart:image"),
    ("fsdd", "esc10", "headstart:speech"),
)
ARCHIVES = {
    "clothing10": "images/clothing10_cc0.tar", "hymenoptera": "images/hymenoptera.tar",
    "fsdd": "audio/fsdd_1200.tar.gz", "esc10": "audio/esc10.tar",
}  # fmt: skip
MOST = 3_000


def read_set(name: str) -> tuple[Sequence[Any], Sequence[str]]:
    """Items and labels."""
    if name in ARCHIVES:
        from headstart.data import read

        data = read(DATA / ARCHIVES[name])
        task, y = data.labelled()
        return data.items, [task.labels[code] for code in y]
    import pandas as pd

    frame = pd.read_csv(DATA / "text" / "clinc150" / ("train.csv" if name == "clinc" else "oos_test.csv"))
    frame = frame.sample(2 * MOST, random_state=0) if len(frame) > 2 * MOST else frame
    return frame["text"].tolist(), frame.iloc[:, 1].astype(str).tolist()


def encoded(name: str, source: str, keep: Path) -> Any:
    """Rows, labels and widths of the blocks, from a file or encoded now."""
    file = keep / f"{name}.npz"
    if not file.is_file():
        from headstart.engine.extract import extract
        from headstart.sources import open_source

        items, labels = read_set(name)
        opened = open_source(source)
        say(f"{name}: {len(items)} items by {source}")
        rows = np.asarray(extract(opened, items, on_error="raise").rows[:], np.float32)
        np.savez(file, rows=rows, labels=np.array(labels), blocks=[block.width for block in opened.info.blocks])
    with np.load(file) as found:
        return dict(found)


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="where encoded rows are kept")
    keep = parser.parse_args().rows or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    lines: list[list[str]] = []
    for inside, outside, source in PAIRS:
        lines += measure(inside, encoded(inside, source, keep), outside, encoded(outside, source, keep))
        say("\n".join(map(str, lines)))
    header = ("in", "out", "score", "AUROC", "FPR at 95% TPR", "false alarms at 1%", "found at 1%")
    write_section("Novelty", table(header, lines))


def measure(inside: str, known: Any, outside: str, other: Any) -> list[list[str]]:
    """One row of the table for the combined p-value, and one for each score alone."""
    from headstart.heads import HeadSearch
    from headstart.sources import open_source
    from headstart.tune import FrozenFeatures
    from headstart.types import Block, Features, Task

    order = np.random.default_rng(0).permutation(len(known["labels"]))
    train, test = order[: min(MOST, len(order) // 2)], order[len(order) // 2 :][:MOST]
    labels = tuple(np.unique(known["labels"]))
    y = np.searchsorted(labels, known["labels"][train])
    blocks = tuple(Block(f"block {i}", int(width)) for i, width in enumerate(known["blocks"]))
    source = open_source("vector")
    info = type(source.info)(**{**vars(source.info), "blocks": blocks})
    features = Features(known["rows"][train], y, tuple(map(str, train)), None, info)
    model = FrozenFeatures(HeadSearch(layers="last")).solve(source, features, Task("classification", labels), seed=0)
    detector = model.novelty_detector()
    parts = [known["rows"][test], other["rows"]]
    p_values = [detector.p_values(rows) for rows in parts]
    alone = [detector.scores(rows) for rows in parts]
    scores = {"combined": [-np.log(p) for p in p_values]} | {n: [one[n] for one in alone] for n in detector.names}
    alarms, found = (float((p <= 0.01).mean()) for p in p_values)
    rates: dict[str, tuple[str, str]] = {"combined": (f"{alarms:.2%}", f"{found:.1%}")}
    return [
        [inside, outside, name, *figures(*pair), *rates.get(name, ("", ""))] for name, pair in scores.items()
    ]  # fmt: skip


def figures(inside: Any, outside: Any) -> tuple[str, str]:
    """AUROC, and the share of items in distribution above the score that 95% of the others exceed."""
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([0, 1], [len(inside), len(outside)])
    auroc: Callable[..., float] = roc_auc_score
    limit = np.quantile(outside, 0.05)
    return f"{auroc(truth, np.concatenate([inside, outside])):.3f}", f"{(inside >= limit).mean():.1%}"


if __name__ == "__main__":
    main()
