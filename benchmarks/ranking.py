"""The ranking of sources compared with the true order: its rank correlation, its uncertainty and its time.

    python benchmarks/ranking.py [SET ...]

Six sources on hymenoptera and clothing10: two ImageNet bodies, one of insects, two of CIFAR-10, one with random
weights. The true order is that of the held-out accuracy of the frozen head, which the ranking does not use. Kendall's τ
of each score with it has an interval over resamples of the held-out items.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _common import DATA, cold, goal, headstart, say, table, write_section

SETS = {"hymenoptera": "images/hymenoptera.tar", "clothing10": "images/clothing10_cc0.tar"}
TIMM = ("tv_in1k", "tf_in1k", "inat_insect")
SCORES = ("logme", "h_score", "n_leep", "transrate", "gbc", "parc", "sfda", "linear_cka")
SECONDS = 2.0
REPEATS = 5
RESAMPLES = 1000


def main() -> None:
    """Measure the named sets, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", choices=[[], *SETS], metavar="SET", help="default: all")
    lines: list[str] = []
    for name in parser.parse_args().sets or SETS:
        lines += [f"### {name}", "", *_one_set(DATA / SETS[name]), ""]
    write_section("Ranking of sources", lines)


def _names() -> list[str]:
    return [f"local:{DATA / 'weights' / f'mobilenetv2_100.{tag}.safetensors'}" for tag in TIMM]


def _one_set(data: Path) -> list[str]:
    """Rank in a separate process, because of the memory of torch and six bodies; then time the command."""
    with tempfile.TemporaryDirectory() as cache:
        here = str(Path(__file__).resolve().parent)
        code = f"import sys; sys.path.insert(0, {here!r}); import ranking; ranking.measure({str(data)!r})"
        found = cold([sys.executable, "-c", code], HEADSTART_CACHE=cache).json()
        command = ("rank", str(data), "--sources", *_names(), "--json")
        first = headstart(*command, HEADSTART_CACHE=cache)
        seconds = [headstart(*command, HEADSTART_CACHE=cache).seconds for _ in range(REPEATS)]
    again = statistics.median(seconds)
    return [
        *_order(found),
        "",
        *_agreement(found),
        "",
        *_profiles(found),
        "",
        f"- {found['why']} {found['advice']}".replace(f"local:{DATA / 'weights'}/", ""),
        f"- Tie set: {', '.join(_short(name) for name in found['tie_set'])}; the best held-out accuracy "
        f"{'is' if found['best'] in found['tie_set'] else 'is NOT'} in it.",
        f"- All six sources with encoding: {found['seconds']:.1f} s; again in that process: {found['again']:.1f} s.",
        f"- `headstart rank` of three sources and a random body in a new process: {first.seconds:.1f} s at first; "
        + goal(f"again {again:.2f} s", f"at most {SECONDS} s", reached=again <= SECONDS),
    ]


def measure(data: str) -> None:
    """Rank, fit each source and print the results as one JSON object."""
    import json
    import time

    from headstart import rank

    sources = _sources()
    started = time.perf_counter()
    ranking = rank(data, list(sources.values()), scores=SCORES, profile=True, untrained=False)
    between = time.perf_counter()
    rank(data, list(sources.values()), scores=SCORES, profile=True, untrained=False)
    ended = time.perf_counter()
    right = {name: _held_out(data, source) for name, source in sources.items()}
    found = ranking.to_dict()
    measured = [standing for standing in found["sources"] if standing["merit"] is not None]
    accuracy = {name: sum(own) / len(own) for name, own in right.items()}
    found |= {
        "seconds": between - started,
        "again": ended - between,
        "held_out": accuracy,
        "best": max(accuracy, key=lambda name: accuracy[name]),
        "agreement": _taus(measured, right),
    }
    print(json.dumps(found))


def _sources() -> dict[str, Any]:
    """The open sources, by their names in the ranking."""
    from _cifar import cifar_source

    from headstart import open_source

    trained = [open_source(name) for name in _names()]
    sources = [*trained, *(cifar_source(DATA / "weights", depth) for depth in (20, 56)), trained[1].untrained(0)]
    return {source.info.name: source for source in sources}


def _held_out(data: str, source: Any) -> list[bool]:
    """Whether the frozen head on this source classifies each held-out item correctly."""
    from pyarrow import parquet

    from headstart import fit

    say(f"fitting {source.info.name}")
    with tempfile.TemporaryDirectory() as folder:
        fit(data, source=source, baselines="none", out=f"{folder}/run")
        rows = parquet.read_table(f"{folder}/run/predictions.parquet", columns=["label", "predicted"]).to_pylist()
    return [row["label"] == row["predicted"] for row in rows]


def _taus(measured: list[dict[str, Any]], right: Mapping[str, list[bool]]) -> dict[str, list[float]]:
    """Kendall's τ of each score with the held-out accuracy, and its interval over held-out items."""
    import numpy as np
    from scipy.stats import kendalltau

    from headstart.evaluate.intervals.bootstrap import bootstrap

    hits = np.array([right[standing["source"]] for standing in measured], float)
    scores = {
        "left-out loss": [-standing["log_loss"]["value"] for standing in measured],
        "left-out accuracy": [standing["merit"]["value"] for standing in measured],
        "nearest neighbours": [-standing["neighbours"] for standing in measured],
        "place in the ranking": [-standing["rank"] for standing in measured if standing["rank"] is not None],
        **{name: [standing["scores"].get(name, float("nan")) for standing in measured] for name in SCORES},
    }
    found = {}
    for name, values in scores.items():
        if len(values) < len(hits):
            continue

        def tau(weights: np.ndarray, values: list[float] = values) -> np.ndarray:
            return np.array([kendalltau(values, row).statistic for row in np.atleast_2d(weights @ hits.T)])

        low, high = bootstrap(tau, hits.shape[1], resamples=RESAMPLES)
        found[name] = [float(tau(np.ones((1, hits.shape[1])))[0]), float(low), float(high)]
    return found


def _short(name: str) -> str:
    return name.rpartition("/")[2].replace(".safetensors", "")


def _order(found: Mapping[str, Any]) -> list[str]:
    header = [
        "rank", "source", "left-out accuracy [95%]", "left-out loss [95%]", "kNN loss", "tie set", "items/s",
        "held-out accuracy",
    ]  # fmt: skip
    rows = []
    for one in found["sources"]:
        if one["merit"] is None:
            continue
        merit, loss, speed = one["merit"], one["log_loss"], one["items_per_second"]
        place = one["state"] if one["rank"] is None else str(one["rank"])
        rows.append(
            (
                place, _short(one["source"]), f"{merit['value']:.3f} [{merit['low']:.3f}, {merit['high']:.3f}]",
                f"{loss['value']:.3f} [{loss['low']:.3f}, {loss['high']:.3f}]", f"{one['neighbours']:.3f}",
                "yes" if one["tied"] else "", "-" if speed is None else f"{speed:,.0f}",
                f"{found['held_out'][one['source']]:.3f}",
            )
        )  # fmt: skip
    return table(header, rows)


def _agreement(found: Mapping[str, Any]) -> list[str]:
    rows = [
        (name, f"{value:+.2f} [{low:+.2f}, {high:+.2f}]") for name, (value, low, high) in found["agreement"].items()
    ]
    return table(["score", "Kendall's τ with held-out accuracy [95%]"], rows)


def _profiles(found: Mapping[str, Any]) -> list[str]:
    rows = [
        (_short(one["source"]), ", ".join(f"{block['block']} {block['merit']:.3f}" for block in one["profile"]))
        for one in found["sources"]
        if one.get("profile")
    ]
    return table(["source", "left-out accuracy of each block alone"], rows)


if __name__ == "__main__":
    main()
