"""Architecture search against the default: five methods, three sets, five seeds, at equal time.

    python benchmarks/search.py run --out search.json [--sets trec6 clothing10 fsdd] [--seconds 120] [--seeds 5]
    python benchmarks/search.py show --out search.json [--write]

Each run is `headstart.search` with one time limit, which all methods get; features are encoded before the first. The
default and the winner are judged on the outer split (the given test part, else a fifth by seed). A result that the JSON
file holds is not computed again, so a killed run resumes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import say, section, table, write_section
from _rows import set_of

import headstart
from headstart.io import write_json
from headstart.search.registry import SEARCH_METHODS

SETS = ("trec6", "clothing10", "fsdd")
TITLE = "Architecture search"


def main() -> None:
    """Run or show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("run", "show"))
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=list(SEARCH_METHODS))
    parser.add_argument("--seconds", type=float, default=120.0, help="time limit of each run")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--items", type=int, help="most items of a set, for a quick look")
    parser.add_argument("--write", action="store_true", help="with show: into RESULTS.md")
    args = parser.parse_args()
    results: dict[str, Any] = json.loads(args.out.read_text()) if args.out.is_file() else {}
    if args.command == "show":
        lines = shown(results)
        if args.write:
            write_section(TITLE, lines)
        else:
            print(section(TITLE, lines))
        return
    for name in args.sets:
        wanted = [(method, seed) for seed in range(args.seeds) for method in args.methods]
        if all(_key(name, method, seed, args) in results for method, seed in wanted):
            continue
        data, source = set_of(name)
        if args.items is not None:
            data = data.take(np.sort(np.random.default_rng(0).permutation(len(data))[: args.items]))
        headstart.search(data, source=source, tries=1, baselines="none", verbose=False)  # encodes
        for method, seed in wanted:
            key = _key(name, method, seed, args)
            if key not in results:
                results[key] = _run(data, source, method, seed, args.seconds)
                write_json(args.out, results)
                decision = results[key]["decision"]
                said = "no architecture ended" if decision is None else decision["sentence"]
                say(f"{key}: {results[key]['tries']} tries, {said}")


def _key(name: str, method: str, seed: int, args: argparse.Namespace) -> str:
    return f"{name} {method} {seed} {args.seconds:g}" + ("" if args.items is None else f" {args.items}")


def _run(data: Any, source: Any, method: str, seed: int, seconds: float) -> dict[str, Any]:
    began = time.perf_counter()
    run = headstart.search(
        data,
        source=source,
        method=method,
        seed=seed,
        time_limit=seconds,
        baselines="none",
        report_items=0,
        verbose=False,
    )
    found = dict(run.record["search"])
    return {
        **{key: found[key] for key in ("method", "tries", "failed", "ended", "default", "decision", "findings")},
        "best": found["best"][:1], "wall": time.perf_counter() - began,
    }  # fmt: skip


def shown(results: Mapping[str, Any]) -> list[str]:
    """A row for each set and method: means over seeds."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for key, one in results.items():
        name, method, _, seconds = key.split()[:4]
        groups.setdefault((name, method, seconds), []).append(one)
    rows = [_row(name, method, seconds, runs) for (name, method, seconds), runs in groups.items()]
    header = [
        "data", "method", "seconds", "seeds", "of them with a winner", "tries", "loss of the default",
        "lead in the search", "by chance",
        "loss on the outer split", "accuracy, points", "replaced the default", "wall s",
    ]  # fmt: skip
    said = (
        "Lead: out-of-fold loss of the default minus that of the winner on the items of the search; by chance: what "
        "the best of as many equal tries would lead by. Outer split: winner minus default, mean over the seeds with a "
        "winner ± standard deviation. A seed has no winner where the time was too short for a single try."
    )
    return [*table(header, rows), "", said]


def _row(name: str, method: str, seconds: str, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    decisions = [one["decision"] for one in runs if one["decision"] is not None]

    def mean(values: Sequence[float], form: str) -> str:
        return format(float(np.mean(values)), form) if values else ""

    def spread(values: Sequence[float], form: str) -> str:
        if len(values) < 2:
            return mean(values, form)
        return f"{mean(values, form)} ± {float(np.std(values, ddof=1)):{form.lstrip('+')}}"

    return [
        name, method, seconds, str(len(runs)), str(len(decisions)), mean([one["tries"] for one in runs], ".0f"),
        mean([one["default"]["loss"] for one in runs], ".3f"),
        mean([one["lead_in_search"] for one in decisions if one["lead_in_search"] is not None], "+.4f"),
        mean([one["lead_by_chance"] for one in decisions if one["lead_by_chance"] is not None], ".4f"),
        spread([one["loss_difference"][0] for one in decisions], "+.4f"),
        spread([100 * one["metric_difference"][0] for one in decisions], "+.2f"),
        f"{sum(one['replaces_default'] for one in decisions)} of {len(runs)}",
        mean([one["wall"] for one in runs], ".0f"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
