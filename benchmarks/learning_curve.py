"""Learning-curve forecasts from half of the labels, against what the other half really brought.

    python benchmarks/learning_curve.py [trec6 clothing10 ...] [--draws 10]

Per draw: a random test part (a third, at most 3,000 items), and two random halves of the rest (at most 1,000 items
each). The curve is measured inside the first half alone, by subsamples and leave-one-out; the forecast of twice as many
labels is compared with the accuracy on the test part of a head on both halves, minus that of a head on the first.
"""

from __future__ import annotations

import argparse
import time
from typing import cast

import numpy as np
from _common import say, table, write_section
from _rows import rows_of
from numpy.typing import NDArray

from headstart.evaluate.curves.measure import JudgedItems, Subject
from headstart.evaluate.learning_curve import curve_of
from headstart.heads import HEADS, HeadSearch, SpectralHead, select_head
from headstart.types import Task

SETS = ("trec6", "clothing10", "esc10", "banking77", "twitter_financial_news", "fsdd")
MOST_TESTED, MOST_LABELS = 3000, 1000


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SETS))
    parser.add_argument("--draws", type=int, default=10)
    args = parser.parse_args()
    shown, every = [], []
    for name in args.names:
        x, y, data, _ = rows_of(name)
        task = data.labelled()[0]
        found = np.array([_draw(x, y, task, seed) for seed in range(args.draws)])
        shown.append(_line(name, found))
        every.append(found)
        say(" | ".join(shown[-1]))
    header = [
        "data", "labels", "forecast", "interval", "really", "mean error", "inside", "inside, with the test's noise",
        "CPU seconds",
    ]  # fmt: skip
    joined = np.concatenate(every)
    total = (
        f"{_inside(joined).sum()} of {len(joined)} intervals hold what the other half brought on the test part, "
        f"{_inside(joined, noisy=True).sum()} with the noise of the test part (goal: 95%)."
    )
    write_section("Learning curves", [*table(header, shown), "", total])


def _draw(x: NDArray[np.float32], y: NDArray[np.int64], task: Task, seed: int) -> tuple[float, ...]:
    """Forecast, bounds, what was really gained and the noise of that, labels and seconds."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    tested = order[: min(MOST_TESTED, len(y) // 3)]
    rest = order[len(tested) :][: 2 * MOST_LABELS]
    half, search = rest[: len(rest) // 2], HeadSearch(layers="last")
    head = select_head(x[half], y[half], task, search=search, seed=seed)
    kind = cast("SpectralHead", HEADS[head.head])  # the default heads are
    began = time.process_time()
    subject = Subject(x[half], y[half], task, head.feature_map, kind, seed=seed)
    judged = JudgedItems(head.feature_map(x[half]), y[half], np.arange(len(half)))
    forecast = curve_of(subject, judged, seconds=1.0).forecasts[-1]
    seconds = time.process_time() - began
    wrong = []
    for index in (half, rest[: 2 * len(half)]):
        fitted = select_head(x[index], y[index], task, search=search, seed=seed)
        wrong.append(fitted.scores(x[tested]).argmax(axis=1) != y[tested])
    gained = wrong[0] * 1.0 - wrong[1]
    noise = 1.96 * gained.std() / np.sqrt(len(gained))  # of what the test part shows
    return forecast.gain, forecast.low, forecast.high, float(gained.mean()), noise, float(len(half)), seconds


def _inside(found: NDArray[np.float64], *, noisy: bool = False) -> NDArray[np.bool_]:
    """Whether the interval holds what was really gained; ``noisy`` allows for the noise of the test part too."""
    gain, low, high, really, noise, *_ = found.T
    bounds = np.where(really > gain, high - gain, gain - low)
    return np.asarray(np.abs(really - gain) <= np.hypot(bounds, noise if noisy else 0.0))


def _line(name: str, found: NDArray[np.float64]) -> list[str]:
    gain, low, high, really, noise, labels, seconds = found.T
    return [
        name,
        f"{labels[0]:.0f}",
        f"{100 * gain.mean():+.1f}",
        f"± {50 * (high - low).mean():.1f}",
        f"{100 * really.mean():+.1f} ± {100 * noise.mean():.1f}",
        f"{100 * np.abs(gain - really).mean():.1f}",
        f"{_inside(found).sum()} of {len(found)}",
        f"{_inside(found, noisy=True).sum()} of {len(found)}",
        f"{seconds.mean():.1f}",
    ]


if __name__ == "__main__":
    main()
