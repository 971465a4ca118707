"""Structure transfer, and source tasks trained from scratch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import SourceError
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.timm_architecture import timm_architecture
from headstart.sources.toy_shift import toy_shift
from headstart.tune.pretraining import train_source
from headstart.tune.scratch import SCRATCH
from headstart.tune.training.settings import Training
from headstart.types import Dataset, Task


def test_solves_the_toy_shift_and_reopens(tmp_path):
    shift = toy_shift()
    training = Training(epochs=25, batch_size=64, learning_rate=0.05)
    model = replace(SCRATCH, training=training).fit(shift.source, shift.train)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    opened = TransferModel.load(model.save(tmp_path / "model"), source=model.source)
    assert np.array_equal(opened.predict_proba(shift.test.items), model.predict_proba(shift.test.items))


def test_nothing_of_the_source_is_kept(planned):
    shift = toy_shift()
    fresh = SCRATCH.source_for(shift.source, shift.train, 5)
    assert fresh.info.name == "module:toy (untrained, seed 5)"
    setting, plan = planned(SCRATCH, fresh)
    own = setting.network.body.blocks[0][0].weight
    assert not torch.allclose(own, shift.source.module.blocks[0][0].weight)
    head = setting.network.head
    assert head.weight.shape == (25, 2)
    assert 0 < float(head.weight.detach().abs().max()) < 0.1
    rows = torch.randn(4, 25)
    assert torch.allclose(head(rows), rows @ head.weight + head.bias)  # as rows are: a plain classifier
    assert {name for group in plan.groups for name in group.names} >= {"head.weight", "head.bias"}


def test_a_source_without_a_body_is_refused():
    shift = toy_shift()
    with pytest.raises(SourceError, match="'vector' has no body whose weights"):
        SCRATCH.fit(open_source("vector"), shift.train)


def pictures(count: int) -> Dataset:
    rng = np.random.default_rng(0)
    y = np.arange(count) % 2
    items = np.clip(
        rng.normal(110, 20, (count, 32, 32, 3)) + 40 * (2 * y - 1)[:, None, None, None] * [1, 0, -1], 0, 255
    )
    ids = tuple(map(str, range(count)))
    return Dataset(list(items.astype(np.uint8)), ids, "image", Task("classification", ("blue", "red")), y)


def test_a_source_task_from_scratch_is_a_source_with_a_head(tmp_path):
    data = pictures(40)
    strategy = replace(SCRATCH, training=Training(epochs=6, batch_size=16, learning_rate=0.005, augmentation="none"))
    model = train_source("test_resnet", data, side=32, strategy=strategy)
    assert np.mean(np.array(model.predict(data.items)) == np.array(["blue", "red"])[data.y]) > 0.9
    assert model.source.info.name == "timm:test_resnet (trained, seed 0)"
    model.source.save(tmp_path / "body")
    opened = open_source(f"local:{tmp_path / 'body'}")
    body = opened.trainable()
    logits = body.source_head(body.module, body.collate([opened.prepare(item) for item in data.items]))
    trained = model.head.scores(model.source.encode(data.items))
    assert logits.detach().numpy() == pytest.approx(trained, abs=0.02)  # the body may run in bf16


def test_a_given_source_gets_as_many_classes():
    strategy = replace(SCRATCH, training=Training(epochs=6, batch_size=16, learning_rate=0.005, augmentation="none"))
    source = timm_architecture("test_resnet", num_classes=7, side=32)
    model = train_source(source, pictures(40), strategy=strategy)
    body = model.source.trainable()
    assert body.module.get_classifier().out_features == 2
