"""Two bodies on the same real questions: compared on kept predictions and on the official test split."""

from __future__ import annotations

import pandas as pd
import pytest

import headstart

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def test_two_text_bodies_are_compared_on_the_questions_of_trec(real_data, tmp_path):
    folder = real_data / "text" / "trec6"
    train = pd.read_csv(folder / "train.csv").sample(400, random_state=0)
    sources = {"text": "headstart:text", "multilingual": "headstart:multilingual"}
    for name, source in sources.items():
        headstart.fit(train, source=source, label="label", baselines="none", out=tmp_path / name, verbose=False)
    runs = [tmp_path / name for name in sources]
    new = headstart.compare(runs, folder / "test.csv", out=tmp_path / "both", verbose=False)
    assert new.comparison.n == 500
    assert "points" in new.verdict
    pair = new.comparison.pairs[0]
    assert len(new.items) >= pair.only_first + pair.only_second > 0
    assert pair.main.low < pair.main.value < pair.main.high
    assert (tmp_path / "both" / "report.html").stat().st_size < 2_000_000
    kept = headstart.compare(runs, verbose=False)
    assert 0 < kept.comparison.n <= 400
