"""A decoder learns squares in seconds, the body stays as it is, and the same seed gives the same head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.heads.masks.toy import toy_masks
from headstart.sources import open_source
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import MapSource, maps_of
from headstart.tune.masks.crops import CropSettings
from headstart.tune.masks.train import MaskTraining, _contents, train_masks, train_unet
from headstart.tune.training.run import training_key
from headstart.tune.training.settings import Training
from headstart.types import Dataset

SETTINGS = MaskTraining(
    Training(epochs=2, batch_size=4, learning_rate=1e-2, precision="fp32"), steps=12, crops=CropSettings(32)
)
TRAIN, VALID = toy_masks(6, side=32), toy_masks(3, side=32, seed=5)


@pytest.fixture(scope="module")
def maps() -> MapSource:
    settings = MapSettings(window=(32, 32), blocks=("act1", "layer1"), statistics=False)
    return maps_of(open_source("headstart:image"), settings)


def test_a_decoder_learns_and_its_head_gives_the_masks_of_the_held_out_pictures(maps: MapSource) -> None:
    made = train_masks(maps, TRAIN, VALID, SETTINGS, engine=Engine(backend="torch"))
    assert made.outcome.loss < made.outcome.start_loss
    assert made.held_out["miou"] > 0.8
    found = made.head.annotate(maps.source, VALID.items, engine=Engine(backend="torch"))
    for one, other in zip(found, made.found, strict=True):
        assert (one.classes() == other.classes()).all()
    own, _ = maps.source.map_body().build(("act1", "layer1"))
    for one, other in zip(own.state_dict().values(), made.network.body.state_dict().values(), strict=True):
        assert np.array_equal(one.numpy(), other.numpy())


def test_a_unet_is_trained_from_random_weights(maps: MapSource) -> None:
    made = train_unet(maps, TRAIN, VALID, SETTINGS)
    assert made.head is None
    assert made.outcome.loss < made.outcome.start_loss
    assert made.annotate(VALID.items)[0].size == (32, 32)


def test_without_maps_nothing_is_trained() -> None:
    raw = maps_of(open_source("headstart:image"), MapSettings(blocks=()))
    with pytest.raises(SourceError, match="no maps to decode"):
        train_masks(raw, TRAIN, VALID, SETTINGS)


def test_a_change_of_labels_or_pictures_is_another_training() -> None:
    def key(data: Dataset) -> str:
        return training_key(("masks", data.ids), *_contents(data))

    y, items = TRAIN.y.copy(), list(TRAIN.items)
    y[2] = replace(y[2], values=1 - y[2].values)
    items[1] = 255 - items[1]
    changed = [TRAIN, replace(TRAIN, y=y), replace(TRAIN, items=items)]
    assert len({key(data) for data in changed}) == 3
    assert key(toy_masks(6, side=32)) == key(TRAIN)
