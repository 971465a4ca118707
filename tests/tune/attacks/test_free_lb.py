"""FreeLB against its algorithm written out, and on a model whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from headstart.errors import DataError, ParameterError
from headstart.tune.attacks.free_lb import free_lb
from headstart.tune.attacks.perturbation import row_norms

IDS = torch.tensor([[1, 2, 3, 0], [4, 5, 6, 7]])
MASK = (IDS > 0).long()
Y = torch.tensor([0, 1])


def seeded(seed):
    return torch.Generator().manual_seed(seed)


class Text(nn.Module):
    """Token embeddings, a layer, the mean over tokens, two logits."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table, self.layer, self.head = nn.Embedding(8, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def loss(self, embedding):
        rows = torch.tanh(self.layer(embedding)) * MASK[..., None]
        return cross_entropy(self.head(rows.sum(dim=1) / MASK.sum(dim=1, keepdim=True)), Y)


@pytest.fixture
def model():
    return Text()


def gradients(model):
    return {name: value.grad.clone() for name, value in model.named_parameters()}


def test_without_a_perturbation_it_is_backward(model):
    loss = free_lb(model.loss, model.table(IDS), epsilon=0.0, steps=2, generator=seeded(0))
    ours = gradients(model)
    model.zero_grad()
    plain = model.loss(model.table(IDS))
    plain.backward()
    assert torch.allclose(loss, plain)
    assert all(torch.allclose(value, ours[name], atol=1e-7) for name, value in gradients(model).items())


@pytest.mark.parametrize("steps", [1, 3])
def test_it_is_the_algorithm(model, steps):
    """The same, with each perturbation's gradient through the embedding table itself."""
    epsilon, size = 0.4, 0.15
    loss = free_lb(
        model.loss, model.table(IDS), epsilon=epsilon, step_size=size, steps=steps, mask=MASK, generator=seeded(3)
    )
    ours = gradients(model)
    model.zero_grad()
    drawn = 2 * torch.rand(2, 4, 6, generator=seeded(3)) - 1
    change = drawn * MASK[..., None] * epsilon / (6 * torch.tensor([3.0, 4.0])).sqrt()[:, None, None]
    total = 0.0
    for _ in range(steps):
        change = change.detach().requires_grad_()
        mean = model.loss(model.table(IDS) + change) / steps
        mean.backward()
        total += mean.item()
        moved = change + size * change.grad / row_norms(change.grad)
        change = torch.stack([one * min(1, epsilon / one.norm()) for one in moved])
    assert loss.item() == pytest.approx(total, rel=1e-5)
    assert all(torch.allclose(value, ours[name], atol=1e-6) for name, value in gradients(model).items())


def perturbations(steps, epsilon, step_size, mask=None):
    """What a loss function that keeps its inputs is shown, less the embedding."""
    seen = []

    def loss(embedding):
        seen.append(embedding.detach().clone())
        return (embedding * torch.arange(6.0)).sum(dim=(1, 2))

    free_lb(
        loss, torch.zeros(2, 4, 6), epsilon=epsilon, step_size=step_size, steps=steps, mask=mask, generator=seeded(0)
    )
    return seen


def test_perturbations_stay_in_the_ball_and_reach_its_surface():
    seen = perturbations(8, epsilon=0.5, step_size=0.2)
    norms = torch.stack([row_norms(one).flatten() for one in seen])
    assert norms.max() <= 0.5 + 1e-6
    assert norms[-1].min() >= 0.5 - 1e-5
    assert norms[0].max() < 0.5
    assert not torch.equal(seen[0], torch.zeros_like(seen[0]))
    uphill = torch.arange(6.0).expand(4, 6)
    assert torch.nn.functional.cosine_similarity(seen[-1].flatten(1), uphill.flatten()[None]).min() > 0.99


def test_padding_is_not_perturbed():
    for one in perturbations(3, epsilon=0.5, step_size=0.2, mask=MASK):
        assert (one[0, 3] == 0).all()
        assert (one[1] != 0).any(dim=1).all()


def test_gradients_add_to_what_is_there_and_frozen_tables_have_none(model):
    model.head.weight.grad = torch.ones_like(model.head.weight)
    model.table.requires_grad_(requires_grad=False)
    free_lb(model.loss, model.table(IDS), generator=seeded(0))
    added = model.head.weight.grad - 1
    model.zero_grad()
    free_lb(model.loss, model.table(IDS), generator=seeded(0))
    assert torch.allclose(added, model.head.weight.grad, atol=1e-6)
    assert model.table.weight.grad is None


def test_it_is_harder_than_plain_training_and_deterministic(model):
    state = torch.get_rng_state()
    losses = [free_lb(model.loss, model.table(IDS), generator=seeded(seed)).item() for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]
    assert losses[0] > model.loss(model.table(IDS)).item()
    assert torch.equal(torch.get_rng_state(), state)


def test_bad_input_is_refused(model):
    with pytest.raises(DataError, match=r"perturbs an embedding \(n, tokens, width\)"):
        free_lb(model.loss, torch.zeros(2, 3), generator=seeded(0))
    with pytest.raises(DataError, match="one number per token"):
        free_lb(model.loss, torch.zeros(2, 4, 6), mask=MASK[:, :3], generator=seeded(0))
    with pytest.raises(ParameterError, match="'steps' parameter of free_lb"):
        free_lb(model.loss, torch.zeros(2, 4, 6), steps=0, generator=seeded(0))


def test_a_body_that_reads_embedded_tokens_is_perturbed_like_one_with_its_own_table():
    """The token embeddings of a large vocabulary stay outside of the body, and the batch holds embedded tokens."""
    from headstart.tune.attacks.free_lb import _embedded

    ids, table = torch.tensor([[1, 2]]), torch.nn.Embedding(9, 4)
    outside = torch.nn.Identity()
    own = torch.nn.ModuleDict({"embeddings": torch.nn.ModuleDict({"word_embeddings": table})})
    other = torch.nn.ModuleDict({"embeddings": torch.nn.ModuleDict({"word_embeddings": outside})})
    layer, tokens = _embedded(own, {"input_ids": ids})
    same, embedded = _embedded(other, {"inputs_embeds": table(ids)})
    assert layer is table
    assert same is outside
    assert torch.equal(tokens, embedded)
