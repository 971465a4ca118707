from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from headstart.errors import DataError, ParameterError, SourceError
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.bodies.seeded import seeded
from headstart.sources.bodies.trainable import Trainable
from headstart.sources.module import module
from headstart.sources.preprocessing.picture_transform import normalised
from headstart.sources.toy_shift import toy_shift
from headstart.tune.adversarial import ADVERSARIAL, AdversarialTraining
from headstart.tune.attacks.free_lb import free_lb_step, token_embedding
from headstart.tune.attacks.pgd import pgd
from headstart.tune.attacks.pixels import Pixels
from headstart.tune.attacks.robust_accuracy import robust_accuracy
from headstart.tune.frozen import FROZEN
from headstart.tune.moving.all_items import train_network
from headstart.tune.moving.move import make_setting
from headstart.tune.network.body_and_head import Network
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Task

QUICK = replace(ADVERSARIAL, training=Training(epochs=20, batch_size=48, learning_rate=0.02))


def accuracy(model, dataset):
    truth = [dataset.task.labels[k] for k in dataset.y]
    return float(np.mean(np.array(model.predict(dataset.items)) == truth))


def test_it_solves_the_toy_shift_and_the_saved_model_reopens(tmp_path):
    shift = toy_shift()
    model = QUICK.fit(shift.source, shift.train)
    assert accuracy(FROZEN.fit(shift.source, shift.train), shift.test) <= 0.75
    assert accuracy(FROZEN.fit(model.source, shift.train), shift.test) >= 0.85
    model.save(tmp_path / "model")
    again = TransferModel.load(tmp_path / "model", source=model.source)
    expected = model.predict_proba(shift.test.items)
    np.testing.assert_allclose(again.predict_proba(shift.test.items), expected, atol=1e-6)


def brittle(n=600):
    """Vectors with a strong but noisy sign of the class, and a faint one without noise that an attack wipes out."""
    rng = np.random.default_rng(0)
    y = rng.permutation(n) % 2
    x = rng.normal(scale=0.3, size=(n, 6)).astype(np.float32)
    x[:, 0] = (2 * y - 1) + rng.normal(scale=0.7, size=n)
    x[:, 1] = 0.05 * (2 * y - 1)
    body = seeded(0, lambda: nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8)))
    source = module(body.eval(), np.asarray, name="brittle", modality="vector", version="1")
    whole = Dataset(x, tuple(str(k) for k in range(n)), "vector", Task("classification", ("a", "b")), y)
    return source, whole.take(np.arange(n // 2)), whole.take(np.arange(n // 2, n))


def robust(network, data, epsilon):
    low, unit = float(data.items.min()), float(np.ptp(data.items)) / 255
    pixels = torch.from_numpy(np.asarray(data.items) - low) / unit
    batches = [(pixels.clamp(0, 255), torch.from_numpy(data.y))]
    return robust_accuracy(lambda x: network(low + unit * x), batches, partial(pgd, epsilon=epsilon, high=255.0))


def test_attacks_cost_the_trained_network_less():
    source, train, test = brittle()
    found = {}
    for epsilon in (0.0, 4.0):
        strategy = replace(QUICK, epsilon=epsilon, training=Training(epochs=20, learning_rate=0.01))
        found[epsilon] = robust(train_network(strategy, source, train).setting.network, test, 4.0)
    assert found[0.0].clean_accuracy > 0.95
    assert found[0.0].robust_accuracy < found[4.0].robust_accuracy - 0.15


def test_the_last_weights_are_kept_and_a_validation_part_calibrates_them():
    source, train, test = brittle()
    quick = replace(QUICK, training=Training(epochs=5, learning_rate=0.01))
    plain, calibrated = quick.fit(source, train), quick.fit(source, train, valid=test)
    assert plain.predict(test.items) == calibrated.predict(test.items)
    assert plain.head.calibration["temperature"][0] == 1.0
    loss = [-np.log(one.predict_proba(test.items)[np.arange(len(test)), test.y]).mean() for one in (plain, calibrated)]
    assert loss[1] < loss[0]


def test_the_attack_stays_within_epsilon_and_moves_no_statistics(monkeypatch):
    shift = toy_shift()
    start = FROZEN.fit(shift.source, shift.train)
    setting = make_setting(QUICK, shift.source, shift.train, start, seed=0, budget=Budget())
    plan = QUICK.plan(setting)
    network = setting.network.train()
    [batch] = next(iter(setting.batches.epoch(0, 0)))
    seen = []
    original = network.trainable.forward
    monkeypatch.setattr(Network, "blocks", lambda self, x: seen.append(x.detach()) or original(self.body, x))
    before = network.body.blocks[0][1].running_mean.clone()
    passes = network.body.blocks[0][1].num_batches_tracked.clone()
    loss = plan.loss(batch)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert len(seen) == 2  # one for the attack, one for the loss
    assert network.body.blocks[0][1].num_batches_tracked == passes + 1
    assert not torch.equal(network.body.blocks[0][1].running_mean, before)
    clean = batch.inputs.float()
    limit = 2.0 * float(clean.max() - clean.min()) / 255
    assert (seen[-1] - clean).abs().max() <= limit * 1.001
    assert (seen[-1] - clean).abs().mean() > 0.5 * limit
    assert loss.requires_grad


def test_the_share_mixes_both_losses_and_nothing_is_attacked_at_epsilon_zero():
    shift = toy_shift()
    start = FROZEN.fit(shift.source, shift.train)
    values = []
    for share in (0.0, 0.4, 1.0):
        strategy = replace(QUICK, share=share, epsilon=0.0)
        setting = make_setting(strategy, shift.source, shift.train, start, seed=0, budget=Budget())
        setting.network.eval()
        plan = strategy.plan(setting)
        [batch] = next(iter(setting.batches.epoch(0, 0)))
        values.append(plan.loss(batch).item())
    assert values == pytest.approx([values[0]] * 3, rel=1e-4)


def test_pictures_may_come_as_floating_point_numbers_with_gradients():
    run = normalised(lambda _, x: [x.mean((2, 3))], (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    pictures = torch.randint(0, 256, (2, 3, 3, 3), dtype=torch.uint8)
    pixels = Pixels.of(pictures, picture=True)
    leaf = pixels.values.requires_grad_()
    found = run(None, pixels.inputs(leaf))[0]
    torch.testing.assert_close(found, run(None, pictures)[0])
    found.sum().backward()
    torch.testing.assert_close(leaf.grad, torch.full_like(leaf, 1 / 255 / 0.2 / 9))


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.kinds, self.dropout = nn.Embedding(11, 4), nn.Embedding(2, 4), nn.Dropout(0.0)

    def forward(self, batch):
        mask = batch["attention_mask"][..., None].float()
        hidden = torch.tanh(self.dropout(self.words(batch["input_ids"]) + self.kinds.weight[0]))
        return [(hidden * mask).sum(dim=1) / mask.sum(dim=1)]


def reading(dropped=0.0):
    torch.manual_seed(0)
    body = Reader().double()
    body.dropout.p = dropped
    trainable = Trainable(body, lambda m, x: m(x), list, (), "tokens")
    network = Network(trainable, nn.Linear(4, 3).double())
    network.rows = lambda inputs: network.blocks(inputs)[0]
    ids = torch.tensor([[1, 5, 3], [7, 2, 0]])
    inputs = {"input_ids": ids, "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]])}
    return network, Batch(inputs, torch.eye(3)[[0, 2]], np.arange(2), 4)


def losses(targets):
    return lambda logits: nn.functional.cross_entropy(logits, targets.to(logits.dtype), reduction="none")


def gradients(network):
    return {name: value.grad.clone() for name, value in network.named_parameters() if value.grad is not None}


def test_a_step_of_free_lb_without_room_is_a_plain_step():
    network, batch = reading()
    (losses(batch.targets)(network(batch.inputs)).mean() * batch.share).backward()
    expected = gradients(network)
    network.zero_grad(set_to_none=True)
    value = free_lb_step(network, batch, losses(batch.targets), epsilon=0.0, step_size=0.1, steps=3)
    (value * batch.share).backward()
    found = gradients(network)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-12, rtol=1e-9)
    assert value.item() == pytest.approx(losses(batch.targets)(network(batch.inputs)).mean().item())


def test_a_step_of_free_lb_is_the_mean_over_its_perturbations(monkeypatch):
    network, batch = reading()
    given = []
    original = Network.forward

    def listening(self, inputs):
        hook = token_embedding(self.body).register_forward_hook(lambda _m, _i, out: given.append(out.detach().clone()))
        try:
            return original(self, inputs)
        finally:
            hook.remove()

    monkeypatch.setattr(Network, "forward", listening)
    free_lb_step(network, batch, losses(batch.targets), epsilon=0.5, step_size=0.2, steps=3)
    found = gradients(network)["head.weight"]
    monkeypatch.setattr(Network, "forward", original)
    clean = network.body.words(batch.inputs["input_ids"]).detach()
    assert len(given) == 3
    network.zero_grad(set_to_none=True)
    for embedding in given:
        change = embedding - clean
        assert change.flatten(1).norm(dim=1).max() <= 0.5 + 1e-9
        assert change[1, 2].abs().max() == 0  # padding
        hook = network.body.words.register_forward_hook(lambda _m, _i, _o, embedding=embedding: embedding)
        (losses(batch.targets)(network(batch.inputs)).mean() * batch.share / 3).backward()
        hook.remove()
    torch.testing.assert_close(found, gradients(network)["head.weight"], atol=1e-12, rtol=1e-9)


def test_all_passes_of_a_step_drop_the_same():
    network, batch = reading(dropped=0.5)
    network.train()
    dropped = []
    network.body.dropout.register_forward_hook(lambda _m, _i, out: dropped.append(out == 0))
    free_lb_step(network, batch, losses(batch.targets), epsilon=0.5, step_size=0.2, steps=3)
    assert dropped[0].any()
    assert all(torch.equal(dropped[0], one) for one in dropped)


@pytest.mark.slow
def test_texts_are_attacked_in_their_embedding():
    texts = ["good film", "fine film", "lovely story", "great fun"] * 6 + [
        "bad film",
        "dull story",
        "awful",
        "poor",
    ] * 6
    texts = [f"{text} {k}" for k, text in enumerate(texts)]
    y = np.repeat([0, 1], 24)
    data = Dataset(texts, tuple(texts), "text", Task("classification", ("good", "bad")), y)
    quick = replace(ADVERSARIAL, training=Training(epochs=1, batch_size=8))
    model = quick.fit(open_source("headstart:text"), data)
    assert accuracy(model, data) >= 0.95


def test_what_cannot_be_attacked_is_refused_in_one_sentence():
    with pytest.raises(ParameterError, match="'epsilon' parameter"):
        AdversarialTraining(epsilon=-1)
    with pytest.raises(DataError, match="needs numeric arrays or texts"):
        Pixels.of({"x": torch.ones(1)}, picture=False)
    with pytest.raises(SourceError, match="no embedding layer"):
        token_embedding(nn.Linear(1, 1))
