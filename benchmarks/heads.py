"""Every head on held-out items of eight real sets: accuracy, log-loss, calibration error and time.

    python benchmarks/heads.py [NAME ...] [--heads ridge,lda,...]

The features are those of a `headstart fit` (audit, given split or cross-validation, feature map of least left-out
loss); each head is chosen and fitted on the training part alone. Nothing is tuned on the test part. The last row of
each set is ``auto``. The last column states whether a row differs significantly from the row of least log-loss.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from _common import DATA, cold, say, table, write_section

TV = "local:" + str(DATA / "weights" / "mobilenetv2_100.tv_in1k.safetensors")
SETS = {
    "hymenoptera": ("images/hymenoptera.tar", TV),
    "clothing10": ("images/clothing10_cc0.tar", TV),
    "FSDD": ("audio/fsdd_1200.tar.gz", TV),
    "ESC-10": ("audio/esc10.tar", TV),
    "BANKING77": ("text/banking77", "headstart:text"),
    "TREC-6": ("text/trec6", "headstart:text"),
    "twitter_financial_news": ("text/twitter_financial_news", "headstart:text"),
    "CLINC150": ("text/clinc150", "headstart:text"),
}
NEEDS_MORE = {"stacking", "ordinal", "siamese"}  # ensembles, ordered labels: not for these tables


def main() -> None:
    """Measure the named sets, or all, each in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *SETS], help="sets; default: all")
    parser.add_argument("--heads", help="comma-separated names; default: all that serve classification, and auto")
    parser.add_argument("--measure", metavar="NAME", help=argparse.SUPPRESS)
    given = parser.parse_args()
    heads = given.heads.split(",") if given.heads else None
    if given.measure:
        print(json.dumps(list(measure(given.measure, heads))))
        return
    rows = []
    for name in given.names or SETS:
        words = ["--heads", given.heads] if given.heads else []
        found = cold([sys.executable, __file__, "--measure", name, *words]).json()
        rows += [_row(name, one) for one in found]
        say(name)
        for row in rows[-len(found) :]:
            say("  " + " | ".join(row))
    header = ["set", "head", "accuracy [95% interval]", "log-loss", "ECE", "s", "kept", "less log-loss, best"]
    write_section("Heads", table(header, rows))


def measure(name: str, heads: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """Each head on one set."""
    import numpy as np

    from headstart.data import read, union_groups
    from headstart.evaluate.evaluation import evaluate_predictions
    from headstart.evaluate.held_out import held_out_outputs
    from headstart.evaluate.intervals.bootstrap import paired_difference
    from headstart.heads import HEADS, HeadSearch
    from headstart.reporting import SilentReporter
    from headstart.sources import open_source
    from headstart.tasks import task_methods
    from headstart.transfer.stages.context import RunContext
    from headstart.transfer.stages.judge import make_plan
    from headstart.transfer.stages.prepare import prepare

    data, source = SETS[name]
    dataset = read(str(DATA / data))
    prepared = prepare(dataset, open_source(source, modality=dataset.modality), RunContext(SilentReporter()))
    task, y = prepared.dataset.labelled()
    together = union_groups(prepared.dataset.groups, prepared.clusters)
    groups = together if len(np.unique(together)) < len(together) else None
    plan = make_plan(prepared.dataset, together, seed=0)
    truth = y[plan.evaluated]
    resampled = None if groups is None else groups[plan.evaluated]
    found, losses = [], {}
    serving = [one for one in HEADS if "classification" in HEADS[one].tasks and one not in NEEDS_MORE]
    for head in [*(heads or serving), "solved", "auto"]:
        started = time.perf_counter()
        print(f"{name}: {head}", file=sys.stderr, flush=True)
        held = held_out_outputs(
            prepared.rows, y, task, plan,
            blocks=prepared.source.info.blocks, groups=groups, search=HeadSearch((head,)),
        )  # fmt: skip
        seconds = time.perf_counter() - started
        metrics = evaluate_predictions(task, truth, held.outputs, groups=resampled).metrics
        losses[head] = task_methods(task).loss(held.outputs, truth)
        kept = sorted({f"{one.head} on {one.feature_map.name}" for one in held.heads})
        shown = {key: metrics[key].to_dict() for key in ("accuracy", "log_loss", "ece")}
        found.append({"head": head, "seconds": seconds, "kept": kept, **shown})
    best = min(losses, key=lambda one: float(losses[one].mean()))
    for one in found:
        value, low, high = paired_difference(losses[one["head"]], losses[best], groups=resampled)
        yield {**one, "best": best, "behind": [float(value), float(low), float(high)]}


def _row(name: str, one: dict[str, Any]) -> list[str]:
    accuracy, (value, low, high) = one["accuracy"], one["behind"]
    tie = "best" if one["head"] == one["best"] else "tie" if low <= 0 else f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"
    return [
        name,
        one["head"],
        f"{accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]",
        f"{one['log_loss']['value']:.3f}",
        f"{one['ece']['value']:.3f}",
        f"{one['seconds']:.1f}",
        "; ".join(one["kept"]),
        tie,
    ]


if __name__ == "__main__":
    main()
