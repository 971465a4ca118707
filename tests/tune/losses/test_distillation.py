"""The losses of distillation against their formulas."""

import numpy as np
import pytest
import torch

from headstart.errors import DataError, ParameterError
from headstart.tune.losses.distillation import kd_loss, row_loss


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_kd_loss_is_the_divergence_of_softened_answers_times_the_square_of_the_temperature(temperature):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 5, 3)) * 3
    expected = 0.0
    for ours, theirs in zip(student, teacher, strict=True):
        q, p = (np.exp(v / temperature) / np.exp(v / temperature).sum() for v in (ours, theirs))
        expected += temperature**2 * sum(p[k] * np.log(p[k] / q[k]) for k in range(3)) / 5
    found = kd_loss(torch.tensor(student), torch.tensor(teacher), temperature=temperature)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_at_high_temperature_the_gradient_is_that_of_matching_centred_logits():
    rng = np.random.default_rng(0)
    student = torch.tensor(rng.normal(size=(4, 6)), dtype=torch.float32, requires_grad=True)
    teacher = torch.tensor(rng.normal(size=(4, 6)), dtype=torch.float32)
    kd_loss(student, teacher, temperature=200.0).backward()
    centred = [v - v.mean(dim=1, keepdim=True) for v in (student.detach(), teacher)]
    expected = (centred[0] - centred[1]) / (4 * 6)
    torch.testing.assert_close(student.grad, expected, rtol=0.02, atol=1e-4)


def test_row_losses_are_their_formulas():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 5, 3))
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(ours, theirs, strict=True)]
    assert row_loss(torch.tensor(ours), torch.tensor(theirs), "cosine").item() == pytest.approx(1 - np.mean(cosines))
    assert row_loss(torch.tensor(ours), torch.tensor(theirs)).item() == pytest.approx(np.mean((ours - theirs) ** 2))
    with pytest.raises(ParameterError, match="kind"):
        row_loss(torch.tensor(ours), torch.tensor(theirs), "l1")
    with pytest.raises(DataError, match=r"\(5, 3\) and \(4, 3\)"):
        row_loss(torch.tensor(ours), torch.tensor(theirs[1:]))
    with pytest.raises(ParameterError, match="temperature"):
        kd_loss(torch.tensor(ours), torch.tensor(theirs), temperature=0)
