"""`headstart suggest` against a random choice: accuracy after labelling as many items, at three budgets.

    python benchmarks/suggest.py [clothing10 banking77 esc10 twitter_financial_news] [--draws 10]

Per draw: a random test part (a third, at most 2,000 items), a random start with at least one item of each class, and
the rest as the pool (at most 3,000). The same start is doubled by suggested and by random items, and the head is solved
again. The form of the choice and its constants were set on TREC-6, CIFAR-10 and FSDD, and looked at on CLINC150; the
sets above had no part in it.
"""

from __future__ import annotations

import argparse

import numpy as np
from _common import say, table, write_section
from _rows import rows_of
from numpy.typing import NDArray
from scipy.stats import t

from headstart.heads import HeadSearch, select_head
from headstart.heads.spectral.kept_moments import kept_moments
from headstart.model import TransferModel
from headstart.transfer.suggestions.choice import suggest_rows
from headstart.types import Source, Task

JUDGED = ("clothing10", "banking77", "esc10", "twitter_financial_news")
PER_CLASS = (2, 5, 10)
MOST_TESTED, MOST_POOLED = 2000, 3000


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(JUDGED))
    parser.add_argument("--draws", type=int, default=10)
    args = parser.parse_args()
    shown: list[list[str]] = []
    for name in args.names:
        x, y, data, source = rows_of(name)
        task = data.labelled()[0]
        for start in PER_CLASS:
            found = np.array([_draw(x, y, source, task=task, start=start, seed=seed) for seed in range(args.draws)])
            shown.append(_line(name, start * task.num_outputs, found))
            say(" | ".join(shown[-1]))
    header = ["data", "labels", "before", "random", "suggested", "difference", "draws", "balanced accuracy"]
    write_section("Suggested labels", table(header, shown))


def _draw(
    x: NDArray[np.float32], y: NDArray[np.int64], source: Source, *, task: Task, start: int, seed: int
) -> list[float]:
    """Accuracy at the start, after random labels, and after suggested ones; then balanced accuracy of the last two."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    tested = order[: min(MOST_TESTED, len(y) // 3)]
    rest = order[len(tested) : len(tested) + MOST_POOLED]
    first = np.array([rest[np.flatnonzero(y[rest] == code)[0]] for code in range(task.num_outputs)])
    others = np.setdiff1d(rest, first)
    count = start * task.num_outputs
    labelled = np.append(first, rng.permutation(others)[: count - len(first)])
    pool = np.setdiff1d(rest, labelled)
    search = HeadSearch(layers="last")

    def solved(index: NDArray[np.intp]) -> tuple[TransferModel, float, float]:
        head = select_head(x[index], y[index], task, search=search)
        hits = head.scores(x[tested]).argmax(axis=1) == y[tested]
        balanced = np.mean([hits[y[tested] == code].mean() for code in np.unique(y[tested])])
        model = TransferModel(source, task, head, kept_moments(x[index], y[index], task, head, search))
        return model, float(hits.mean()), float(balanced)

    model, before, _ = solved(labelled)
    _, by_chance, balanced_by_chance = solved(np.append(labelled, rng.choice(pool, count, replace=False)))
    _, suggested, balanced = solved(np.append(labelled, pool[suggest_rows(model, x[pool], count).index]))
    return [before, by_chance, suggested, balanced_by_chance, balanced]


def _line(name: str, labels: int, found: NDArray[np.float64]) -> list[str]:
    before, by_chance, suggested, *_ = found.mean(axis=0)
    gain, balanced = found[:, 2] - found[:, 1], found[:, 4] - found[:, 3]
    return [
        name,
        f"{labels} + {labels}",
        f"{before:.3f}",
        f"{by_chance:.3f}",
        f"{suggested:.3f}",
        _difference(gain),
        f"{(gain > 0).sum()} of {len(gain)}",
        _difference(balanced),
    ]


def _difference(gain: NDArray[np.float64]) -> str:
    """The mean over draws in points, with its 95% interval by Student's t."""
    half = t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else float("nan")
    return f"{100 * gain.mean():+.1f} ± {100 * half:.1f}"


if __name__ == "__main__":
    main()
