"""One source or several: each source alone and every fusion of them, by left-out loss and on items of the test part.

    python benchmarks/fusion.py [NAME ...] [--ways none,concat,...]

Pictures and sounds are read by two or three ImageNet and insect bodies, texts by MiniLM and by TF-IDF of the training
texts (whose document frequencies include the left-out row, but use no label). ``auto`` is what a fit of these sources
does; "behind" is its accuracy minus that of the best source alone on the test part, in points, paired.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from _common import DATA, cold, goal, say, table, write_section

WEIGHTS = "local:" + str(DATA / "weights" / "mobilenetv2_100.{}.safetensors")
TWO = [WEIGHTS.format("tv_in1k"), WEIGHTS.format("tf_in1k")]
TEXT = ["headstart:text", "TF-IDF"]
SETS = {
    "hymenoptera": ("images/hymenoptera.tar", TWO),
    "clothing10": ("images/clothing10_cc0.tar", [*TWO, WEIGHTS.format("inat_insect")]),
    "FSDD": ("audio/fsdd_1200.tar.gz", TWO),
    "ESC-10": ("audio/esc10.tar", TWO),
    "BANKING77": ("text/banking77", TEXT),
    "TREC-6": ("text/trec6", TEXT),
    "twitter_financial_news": ("text/twitter_financial_news", TEXT),
    "CLINC150": ("text/clinc150", TEXT),
}
WAYS = ("none", "concat", "banded", "stack", "select", "attention", "auto")
POINTS = 0.5  # by which fusion may be worse than the best source alone


def main() -> None:
    """Measure the named sets, or all, each in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *SETS], help="sets; default: all")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"of {', '.join(WAYS)}; default: all")
    parser.add_argument("--measure", metavar="NAME", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(list(measure(given.measure, given.ways.split(",")))))
        return
    rows = []
    for name in given.names or SETS:
        say(name)
        rows += [
            _row(name, one) for one in cold([sys.executable, __file__, "--measure", name, "--ways", given.ways]).json()
        ]
    header = ["set", "way", "left-out loss", "test accuracy", "test log-loss", "behind, points", "s", "used"]
    write_section("Fusion", table(header, rows))


def measure(name: str, ways: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each source alone, then each fusion, on one set."""
    import numpy as np

    from headstart.data import read, union_groups
    from headstart.evaluate.intervals.bootstrap import paired_difference
    from headstart.heads import HeadSearch, select_head
    from headstart.reporting import SilentReporter
    from headstart.sources.default import source_for
    from headstart.tasks import task_methods
    from headstart.transfer.stages.context import RunContext
    from headstart.transfer.stages.judge import make_plan
    from headstart.transfer.stages.prepare import prepare

    data, sources = SETS[name]
    dataset = read(str(DATA / data))
    bodies = [source for source in sources if source != "TF-IDF"]
    prepared = prepare(dataset, source_for(dataset, bodies), RunContext(SilentReporter()))
    dataset = prepared.dataset
    task, y = dataset.labelled()
    together = union_groups(dataset.groups, prepared.clusters)
    groups = together if len(np.unique(together)) < len(together) else None
    plan, methods = make_plan(dataset, together, seed=0), task_methods(task)
    parts = [(train, test, *_joined(prepared, sources, train, test)) for train, test in plan.parts]
    truth = y[plan.evaluated]
    singles = sorted({block.part for block in parts[0][3]})
    right: dict[str, Any] = {}
    found = []
    for way in [*singles, *ways]:
        started = time.perf_counter()
        search = HeadSearch() if way in singles else HeadSearch(fusion=way)
        outputs, heads = [], []
        for train, test, rows, blocks in parts:
            seen, kept = _of(way, rows, blocks) if way in singles else (rows, blocks)
            inner = None if groups is None else groups[train]
            heads.append(select_head(seen[train], y[train], task, blocks=kept, groups=inner, search=search))
            outputs.append(methods.outputs(heads[-1].scores(seen[test]), heads[-1].calibration))
        judged = np.concatenate(outputs)
        right[way] = (judged.argmax(axis=1) == truth).astype(float)
        found.append({
            "way": way, "loss": float(np.mean([head.loss for head in heads])), "accuracy": float(right[way].mean()),
            "log_loss": float(methods.loss(judged, truth).mean()), "seconds": time.perf_counter() - started,
            "used": sorted({head.feature_map.name for head in heads}),
        })  # fmt: skip
        print(found[-1], file=sys.stderr, flush=True)
    best = max(singles, key=lambda one: float(right[one].mean()))
    resampled = None if groups is None else groups[plan.evaluated]
    for one in found:
        value, low, high = paired_difference(right[one["way"]], right[best], groups=resampled)
        yield {
            **one,
            "single": one["way"] in singles,
            "behind": [100 * float(value), 100 * float(low), 100 * float(high)],
        }


def _of(source: str, rows: Any, blocks: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The rows and blocks of one source."""
    from itertools import accumulate

    edges = [0, *accumulate(block.width for block in blocks)]
    kept = [k for k, block in enumerate(blocks) if block.part == source]
    return rows[:, edges[kept[0]] : edges[kept[-1] + 1]], [blocks[k] for k in kept]


def _joined(prepared: Any, sources: Sequence[str], train: Any, test: Any) -> tuple[Any, list[Any]]:
    """Rows of all sources side by side, TF-IDF fitted on the training part, and their blocks."""
    import numpy as np

    from headstart.evaluate.text_baseline import text_rows
    from headstart.heads.problem import TargetRows
    from headstart.types import Block

    blocks = [
        Block(block.name, block.width, block.part or prepared.source.info.name) for block in prepared.source.info.blocks
    ]
    rows = np.asarray(prepared.rows)
    if "TF-IDF" in sources:
        texts = prepared.dataset
        task, y = texts.labelled()
        targets = TargetRows(y[train], task)[:]
        found = text_rows(texts.take(train).items, texts.take(test).items, targets)
        terms = np.zeros((len(texts), found.train.shape[1]), np.float32)
        terms[train], terms[test] = found.train, found.test
        rows = np.hstack([rows, terms])
        blocks += [Block(f"TF-IDF/{block.name}", block.width, "TF-IDF") for block in found.blocks]
    return rows, blocks


def _row(name: str, one: dict[str, Any]) -> list[str]:
    value, low, high = one["behind"]
    shown = f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
    if one["way"] == "auto":
        shown = goal(shown, f"at least -{POINTS}", reached=value >= -POINTS)
    return [
        name,
        f"{one['way']} alone" if one["single"] else one["way"],
        f"{one['loss']:.3f}",
        f"{one['accuracy']:.4f}",
        f"{one['log_loss']:.3f}",
        shown,
        f"{one['seconds']:.1f}",
        "; ".join(one["used"]),
    ]


if __name__ == "__main__":
    main()
