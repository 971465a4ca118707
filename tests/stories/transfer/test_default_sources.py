"""The default source on real data: never more than a point below the best installed one, beyond noise.

Noise is one standard error of the paired difference, as in the race that chooses: on TREC-6 the multilingual body is
right on 7 more of the 500 test questions than the chosen English one, which the race on training questions cannot see.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.evaluate.intervals.shares import paired_shares
from headstart.sources.default import installed_sources

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

POINT = 0.0101
ONE_ERROR = 0.68  # coverage of an interval of one standard error on each side


def needs(*names: str) -> None:
    missing = {f"headstart:{name}" for name in names} - installed_sources()
    if missing:
        pytest.skip(f"{', '.join(sorted(missing))} not installed: pip install 'headstart[bodies]'")


def hits(run: headstart.Run) -> np.ndarray:
    """Which items were predicted correctly, in the order of their ids."""
    columns = run.tables.predictions
    right = np.asarray(columns["label"]) == np.asarray(columns["predicted"])
    assert right.mean() == pytest.approx(run.evaluation.metrics["accuracy"].value)
    return right[np.argsort(np.asarray(columns["id"]))]


def compared(data: object, names: tuple[str, ...], **options: str) -> tuple[str, dict[str, np.ndarray]]:
    """The chosen source, and the hits of each source and of the default."""
    chosen = headstart.fit(data, baselines="none", verbose=False, **options)
    reached = {"default": hits(chosen)}
    for name in names:
        run = headstart.fit(data, source=f"headstart:{name}", baselines="none", verbose=False, **options)
        reached[name] = hits(run)
    return chosen.record["source_choice"]["chosen"], reached


def check_not_worse(reached: dict[str, np.ndarray]) -> None:
    """The default is at most a point below each source, beyond noise."""
    means = {name: float(right.mean()) for name, right in reached.items()}
    for right in reached.values():
        _, high = paired_shares(reached["default"], right, level=ONE_ERROR)
        assert high >= -POINT, means


@pytest.mark.parametrize(
    ("archive", "names", "chosen"),
    [
        ("images/hymenoptera.tar", ("image", "photo"), "headstart:photo"),
        ("audio/fsdd_1200.tar.gz", ("image", "photo", "speech"), "headstart:speech"),
        ("audio/esc10.tar", ("image", "photo", "speech"), ""),
    ],
)
def test_pictures_and_sounds(real_data: Path, archive, names, chosen):
    needs(*names)
    found, reached = compared(str(real_data / archive), names)
    assert found == (chosen or found)
    check_not_worse(reached)


@pytest.mark.parametrize(
    ("table", "train", "test"),
    [("zh_thucnews10", 500, 500), ("trec6", 5452, 500), ("twitter_financial_news", 2000, 1000)],
)
def test_texts(real_data: Path, table, train, test):
    needs("text", "multilingual")
    import pandas as pd

    folder = real_data / "text" / table
    held_out = folder / ("valid.csv" if (folder / "valid.csv").exists() else "test.csv")
    parts = {"train": (folder / "train.csv", train), "test": (held_out, test)}
    frames = [
        pd.read_csv(path).sample(count, random_state=0).assign(split=part) for part, (path, count) in parts.items()
    ]
    data = pd.concat(frames)[["text", "label", "split"]]
    assert np.isin(["train", "test"], data.split).all()
    found, reached = compared(data, ("text", "multilingual"), label="label", item="text")
    check_not_worse(reached)
    assert found.startswith("headstart:")
