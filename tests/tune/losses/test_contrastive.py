"""Contrastive losses against their formulas."""

import numpy as np
import pytest
import torch

from headstart.errors import DataError, ParameterError
from headstart.tune.losses.contrastive import pair_cosine_loss, supervised_contrastive_loss


def rows_and_codes(n=7, d=5, classes=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)), np.arange(n) % classes


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_pair_cosine_loss_is_the_mean_of_both_kinds_of_pairs():
    rows, codes = rows_and_codes()
    z, kinds = unit(rows), {True: [], False: []}
    for i in range(len(z)):
        for j in range(i):
            alike = bool(codes[i] == codes[j])
            kinds[alike].append((z[i] @ z[j] - alike) ** 2)
    expected = (np.mean(kinds[True]) + np.mean(kinds[False])) / 2
    found = pair_cosine_loss(torch.from_numpy(rows), torch.from_numpy(codes))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_supervised_contrastive_loss_is_equation_2_of_the_paper():
    rows, codes = rows_and_codes(8, 5, 3)
    codes[-1] = 9  # alone in its class: it counts in the denominators only
    z, temperature, losses = unit(rows), 0.3, []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positive = [p for p in others if codes[p] == codes[i]]
        whole = sum(np.exp(z[i] @ z[a] / temperature) for a in others)
        if positive:
            losses.append(-np.mean([np.log(np.exp(z[i] @ z[p] / temperature) / whole) for p in positive]))
    found = supervised_contrastive_loss(torch.from_numpy(rows), torch.from_numpy(codes), temperature=temperature)
    assert len(losses) == 7
    assert found.item() == pytest.approx(np.mean(losses), abs=1e-12)


@pytest.mark.parametrize("loss", [pair_cosine_loss, supervised_contrastive_loss])
def test_losses_have_right_gradients_and_ask_for_classes(loss):
    rows, codes = rows_and_codes(5, 3, 2)
    leaf = torch.from_numpy(rows).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.from_numpy(codes)), (leaf,))
    assert torch.isfinite(loss(leaf, torch.arange(5)))  # no pairs of a class
    with pytest.raises(DataError, match="a class code for each"):
        loss(leaf, torch.zeros(4))
    with pytest.raises(ParameterError, match="temperature"):
        supervised_contrastive_loss(leaf, torch.from_numpy(codes), temperature=0)
