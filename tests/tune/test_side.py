"""Side networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import SourceError
from headstart.heads import select_head
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import FittedHead
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.timm_architecture import timm_architecture
from headstart.sources.toy_shift import toy_shift
from headstart.tune.side import SIDE, SideNetwork, with_side_columns
from headstart.tune.structure.side_bodies import first_layers, side_body
from headstart.tune.training.settings import Training
from headstart.types import Dataset, Task


def test_solves_the_toy_shift_with_the_body_as_it_was():
    shift = toy_shift()
    model = replace(SIDE, training=Training(epochs=30, batch_size=48, learning_rate=0.03)).fit(
        shift.source, shift.train
    )
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    assert model.source.parts[1] is shift.source


def test_training_starts_at_the_head_of_the_frozen_body(planned, monkeypatch):
    monkeypatch.setenv("HEADSTART_BF16", "0")  # rows are encoded as exactly as they are trained on
    shift = toy_shift()
    setting, plan = planned(SIDE, SIDE.source_for(shift.source, shift.train, 0))
    network, task = setting.network.eval(), setting.task
    rows = shift.source.encode(setting.items)
    solved = select_head(rows, setting.y, task, blocks=shift.source.info.blocks)
    expected = solved.scores(rows) / solved.calibration["temperature"][0]
    network.head.weight.data[:25] = 0  # what the side body adds
    logits = network(setting.batches.inputs(range(len(setting.items))))
    assert logits.detach().numpy() == pytest.approx(expected, abs=0.01)
    moving = {name for group in plan.groups for name in group.names}
    assert all(name.startswith(("body.side.", "head.")) for name in moving)


def test_the_joint_head_is_the_sum_of_two():
    rng = np.random.default_rng(0)
    own = FeatureMap(
        "x", ((1, 3), (4, 6)), "unit_norm", rng.normal(size=3), rng.uniform(1, 2, 3), (), np.array([0, 2, 3]), 8
    )
    head = FittedHead(own, "ridge", 1.0, rng.normal(size=(3, 2)), rng.normal(size=2), {}, 0.5, ())
    weight, side, rows = rng.normal(size=(4, 2)), rng.normal(size=(5, 4)), rng.normal(size=(5, 8))
    joint = with_side_columns(4, head, weight)
    assert joint.feature_map.num_inputs == 12
    found = joint.scores(np.concatenate([side, rows], axis=1))
    assert found == pytest.approx(side @ weight + head.scores(rows))


def pictures(count: int) -> Dataset:
    rng = np.random.default_rng(0)
    y = np.arange(count) % 2
    items = np.clip(
        rng.normal(110, 20, (count, 32, 32, 3)) + 40 * (2 * y - 1)[:, None, None, None] * [1, 0, -1], 0, 255
    )
    ids = tuple(map(str, range(count)))
    return Dataset(list(items.astype(np.uint8)), ids, "image", Task("classification", ("blue", "red")), y)


@pytest.mark.slow
def test_a_narrow_body_beside_a_body_of_timm_reopens(tmp_path):
    from headstart.sources.local import open_local

    timm_architecture("test_vit", side=32).save(tmp_path / "large")
    data, large = pictures(30), open_local(tmp_path / "large")
    strategy = SideNetwork(Training(epochs=2, batch_size=15), architecture="test_resnet")
    model = strategy.fit(large, data)
    opened = TransferModel.load(model.save(tmp_path / "model"))
    assert type(opened.source).__name__ == "FusedSource"
    assert [part.info.architecture for part in opened.source.parts] == ["test_resnet", "test_vit"]
    assert opened.predict_proba(data.items) == pytest.approx(model.predict_proba(data.items), abs=1e-5)


def test_both_bodies_see_the_same_pixels():
    large = timm_architecture("test_vit", side=48)
    small = side_body(large, "test_resnet", 2, 0)
    picture = pictures(1).items[0]
    assert np.array_equal(large.prepare(picture), small.prepare(picture))


@pytest.mark.slow
def test_a_text_side_is_the_first_layers_of_the_body(tmp_path):
    large = open_source("headstart:text")
    small = first_layers(large, 2)
    texts = ["a short text", "and another one, a little longer"]
    middle = sum(block.width for block in large.info.blocks[:2])
    assert small.encode(texts) == pytest.approx(large.encode(texts)[:, middle : middle + 384], abs=1e-4)
    assert small.info.parameters < large.info.parameters
    body = small.trainable().module
    with torch.no_grad():
        body["encoder"]["layer"][1]["output"]["dense"].bias += 0.1
    moved = small.with_module(body, "moved")
    moved.save(tmp_path / "body")
    opened = open_source(f"local:{tmp_path / 'body'}")
    assert opened.encode(texts)[:, -384:] == pytest.approx(moved.encode(texts), abs=0.01)  # it may run in bf16


def test_a_source_without_a_body_is_refused():
    with pytest.raises(SourceError, match="No side body can be trained for 'vector'"):
        SIDE.source_for(open_source("vector"), toy_shift().train, 0)
