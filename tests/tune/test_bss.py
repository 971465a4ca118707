"""Batch spectral shrinkage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import ParameterError
from headstart.model import TransferModel
from headstart.sources.toy_shift import toy_shift
from headstart.tune.bss import BSS, BatchSpectralShrinkage, smallest_squared_singular_values
from headstart.tune.training.settings import Training


def test_solves_the_toy_shift_and_reopens(tmp_path):
    shift = toy_shift()
    model = replace(BSS, training=Training(epochs=25, batch_size=64, learning_rate=0.03)).fit(shift.source, shift.train)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    opened = TransferModel.load(model.save(tmp_path / "model"), source=model.source)
    assert np.array_equal(opened.predict_proba(shift.test.items), model.predict_proba(shift.test.items))


@pytest.mark.parametrize("shape", [(6, 11), (11, 6)])
def test_the_values_are_those_of_the_singular_value_decomposition(shape):
    rows = np.random.default_rng(0).normal(size=shape)
    expected = np.sort(np.linalg.svd(rows, compute_uv=False) ** 2)
    for count in (1, 3, 6, 9):
        found = smallest_squared_singular_values(torch.from_numpy(rows), count).numpy()
        assert found == pytest.approx(expected[:count], rel=1e-10)


def test_the_gradient_is_that_of_finite_differences():
    rows = torch.from_numpy(np.random.default_rng(1).normal(size=(4, 7))).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: smallest_squared_singular_values(x, 2).sum(), rows)


def test_the_penalty_reads_the_last_block(planned):
    _, plan = planned(replace(BSS, eta=0.5, count=2))
    rows = np.random.default_rng(2).normal(size=(5, 3))
    found = plan.penalty(None, (torch.zeros(5, 2), torch.from_numpy(rows)), None).item()
    assert found == pytest.approx(0.5 * np.sum(np.sort(np.linalg.svd(rows, compute_uv=False))[:2] ** 2))


def test_parameters_are_checked():
    with pytest.raises(ParameterError, match="'count' parameter of BatchSpectralShrinkage"):
        BatchSpectralShrinkage(count=0)
