"""The training loop: exact in what it computes, in how it goes on after a kill, and in what it says."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from array_batches import ArrayBatches
from torch import nn

from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.loop import train
from headstart.tune.training.schedules import schedule_factor
from headstart.tune.training.settings import Budget, Training

PLAIN = Training(epochs=3, batch_size=8, learning_rate=0.05, precision="fp32")


class KilledError(Exception):
    """Stands for a kill."""


def body(norm=True, seed=0):
    torch.manual_seed(seed)
    layers = [
        nn.Linear(3, 8),
        nn.BatchNorm1d(8) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(8, 1),
    ]
    return nn.Sequential(*layers)


def data(n=40):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(np.abs(x[:, :1]) + 0.5 * x[:, 1:2])


def job(module, *, groups=None, seed=0, parts=1, validate=True, diagnose=None, n=40, size=8):
    x, y = data(n)

    class Parts(ArrayBatches):
        def epoch(self, number, start):
            for [batch] in super().epoch(number, start):
                whole = len(batch[0])
                pieces = zip(*(array.chunk(parts) for array in batch), strict=True)
                yield [(*piece, len(piece[0]) / whole) for piece in pieces]

    def loss(batch):
        return ((module(batch[0]).float() - batch[1]) ** 2).mean() * batch[2]

    def judge():
        module.eval()
        with torch.no_grad():
            return float(((module(x) - y) ** 2).mean())

    groups = groups or (ParameterGroup(tuple(name for name, _ in module.named_parameters())),)
    return Job(module, groups, Parts((x, y), size, seed=seed), loss, judge if validate else None, diagnose)


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def trained(training=PLAIN, *, seed=0, budget=Budget(), key="", **options):
    module = body(options.pop("norm", True))
    outcome = train(job(module, seed=seed, **options), training, seed=seed, budget=budget, key=key, items=40)
    return weights(module), outcome


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_one_seed_gives_the_same_bits_and_another_one_others():
    first, outcome = trained()
    assert same(first, trained()[0])
    assert not same(first, trained(seed=1)[0])
    assert (outcome.stopped, outcome.epochs, outcome.steps) == ("done", 3, 15)
    assert outcome.loss < outcome.start_loss
    assert outcome.loss == min(outcome.start_loss, *(row["validation_loss"] for row in outcome.history))


def test_the_callers_generator_and_flags_are_left_as_they_were():
    module = body()
    module[0].requires_grad_(requires_grad=False)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(job(module, groups=(ParameterGroup(("4.weight",)),)), PLAIN)
    assert torch.equal(torch.rand(3), expected)
    assert [p.requires_grad for p in module.parameters()] == [False, False, True, True, True, True]
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not module.training


GRADUAL = (ParameterGroup(("0.weight", "0.bias"), 0.5, begin=0.6), ParameterGroup(("1.weight", "1.bias"), begin=0.3),
           ParameterGroup(("4.weight", "4.bias")))  # fmt: skip
RESUMED = {
    "adamw, mean": (replace(PLAIN, ema=0.9), None),
    "sgd": (replace(PLAIN, optimizer="sgd", schedule="one_cycle"), None),
    "gradual": (replace(PLAIN, schedule="slanted", ema=0.5), GRADUAL),
}


@pytest.mark.parametrize("how", RESUMED)
@pytest.mark.parametrize(("step", "seconds"), [(1, 0.0), (7, 0.0), (10, 1000.0), (14, 1000.0)])
def test_an_interrupted_training_goes_on_to_the_same_bits(how, step, seconds, tmp_path):
    training, groups = RESUMED[how]
    undisturbed, expected = trained(training, groups=groups)

    def progress(done, _total, _detail=""):
        if done == step:
            raise KilledError

    budget = Budget(folder=tmp_path, checkpoint_seconds=seconds)
    with pytest.raises(KilledError):
        trained(training, groups=groups, budget=replace(budget, progress=progress), key="a")
    steps = []
    budget = replace(budget, progress=lambda done, *_: steps.append(done))
    found, outcome = trained(training, groups=groups, budget=budget, key="a")
    assert same(found, undisturbed)
    assert steps[0] == (max(step, 1) if seconds == 0.0 else 1 + (step - 1) // 5 * 5)  # it did not begin anew
    values = [{k: v for k, v in row.items() if k != "seconds"} for row in outcome.history]
    assert values == [{k: v for k, v in row.items() if k != "seconds"} for row in expected.history]


def test_the_log_has_each_epoch_once_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.tune.training.log.find_spec", lambda _: None)  # TensorBoard takes long to import

    def progress(done, _total, _detail=""):
        if done == 12:
            raise KilledError

    budget = Budget(folder=tmp_path, checkpoint_seconds=1000, logs=tmp_path / "logs")
    with pytest.raises(KilledError):
        trained(budget=replace(budget, progress=progress), key="a")
    _, outcome = trained(budget=budget, key="a")
    with (tmp_path / "logs" / "training.csv").open() as opened:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(opened)]
    assert [row["step"] for row in rows] == [5.0, 10.0, 15.0]
    assert rows == list(outcome.history)


def test_a_finished_training_is_taken_up_as_it_is_and_another_one_is_not(tmp_path):
    first, outcome = trained(budget=Budget(folder=tmp_path), key="a")
    calls = []
    budget = Budget(folder=tmp_path, progress=lambda *_: calls.append(1))
    again, same_outcome = trained(budget=budget, key="a")
    assert same(first, again)
    assert not calls
    assert (same_outcome.stopped, same_outcome.loss, same_outcome.steps) == ("done", outcome.loss, 15)
    trained(budget=budget, key="b")
    assert len(calls) == 15


def test_micro_batches_give_the_step_of_the_whole_batch():
    still = replace(PLAIN, epochs=2)
    module = [body(norm=False).eval() for _ in range(2)]
    for one, parts in zip(module, (1, 3), strict=True):
        one[3].p = 0.0
        train(job(one, parts=parts), still)
    for name, value in weights(module[0]).items():
        torch.testing.assert_close(weights(module[1])[name], value, rtol=0, atol=1e-6)


def test_statistics_of_frozen_normalisations_stay_and_others_move():
    module = body()
    before = weights(module)
    train(job(module, groups=(ParameterGroup(("0.weight", "4.weight")),)), PLAIN)
    after = weights(module)
    assert torch.equal(before["1.running_mean"], after["1.running_mean"])
    assert torch.equal(before["1.bias"], after["1.bias"])
    assert not torch.equal(before["0.weight"], after["0.weight"])
    moved, _ = trained()
    assert not torch.equal(before["1.running_mean"], moved["1.running_mean"])


def test_what_moves_later_stays_as_it_is_until_then_with_its_statistics():
    module = body()
    before, seen = weights(module), []

    def progress(done, *_):
        seen.append((done, weights(module)))

    groups = (ParameterGroup(("0.weight", "0.bias", "1.weight", "1.bias"), begin=0.5), ParameterGroup(("4.weight",)))
    train(job(module, groups=groups), PLAIN, budget=Budget(progress=progress))
    for done, now in seen:  # of 15 steps the 8th, which begins when 7 are over, is the last before one half
        for name in ("0.weight", "1.bias", "1.running_mean"):
            assert torch.equal(before[name], now[name]) == (done <= 8), (name, done)
        assert torch.equal(before["4.weight"], now["4.weight"]) == (done <= 1)  # a warm-up begins with the rate 0


def test_what_sleeps_does_not_share_in_the_limit_of_the_gradient():
    training = replace(PLAIN, epochs=1, schedule="constant", warmup=0.0, optimizer="sgd", clip=1e-3)
    modules = [body(norm=False) for _ in range(2)]
    last = ParameterGroup(("4.weight", "4.bias"))
    rest = ParameterGroup(("0.weight", "0.bias"), begin=1.0)
    train(job(modules[0], groups=(last,)), training)
    train(job(modules[1], groups=(last, rest)), training)
    assert same(weights(modules[0]), weights(modules[1]))


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "with the statistics of a normalisation"])
def test_the_running_mean_of_the_weights_is_that_of_its_definition(norm):
    training, states = replace(PLAIN, ema=0.9), []
    module = body(norm=norm)

    def floats():
        return {name: value.clone() for name, value in module.state_dict().items() if value.is_floating_point()}

    start = floats()
    train(job(module, validate=False), training, budget=Budget(progress=lambda *_: states.append(floats())))
    mean = {name: value.double() for name, value in start.items()}
    for step, state in enumerate(states, 1):
        decay = min(0.9, (1 + step) / (10 + step))
        mean = {name: decay * mean[name] + (1 - decay) * state[name].double() for name in mean}
    for name, value in floats().items():
        torch.testing.assert_close(value.double(), mean[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_first_two_steps_are_those_of_the_formula(optimizer):
    rate, decay = 0.1, 0.2
    training = Training(
        epochs=2, batch_size=4, learning_rate=rate, optimizer=optimizer, weight_decay=decay, schedule="constant",
        warmup=0.0, clip=0.0, precision="fp32",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 1))
    module = nn.Linear(3, 1).double()
    start = {"weight": module.weight.detach().numpy().copy(), "bias": module.bias.detach().numpy().copy()}

    def loss(batch):
        return ((module(batch[0]) - batch[1]) ** 2).mean()

    batches = ArrayBatches((torch.from_numpy(x), torch.from_numpy(y)), 4, seed=0)
    train(Job(module, (ParameterGroup(("weight", "bias")),), batches, loss), training)
    w = {name: value.copy() for name, value in start.items()}
    first = {name: np.zeros_like(value) for name, value in w.items()}
    second = {name: np.zeros_like(value) for name, value in w.items()}
    for step in (1, 2):
        residual = x @ w["weight"].T + w["bias"] - y
        gradient = {"weight": 2 * (residual * x).mean(axis=0)[None], "bias": 2 * residual.mean(axis=0)}
        for name, g in gradient.items():
            shrink = decay if name == "weight" else 0.0  # biases have none
            if optimizer == "sgd":
                first[name] = 0.9 * first[name] + g + shrink * w[name]
                w[name] = w[name] - rate * first[name]
                continue
            w[name] = w[name] * (1 - rate * shrink)
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g**2
            m, v = first[name] / (1 - 0.9**step), second[name] / (1 - 0.999**step)
            w[name] = w[name] - rate * m / (np.sqrt(v) + 1e-8)
    assert module.weight.detach().numpy() == pytest.approx(w["weight"], abs=1e-12)
    assert module.bias.detach().numpy() == pytest.approx(w["bias"], abs=1e-12)


def test_the_rate_of_each_step_is_the_schedule_times_the_groups():
    module, seen = body(norm=False), []
    groups = (ParameterGroup(("0.weight",), 0.25), ParameterGroup(("4.weight",)))
    train(job(module, groups=groups), PLAIN, budget=Budget(progress=lambda *_: seen.append(weights(module))))
    first = weights(body(norm=False))
    moved = [seen[0][name].sub(first[name]).abs().max() for name in ("0.weight", "4.weight")]
    assert moved == [0, 0]  # the warm-up begins at 0
    second = [seen[1][name].sub(seen[0][name]).abs().max().item() for name in ("0.weight", "4.weight")]
    rate = 0.05 * schedule_factor("cosine", 1 / 15)
    assert second == pytest.approx([0.25 * rate, rate], rel=0.02)  # AdamW's first step is its rate, but for the decay


def test_it_stops_early_with_the_best_weights():
    module = body()
    losses, states = iter([1.0, 0.5, 0.7, 0.6, 0.9]), []

    def judge():
        states.append(weights(module))
        return next(losses)

    made = replace(job(module), validate=judge)
    outcome = train(made, replace(PLAIN, epochs=9, patience=2))
    assert (outcome.stopped, outcome.epochs, outcome.loss, outcome.start_loss) == ("no longer better", 3, 0.5, 1.0)
    assert same(weights(module), states[1])


def test_where_nothing_gets_better_the_start_is_kept():
    module = body()
    start, losses = weights(module), iter([0.1, 0.2, 0.3, 0.4])
    outcome = train(replace(job(module), validate=lambda: next(losses)), PLAIN)
    assert same(weights(module), start)
    assert outcome.loss == 0.1


def test_a_diverging_rate_ends_in_one_sentence_with_the_best_weights():
    wild = replace(PLAIN, optimizer="sgd", learning_rate=100.0, clip=0.0, epochs=50, schedule="constant", warmup=0.0)
    module = body(norm=False)
    start = weights(module)
    outcome = train(job(module), wild)
    assert outcome.stopped == "diverged"
    assert same(weights(module), start)
    assert outcome.loss == outcome.start_loss
    assert outcome.note.startswith("Training stopped in step ")
    assert outcome.note.endswith("The weights kept are those of the start.")
    assert "learning rate" in outcome.note
    assert "\n" not in outcome.note


def test_a_loss_that_rises_tenfold_ends_it_too():
    module = nn.Linear(1, 1)
    calls = iter(range(10**6))

    def loss(_):
        return module.weight.sum() * 0 + (1.0 if next(calls) < 6 else 1000.0)

    made = Job(module, (ParameterGroup(("weight",)),), ArrayBatches((torch.ones(8, 1),), 8, seed=0), loss)
    outcome = train(made, replace(PLAIN, epochs=20))
    assert outcome.stopped == "diverged"
    assert "in step 7: the loss rose from 1 to 51; lower the learning rate" in outcome.note
    assert outcome.note.endswith("those of the last complete epoch.")


def test_an_item_that_is_no_number_is_named():
    module = body()
    start = weights(module)
    made = job(module, diagnose=lambda part: "the item 'cat 7' holds values that are not finite" if part else "")
    inner = made.loss

    def loss(batch):
        return inner((batch[0] * torch.nan, *batch[1:])) if len(seen) == 6 else inner(batch)

    seen = []
    outcome = train(replace(made, loss=loss), PLAIN, budget=Budget(progress=lambda *_: seen.append(1)))
    assert outcome.stopped == "diverged"
    assert outcome.note == (
        "Training stopped in step 7: the item 'cat 7' holds values that are not finite. The weights kept are "
        "the best ones before it."
    )
    assert not same(weights(module), start)
    assert all(torch.isfinite(value.float()).all() for value in weights(module).values())


def test_weights_stay_float32_where_products_run_in_bf16():
    found, outcome = trained(replace(PLAIN, precision="bf16", ema=0.9))
    exact, _ = trained(replace(PLAIN, precision="fp32", ema=0.9))
    assert all(value.dtype == torch.float32 for name, value in found.items() if "num_batches" not in name)
    assert not same(found, exact)
    assert math.isfinite(outcome.loss)


class Half:
    """One of two processes that hold the same items, which so sum what each of them has."""

    rank, size = 0, 2

    def sum(self, tensors):
        for tensor in tensors:
            tensor.mul_(2)


def test_two_processes_with_half_of_the_loss_each_are_one():
    whole, _ = trained(norm=True)
    module = body()
    made = job(module)
    inner = made.loss
    half = replace(made, loss=lambda batch: inner(batch) / 2, validate=lambda: made.validate() / 2)
    with torch.no_grad():
        for value in (*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())):
            value.div_(2)  # the first process's weights are summed with the zeros of others, which Half has not
    train(half, PLAIN, budget=Budget(parallel=Half()))
    for name, value in weights(module).items():
        torch.testing.assert_close(value, whole[name], rtol=1e-6, atol=1e-6)
