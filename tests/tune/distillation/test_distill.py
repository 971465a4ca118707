from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.errors import DataError, ItemError, SourceError, TrainingError
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum
from headstart.sources import open_source
from headstart.sources.bodies.seeded import seeded
from headstart.sources.bodies.trainable import body_key
from headstart.sources.module import module
from headstart.sources.spectrogram import PictureSettings, Spectrogram
from headstart.sources.timm_architecture import timm_architecture
from headstart.tune.distillation.distill import DistillationLoss, distill, distilled
from headstart.tune.distillation.strategy import Distillation
from headstart.tune.distillation.teachers import teacher_targets
from headstart.tune.frozen import FROZEN
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Task

TRAINING = Training(epochs=20, batch_size=64, learning_rate=0.01)


def body(width, seed):
    made = seeded(seed, lambda: nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 8)))
    return module(made.eval(), np.asarray, name=f"body{width}", modality="vector", version=str(seed))


class Folds(nn.Module):
    """A teacher that knows what the student's random features do not: products of pairs of numbers."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return torch.tanh(2 * x[:, [0, 2, 4]] * x[:, [1, 3, 5]]) * self.scale


def toy(n=2400):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    teacher = module(Folds().eval(), np.asarray, name="folds", modality="vector", version="1")
    data = Dataset(x, tuple(str(k) for k in range(n)), "vector", Task("classification", ("a", "b")), y)
    return teacher, body(32, 0), data.take(np.arange(n // 2)), data.take(np.arange(n // 2, n))


def accuracy(source, train, test):
    model = FROZEN.fit(source, train)
    return float(np.mean(np.array(model.predict(test.items)) == [test.task.labels[k] for k in test.y]))


def unexplained(source, teacher, items):
    """Share of the teacher's variance that no linear map of the source's rows explains."""
    rows, targets = source.encode(items), teacher.encode(items)
    weight, bias = ridge_coefficients(Spectrum.from_rows(rows, targets), 1e-6)
    return float(((rows @ weight + bias - targets) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum())


def test_the_student_learns_the_teachers_rows_and_its_head_gets_near():
    teacher, student, train, test = toy()
    found = distilled([teacher], student, train.items, training=TRAINING)
    assert found.outcome.loss < 0.3 * found.outcome.start_loss
    assert unexplained(found.source, teacher, test.items) < 0.3 * unexplained(student, teacher, test.items)
    few = train.take(np.arange(60))
    bar = accuracy(teacher, few, test)
    assert accuracy(student, few, test) < bar - 0.25
    assert accuracy(found.source, few, test) > bar - 0.12
    assert found.source.info.name == "module:body32 (distilled from module:folds)"


def test_a_body_is_not_distilled_into_itself():
    """It used to train first, and to fail because the start was kept."""
    with pytest.raises(SourceError, match="the same body as its teacher, so there is nothing to learn"):
        distill([body(8, 0)], body(8, 0), [np.zeros(6, np.float32)] * 8, training=TRAINING)


def test_the_maps_begin_at_the_ridge_solution():
    teacher, _, train, _ = toy(200)
    # the same weights under another version: a body is not distilled into itself
    student = module(Folds().eval(), np.asarray, name="folds", modality="vector", version="2")
    found = distilled([teacher], student, train.items, training=replace(TRAINING, epochs=1, learning_rate=1e-9))
    assert found.outcome.start_loss < 1e-3


def test_two_teachers_and_cosines_and_answers():
    teacher, student, train, test = toy()
    other = body(16, 3)
    loss = DistillationLoss(rows="cosine", temperature=2.0, weight=0.5)
    logits = FROZEN.fit(teacher, train).head.scores(teacher.encode(train.items))
    training = replace(TRAINING, epochs=10)
    found = distilled([teacher, other], student, train.items, loss=loss, logits=logits, training=training)
    assert found.outcome.loss < 0.8 * found.outcome.start_loss
    for one in (teacher, other):
        assert unexplained(found.source, one, test.items) < unexplained(student, one, test.items)


def test_a_killed_distillation_goes_on_to_the_same_weights(tmp_path):
    teacher, student, train, _ = toy(200)
    training = replace(TRAINING, epochs=3)
    whole = distill([teacher], student, train.items, training=training)

    def stop(done, _total, _detail):
        if done == 4:
            raise KeyboardInterrupt

    broken = Budget(folder=tmp_path, checkpoint_seconds=0, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        distill([teacher], student, train.items, training=training, budget=broken)
    again = distill([teacher], student, train.items, training=training, budget=Budget(folder=tmp_path))
    for one, expected in zip(again.module.parameters(), whole.module.parameters(), strict=True):
        assert torch.equal(one, expected)
    for one, before in zip(student.module.parameters(), body(32, 0).module.parameters(), strict=True):
        assert torch.equal(one, before)  # the student given is left alone


@pytest.mark.slow
def test_as_a_strategy_it_solves_what_the_student_cannot():
    teacher, student, train, test = toy()
    few = train.take(np.arange(60))
    strategy = Distillation(teachers=(teacher,), unlabelled=train.items, training=TRAINING)
    model = strategy.fit(student, few)
    right = np.array(model.predict(test.items)) == [test.task.labels[k] for k in test.y]
    assert right.mean() > accuracy(student, few, test) + 0.15
    with pytest.raises(SourceError, match="needs a teacher"):
        Distillation().fit(student, few)


def test_what_cannot_be_distilled_is_refused_in_one_sentence():
    teacher, student, train, _ = toy(40)
    with pytest.raises(SourceError, match="no body"):
        distill([teacher], open_source("vector"), train.items)
    with pytest.raises(DataError, match="at least 4 items"):
        distill([teacher], student, train.items[:3])
    with pytest.raises(DataError, match="a row of logits for each of 20 items"):
        distill([teacher], student, train.items, logits=np.ones((3, 2)))


def test_the_probe_is_in_the_log_of_each_epoch_and_judges_the_student_as_it_is():
    teacher, student, train, test = toy(400)
    seen = []

    def probe(source):
        seen.append(source.encode(test.items[:2]))
        return float(len(seen))

    found = distilled([teacher], student, train.items, training=replace(TRAINING, epochs=3), probe=probe)
    assert [row["probe"] for row in found.outcome.history] == [1.0, 2.0, 3.0]
    assert not np.array_equal(seen[0], seen[1])
    without = distill([teacher], student, train.items, training=replace(TRAINING, epochs=3))
    np.testing.assert_array_equal(without.encode(test.items), found.source.encode(test.items))


def with_norm(width=16, scale=20.0):
    def make():
        net = nn.Sequential(nn.Linear(6, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Linear(width, 8))
        with torch.no_grad():
            net[0].weight.mul_(scale)
        return net

    return seeded(0, make)


def test_fresh_batch_normalisations_begin_where_their_batches_are():
    student = module(with_norm().eval(), np.asarray, name="fresh", modality="vector", version="1")
    teacher, _, train, _ = toy(600)
    found = distilled([teacher], student, train.items, training=replace(TRAINING, epochs=1))
    assert found.outcome.start_loss < 1.1  # of standardised rows: no worse than saying their mean


def test_a_student_that_learnt_nothing_is_not_called_distilled():
    net = with_norm()
    net[1].running_mean += 3.0
    student = module(net.eval(), np.asarray, name="pretrained", modality="vector", version="1")
    teacher, _, train, test = toy(600)
    before = student.encode(test.items)
    with pytest.raises(TrainingError, match="no epoch of 1 got below its validation loss"):
        distilled([teacher], student, train.items, training=replace(TRAINING, epochs=1, learning_rate=50.0, clip=0))
    np.testing.assert_array_equal(student.encode(test.items), before)


def test_items_that_a_teacher_cannot_read_are_set_aside_by_their_own_positions():
    teacher, student, train, _ = toy(1200)

    def read(item):
        if np.isnan(item).any():
            raise ItemError("not a number")
        return np.asarray(item)

    strict = module(Folds().eval(), read, name="strict", modality="vector", version="1")
    items = train.items.copy()
    items[[3, 17]] = np.nan
    found = distilled([strict], student, items, training=replace(TRAINING, epochs=6))
    assert found.failures == {3: "not a number", 17: "not a number"}
    kept = np.delete(items, [3, 17], axis=0)
    same = distilled([teacher], student, kept, training=replace(TRAINING, epochs=6))
    np.testing.assert_array_equal(found.source.encode(kept), same.source.encode(kept))


def test_single_items_make_batches_and_the_maps_are_solved_on_many_all_the_same(monkeypatch):
    monkeypatch.setattr(
        "headstart.tune.distillation.distill.check_trained", lambda *_: None
    )  # one epoch on few items teaches nothing
    teacher, student, train, _ = toy(200)
    single = replace(TRAINING, epochs=1, batch_size=1)
    found = distilled([teacher], student, train.items, training=single)
    expected = distilled([teacher], student, train.items, training=replace(TRAINING, epochs=1))
    assert found.outcome.start_loss == pytest.approx(expected.outcome.start_loss, rel=1e-4)


def test_lessons_are_standardised_rows_and_the_answers_of_fitted_classifiers():
    teacher, other, train, _ = toy(100)
    model = FROZEN.fit(teacher, train)
    told = teacher_targets([model, other], train.items)
    assert (told.widths, told.of_rows, told.targets.shape) == ((3, 8, 2), 2, (50, 13))
    rows = np.concatenate([teacher.encode(train.items), other.encode(train.items)], axis=1).astype(np.float64)
    expected = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(told.targets[:, :11], expected, atol=1e-5)
    answers = told.targets[:, 11:].astype(np.float64)
    shares = np.exp(answers) / np.exp(answers).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, model.predict_proba(train.items), atol=1e-5)


def test_a_sound_students_key_tells_sides_and_pictures_apart():
    keys = set()
    for side, mels in ((32, 128), (48, 128), (32, 64)):
        fresh = timm_architecture("test_resnet", side=side)
        keys.add(body_key(Spectrogram(fresh, PictureSettings(n_mels=mels))))
    assert len(keys) == 3
