"""Suspect labels, and what speaks against them."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.checks import toy_task
from headstart.errors import ParameterError
from headstart.heads import HeadSearch, select_head
from headstart.heads.label_noise.suspects import find_suspects, influential_rows
from headstart.heads.spectral.leave_one_out import leave_one_out_outputs
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum
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


def test_most_flipped_labels_are_found():
    x, y, _, wrong = flipped()
    head = select_head(x, y, TASK, blocks=BLOCKS)
    found = find_suspects(leave_one_out_outputs(x, y, TASK, head), y)
    hits = np.isin(found.index, wrong).sum()
    assert hits / len(wrong) > 0.5
    assert hits / len(found) > 0.8
    assert (np.diff(found.p_predicted / found.p_given) <= 1e-9).all()
    assert (found.margin > 0).all()


def test_left_out_outputs_of_all_rows_are_those_of_refits_in_any_chunk(monkeypatch):
    from headstart.heads.spectral import leave_one_out as module

    x, y, _, _ = flipped(60)
    groups = np.random.default_rng(0).permutation(np.arange(60) // 2)
    head = select_head(x, y, TASK, blocks=BLOCKS, groups=groups)
    monkeypatch.setattr(module, "CHUNK", 7)
    found = leave_one_out_outputs(x, y, TASK, head, groups=groups)
    np.testing.assert_allclose(found, head.evidence.outputs, atol=1e-9)


def test_the_most_influential_rows_change_the_prediction_most_when_they_go():
    x, y, _, _ = flipped(40)
    head = select_head(x, y, TASK, blocks=BLOCKS, search=HeadSearch(("ridge",)))
    outputs = leave_one_out_outputs(x, y, TASK, head)
    suspects = find_suspects(outputs, y, odds=1.0)
    mapped, first = head.feature_map(x), suspects.index[0]

    def value(rows):
        weight, bias = ridge_coefficients(Spectrum.from_rows(mapped[rows], np.eye(3)[y[rows]]), head.lam)
        return (mapped[first] @ weight + bias)[suspects.predicted[0]]

    whole = value(np.arange(40))
    drop = np.array([whole - value(np.delete(np.arange(40), i)) if i != first else -np.inf for i in range(40)])
    found = influential_rows(x, y, TASK, head, suspects)
    np.testing.assert_array_equal(found[0], np.argsort(-drop)[:3])


def test_other_tasks_have_no_suspects():
    x, y, task = toy_task("regression")
    with pytest.raises(ParameterError, match="classification only"):
        select_head(x, y, task, search=HeadSearch(drop_suspects=True))
