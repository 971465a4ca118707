"""FGSM and PGD against closed forms and brute force, and what every attack must leave alone."""

from __future__ import annotations

from functools import partial
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from headstart.errors import DataError, ParameterError
from headstart.tune.attacks.fgsm import fgsm, fgsm_random_start
from headstart.tune.attacks.perturbation import Ball, input_gradient, row_norms
from headstart.tune.attacks.pgd import pgd


def seeded(seed):
    return torch.Generator().manual_seed(seed)


ATTACKS = {
    "fgsm": lambda loss, x, epsilon, high=1.0: fgsm(loss, x, epsilon=epsilon, high=high),
    "fgsm_random_start": lambda loss, x, epsilon, high=1.0: fgsm_random_start(
        loss, x, epsilon=epsilon, generator=seeded(0), high=high
    ),
    "pgd linf": lambda loss, x, epsilon, high=1.0: pgd(loss, x, epsilon=epsilon, generator=seeded(0), high=high),
    "pgd l2": lambda loss, x, epsilon, high=1.0: pgd(
        loss, x, epsilon=epsilon, norm="l2", generator=seeded(0), high=high
    ),
}
everyone = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)


@pytest.fixture
def network():
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(3)
    )
    body(torch.rand(8, 3, 6, 6))
    return body.eval()


@pytest.fixture
def batch():
    return torch.rand(8, 3, 6, 6, generator=seeded(1)), torch.arange(8) % 3


@pytest.mark.parametrize("high", [1.0, 255.0])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", ["fgsm", "fgsm_random_start", "pgd linf"])
def test_the_optimum_on_a_linear_model_is_reached(name, reduction, high):
    x, w = high * torch.rand(9, 20, generator=seeded(0)), torch.randn(20, generator=seeded(1))
    y = torch.tensor([-1.0, 1.0, 1.0]).repeat(3)
    epsilon = 0.1 * high

    def loss(moved):
        losses = nn.functional.softplus(-y * (moved @ w) / high)
        return losses.mean() if reduction == "mean" else losses

    best = (x - epsilon * y[:, None] * w.sign()).clamp(0, high)
    if name == "fgsm_random_start":  # a step of 2 epsilon reaches the other side from any start
        found = fgsm_random_start(loss, x, epsilon=epsilon, step_size=2 * epsilon, generator=seeded(0), high=high)
    else:
        found = ATTACKS[name](loss, x, epsilon, high)
    assert torch.allclose(found, best, atol=1e-6 * high)


@pytest.mark.parametrize("steps", [1, 10])
def test_the_l2_optimum_on_a_linear_model_is_reached(steps):
    x, w = 0.3 + 0.4 * torch.rand(5, 20, generator=seeded(0)), torch.randn(20, generator=seeded(1))
    found = pgd(lambda moved: moved @ w, x, epsilon=0.2, steps=steps, norm="l2")
    assert torch.allclose(found, x + 0.2 * w / w.norm(), atol=1e-6)


def test_pgd_is_as_good_as_brute_force_over_the_corners():
    # Cross-entropy of a linear model is convex, so that its maximum over a box is at one of the corners.
    x, y = torch.rand(12, 8, generator=seeded(0)), torch.arange(12) % 3
    weight = torch.randn(8, 3, generator=seeded(1))

    def loss(moved):
        return cross_entropy(moved @ weight, y, reduction="none")

    corners = [(x + 0.3 * torch.tensor(signs)).clamp(0, 1) for signs in product([-1.0, 1.0], repeat=8)]
    best = torch.stack([loss(corner) for corner in corners]).max(dim=0).values
    starts = [loss(pgd(loss, x, epsilon=0.3, steps=20, generator=seeded(seed))) for seed in range(8)]
    found = torch.stack(starts).max(dim=0).values
    # Its gradient may lead to a corner that is the best nearby only.
    assert (found >= 0.95 * best).all()
    assert torch.isclose(found, best, atol=1e-5).float().mean() >= 0.8
    assert (starts[0] <= best + 1e-5).all()
    assert (loss(fgsm(loss, x, epsilon=0.3)) <= best + 1e-5).all()


@everyone
@pytest.mark.parametrize("high", [1.0, 255.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.03, 0.5])
def test_no_attack_leaves_the_ball_or_the_range(attack, high, epsilon, network, batch):
    x, y = batch
    x[0], x[1] = 0.0, 1.0
    moved = attack(lambda moved: cross_entropy(network(moved / high), y), x * high, epsilon * high, high)
    change = (moved - x * high).flatten(1)
    norms = change.norm(dim=1) if attack is ATTACKS["pgd l2"] else change.abs().amax(dim=1)
    assert norms.max() <= epsilon * high * (1 + 1e-5) + 1e-7
    assert moved.min() >= 0
    assert moved.max() <= high
    assert not moved.requires_grad


@everyone
def test_the_loss_rises(attack, network, batch):
    x, y = batch
    before = cross_entropy(network(x), y)
    assert cross_entropy(network(attack(lambda moved: cross_entropy(network(moved), y), x, 0.1)), y) > before


@everyone
def test_parameters_their_gradients_and_running_means_are_left_alone(attack, network, batch):
    x, y = batch
    cross_entropy(network(x), y).backward()
    gradients = {name: value.grad.clone() for name, value in network.named_parameters()}
    state = {name: value.clone() for name, value in network.state_dict().items()}
    given = x.clone()
    attack(lambda moved: cross_entropy(network(moved), y), x, 0.1)
    assert all(torch.equal(value.grad, gradients[name]) for name, value in network.named_parameters())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert torch.equal(x, given)
    assert x.grad is None
    for value in network.parameters():
        value.grad = None
    attack(lambda moved: cross_entropy(network(moved), y), x, 0.1)
    assert all(value.grad is None for value in network.parameters())


@everyone
@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_may_be_off_outside(attack, off, network, batch):
    x, y = batch
    wanted = attack(lambda moved: cross_entropy(network(moved), y), x, 0.1)
    with off():
        assert torch.equal(attack(lambda moved: cross_entropy(network(moved), y), x.clone(), 0.1), wanted)


@pytest.mark.parametrize("attack", [fgsm, pgd, partial(pgd, norm="l2")])
def test_items_of_a_batch_do_not_touch_each_other(attack, network, batch):
    x, y = batch
    whole = attack(lambda moved: cross_entropy(network(moved), y, reduction="none"), x, epsilon=0.1)
    alone = attack(lambda moved: cross_entropy(network(moved), y[2:3]), x[2:3], epsilon=0.1)
    assert torch.allclose(whole[2:3], alone, atol=1e-5)


@pytest.mark.parametrize("make", [fgsm_random_start, pgd, partial(pgd, norm="l2")])
def test_chance_comes_from_the_given_generator_alone(make, network, batch):
    x, y = batch
    state = torch.get_rng_state()

    def loss(moved):
        return cross_entropy(network(moved), y)

    first, again, other = (make(loss, x, epsilon=0.1, generator=seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_random_starts_fill_the_ball():
    x = torch.full((4000, 2), 0.5)
    square = Ball(0.2).random_start(x, seeded(0)) - x
    assert 0.19 < square.abs().max() <= 0.2 + 1e-6
    assert square.abs().mean() == pytest.approx(0.1, abs=0.005)
    disc = row_norms(Ball(0.2, "l2").random_start(x, seeded(0)) - x)
    assert disc.max() <= 0.2 + 1e-6
    assert (disc < 0.1).float().mean() == pytest.approx(0.25, abs=0.03)  # a quarter of the area


def test_a_gradient_of_zero_moves_nothing():
    x = torch.full((2, 3), 0.5)
    for norm in ("linf", "l2"):
        assert torch.equal(pgd(lambda moved: (0 * moved).sum(), x, epsilon=0.1, norm=norm), x)


def test_bad_input_is_refused():
    x = torch.full((2, 3), 0.5)
    with pytest.raises(DataError, match="convert them by"):
        fgsm(torch.sum, (255 * x).to(torch.uint8), epsilon=0.1)
    with pytest.raises(DataError, match=r"must be in \[0, 1\]. Got values from -0.5 to 127.5"):
        pgd(torch.sum, torch.tensor([[-0.5, 127.5]]), epsilon=0.1)
    with pytest.raises(DataError, match="from nan to nan"):
        pgd(torch.sum, torch.full((1, 2), float("nan")), epsilon=0.1)
    with pytest.raises(ParameterError, match="no gradient by them"):
        fgsm(lambda moved: moved.detach().sum(), x, epsilon=0.1)
    weight = torch.ones(3, requires_grad=True)
    with pytest.raises(ParameterError, match="no gradient by them"):
        input_gradient(lambda _: weight.sum(), x)
    with pytest.raises(ParameterError, match="'norm' parameter of an attack must be one of 'linf', 'l2'"):
        pgd(torch.sum, x, epsilon=0.1, norm="l1")
    for settings in ({"epsilon": -0.1}, {"epsilon": 0.1, "steps": 0}, {"epsilon": 0.1, "step_size": -1.0}):
        with pytest.raises(ParameterError, match="Got "):
            pgd(torch.sum, x, **settings)
