"""Fits without the items whose labels are suspect."""

from __future__ import annotations

import numpy as np

from headstart.heads import HeadSearch, select_head
from headstart.types import Block, Task

TASK = Task("classification", ("a", "b", "c"))
BLOCKS = (Block("only", 8),)


def flipped(n=300, share=0.1, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    x = rng.normal(size=(n, 8)) + 2.5 * np.eye(3, 8)[truth]
    wrong = rng.choice(n, int(share * n), replace=False)
    y = truth.copy()
    y[wrong] = (y[wrong] + rng.integers(1, 3, len(wrong))) % 3
    return x, y, truth, wrong


def test_dropping_suspects_leaves_them_out_of_fit_moments_and_evidence():
    x, y, _, wrong = flipped()
    plain = select_head(x, y, TASK, blocks=BLOCKS)
    clean = select_head(x, y, TASK, blocks=BLOCKS, search=HeadSearch(drop_suspects=True))
    assert np.isin(clean.dropped, wrong).mean() > 0.8
    assert not np.isin(clean.evidence.index, clean.dropped).any()
    assert clean.moments.n == len(y) - len(clean.dropped)
    test, codes, _, _ = flipped(3000, 0.0, seed=5)
    accuracy = [(head.scores(test).argmax(axis=1) == codes).mean() for head in (plain, clean)]
    assert accuracy[1] > accuracy[0] - 0.01


def test_a_class_is_never_dropped_whole():
    x, y, _, _ = flipped(60, 0.0)
    y[:] = np.where(np.arange(60) == 0, 2, np.minimum(y, 1))
    y[3] = 2
    head = select_head(x, y, TASK, blocks=BLOCKS, search=HeadSearch(drop_suspects=True))
    assert (y[np.setdiff1d(np.arange(60), head.dropped)] == 2).sum() == 2
