"""The default source on real data: its accuracy is never more than a point below that of the best installed one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.sources.default import installed_sources

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

POINT = 0.01


def needs(*names: str) -> None:
    missing = {f"headstart:{name}" for name in names} - installed_sources()
    if missing:
        pytest.skip(f"{', '.join(sorted(missing))} not installed: pip install 'headstart[bodies]'")


def accuracies(data: object, names: tuple[str, ...], **options: str) -> tuple[str, dict[str, float]]:
    """The chosen source, and the accuracy of each source and of the default."""
    chosen = headstart.fit(data, baselines="none", verbose=False, **options)
    runs = {"default": chosen} | {
        name: headstart.fit(data, source=f"headstart:{name}", baselines="none", verbose=False, **options)
        for name in names
    }
    reached = {name: run.evaluation.metrics["accuracy"].value for name, run in runs.items()}
    return chosen.record["source_choice"]["chosen"], reached


def check_not_worse(reached: dict[str, float]) -> None:
    """The default is at most a point below the best source."""
    assert reached["default"] >= max(reached.values()) - POINT - 1e-9, reached


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
    found, reached = accuracies(str(real_data / archive), names)
    assert found == (chosen or found)
    check_not_worse(reached)


@pytest.mark.parametrize(
    ("table", "train", "test", "chosen"),
    [
        ("zh_thucnews10", 500, 500, "multilingual"),
        ("trec6", 5452, 500, "multilingual"),
        ("twitter_financial_news", 2000, 1000, "multilingual"),
        ("banking77", 2000, 1000, "text"),
    ],
)
def test_texts(real_data: Path, table, train, test, chosen):
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
    found, reached = accuracies(data, ("text", "multilingual"), label="label", item="text")
    check_not_worse(reached)
    assert found == f"headstart:{chosen}"
