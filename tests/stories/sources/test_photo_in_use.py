"""headstart:photo in use: it is fine-tuned, scored by its own classifier, shown sounds, and read at other sizes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import pictures as picture_folder
from command_line import sounds as sound_folder
from torch.testing import assert_close

from headstart.data import read
from headstart.engine.options import Engine
from headstart.heads.selection import HeadSearch
from headstart.model.transfer_model import TransferModel
from headstart.sources import open_saved, open_source
from headstart.sources.bodies.copies import frozen_copy
from headstart.sources.bodies.source_classes import source_probabilities
from headstart.sources.built_in.photo import PLACES
from headstart.transfer import fit
from headstart.tune.moving.move import make_job, make_setting, solved_start
from headstart.tune.registry import STRATEGIES
from headstart.tune.training.loop import train
from headstart.tune.training.settings import Budget, Training

pytestmark = pytest.mark.skipif(not PLACES.wheel.is_installed, reason="the extra photo is not installed")

PICTURES = list(np.random.default_rng(0).integers(0, 256, (8, 12, 12, 3), dtype=np.uint8))
LABELS = ["a", "b"] * 4


@pytest.fixture(scope="module")
def photo():
    return open_source("headstart:photo@64")


@pytest.fixture(scope="module")
def solved(photo):
    data = read((PICTURES, LABELS))
    return data, solved_start(photo, data, search=HeadSearch(("ridge",)), seed=0, engine=Engine(backend="torch"))


@pytest.mark.parametrize(
    ("name", "trains"),
    [
        ("lora", lambda key: "parametrizations" in key or "lora" in key),
        ("bitfit", lambda key: key.endswith("bias")),
        ("full", lambda key: key.endswith(("weight", "bias"))),
    ],
)
def test_a_step_of_training_changes_what_the_strategy_trains_and_is_saved(name, trains, photo, solved, tmp_path):
    data, start = solved
    training = Training(epochs=1, batch_size=8, learning_rate=0.003, warmup=0.0, augmentation="none")
    strategy = replace(STRATEGIES[name], training=training)
    setting = make_setting(strategy, photo, data, start, seed=0, budget=Budget())
    job = make_job(setting, strategy.plan(setting), data, None)
    before = {key: value.detach().clone() for key, value in setting.network.body.named_parameters()}
    outcome = train(job, training)
    assert (outcome.stopped, outcome.steps) == ("done", 1)
    body = setting.network.body
    changed = [key for key, value in body.named_parameters() if not torch.equal(before[key], value)]
    assert changed
    assert all(trains(key) for key in changed), changed[:5]
    job.finish()  # merges the updates of LoRA
    tuned = photo.with_module(frozen_copy(body), f"{photo.info.name} ({name})")
    again = open_saved(tuned.save(tmp_path / "body"), tmp_path / "body", "image")
    assert again.prepare(PICTURES[0]).shape == (64, 64, 3)
    assert_close(again.trainable().module.state_dict(), body.state_dict())


@pytest.mark.slow
def test_scores_that_read_its_classifier(photo, cli):
    chances = source_probabilities(photo, PICTURES)
    assert chances.shape == (8, 1000)
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-6)
    picture_folder(cli.folder / "photos", size=40)
    words = ("rank", "photos", "--sources", "headstart:photo@64", "--no-untrained", "--scores", "leep", "nce", "--json")
    found = json.loads(cli.works(*words).out)["sources"][0]
    assert -np.log(2) < found["scores"]["leep"] < 0  # between a classifier that knows nothing of the classes and all
    assert -np.log(2) < found["scores"]["nce"] <= 0


def test_sounds_are_saved_with_it_and_read_again(tmp_path, torch_bodies):
    sound_folder(tmp_path / "tones", count=4)
    fit(tmp_path / "tones", source="headstart:photo@64", baselines="none", out=tmp_path / "run")
    model = TransferModel.load(tmp_path / "run")
    assert (model.source.info.name, model.source.info.modality) == ("headstart:photo@64", "audio")
    paths = [str(path) for path in sorted((tmp_path / "tones").rglob("*.wav"))]
    assert model.source.prepare(paths[0])[0].shape == (64, 64, 3)
    right = np.array(model.predict(paths)) == np.array(["high"] * 4 + ["low"] * 4)
    assert right.all()
