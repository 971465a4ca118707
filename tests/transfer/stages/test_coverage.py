"""Coverage that a fit reports: of which fits it is, and that suspects count as in the model."""

from __future__ import annotations

import numpy as np

import headstart
from headstart.data import read
from headstart.evaluate.held_out import SplitPlan, held_out_outputs
from headstart.heads import HeadSearch
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.coverage import coverage_parts
from headstart.transfer.stages.prepare import prepare


def noisy(n, wrong):
    """Two clear classes, of which a share has the other label."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    rows = rng.normal(0, 0.3, (n, 3)) + np.outer(2 * y - 1, [1.0, 1.0, 0.0])
    flipped = [0, 2, 5, 7][: int(wrong * n)]  # a share of 10% would make their label one tenth as probable
    y[flipped] = 1 - y[flipped]
    return rows, np.array(["low", "high"])[y]


def test_folds_count_the_items_that_they_set_aside():
    """Without them every kept score is good, and sets of one label would promise too much."""
    rows, y = noisy(160, 0.025)
    data, source = read((rows, y)), open_source("vector")
    prepared = prepare(data, source, RunContext(SilentReporter()))
    task, codes = prepared.dataset.labelled()
    halves = tuple(np.flatnonzero(np.arange(160) // 2 % 2 == k) for k in (0, 1))
    plan = SplitPlan(((halves[0], halves[1]), (halves[1], halves[0])), "two halves")
    held_out = held_out_outputs(prepared.rows, codes, task, plan, search=HeadSearch(("lda",), drop_suspects=True))
    model = headstart.fit((rows, y), heads=("lda",), baselines="none", verbose=False).model
    parts = coverage_parts(prepared, plan, held_out, model, None)
    assert sum(len(head.dropped) for head in held_out.heads) > 0
    for part in parts:
        assert part.predictor.certainty.units == 80
        assert part.predictor.method == "jackknife"
        assert len(part.predictor.certainty.scores) == 80


def test_the_record_says_which_fits_were_measured():
    rows, y = noisy(60, 0.0)
    run = headstart.fit((rows, y), heads=("ridge",), baselines="none", verbose=False)
    said = run.record["certainty"]
    assert said["coverage"][0]["fits"] == 10
    assert said["coverage"][0]["method"] == "jackknife"
    assert "cross-conformal" in said["coverage_method"]
    assert "that of 10 fits to parts of the data, by the jackknife" in said["coverage_method"]
