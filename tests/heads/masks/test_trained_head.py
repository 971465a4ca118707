"""The trained head survives saving, joins windows, and refuses damaged files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.engine.body.machine import BF16_SWITCH
from headstart.engine.options import Engine
from headstart.heads.annotating.contract import ANNOTATION_HEADS, AnnotationHead
from headstart.heads.masks.mask_decoder import MaskDecoder
from headstart.heads.masks.trained_head import TrainedMaskHead
from headstart.sources import open_source
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import maps_of
from headstart.sources.positions.window_maps import WindowMaps
from headstart.types import Task

TASK = Task("mask", ("background", "cell"))
ENGINE = Engine(backend="torch", cache=False)


@pytest.fixture(scope="module")
def head() -> TrainedMaskHead:
    import torch

    from headstart.heads.masks.network import DecoderShape, MapDecoder

    torch.manual_seed(0)
    network = MapDecoder(DecoderShape((32, 96), (2, 8), 3))
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    settings = MapSettings(window=(64, 64), blocks=("act1", "layer2"), statistics=False)
    return TrainedMaskHead(settings, (32, 96), (2, 8), weights, MaskDecoder(boundary=True), 2)


def test_it_is_found_by_its_name_and_survives_saving(head: TrainedMaskHead) -> None:
    assert isinstance(head, AnnotationHead)
    assert ANNOTATION_HEADS[head.name] is TrainedMaskHead
    again = TrainedMaskHead.from_saved(head.tensors(), json.loads(json.dumps(head.facts())), TASK)
    source, pictures = (
        open_source("headstart:image"),
        [np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8)],
    )
    one, other = (each.annotate(source, pictures, engine=ENGINE)[0] for each in (head, again))
    assert one.size == (90, 70)
    assert (one.classes() == other.classes()).all()


def test_a_picture_of_one_window_is_the_network_in_plain_torch(
    head: TrainedMaskHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from headstart.heads.masks.network import DecoderShape, MapDecoder, MaskNetwork

    monkeypatch.setenv(BF16_SWITCH, "0")
    source = open_source("headstart:image")
    picture = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    decoder = MapDecoder(DecoderShape((32, 96), (2, 8), 3))
    decoder.load_state_dict({name: torch.from_numpy(value) for name, value in head.tensors().items()})
    network = MaskNetwork(*source.map_body().build(("act1", "layer2")), decoder).eval()
    with torch.inference_mode():
        wanted = network(torch.from_numpy(picture)[None]).softmax(1)[0].permute(1, 2, 0).numpy()
    windows = WindowMaps.of(maps_of(source, head.settings))
    np.testing.assert_allclose(head.probabilities(windows, [picture], ENGINE)[0], wanted, atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"widths": [32]},
        {"widths": [32, 97]},
        {"widths": [32, 10**9]},
        {"strides": [2, True]},
        {"strides": "28"},
        {"settings": {}},
        {"settings": [1]},
        {"decoder": {}},
    ],
)
def test_damaged_facts_are_refused(head: TrainedMaskHead, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        TrainedMaskHead.from_saved(head.tensors(), {**head.facts(), **change}, TASK)


def test_damaged_weights_are_refused(head: TrainedMaskHead) -> None:
    name = next(iter(head.tensors()))
    other = np.full_like(head.tensors()[name], np.nan)
    with pytest.raises(ValueError, match="not finite"):
        TrainedMaskHead.from_saved({**head.tensors(), name: other}, head.facts(), TASK)
    with pytest.raises(ValueError, match="do not fit"):
        TrainedMaskHead.from_saved({name: other}, head.facts(), TASK)
    with pytest.raises(ValueError, match="do not fit"):
        TrainedMaskHead.from_saved(head.tensors(), head.facts(), Task("mask", ("a", "b", "c", "d")))


def test_large_pictures_are_encoded_alone(head: TrainedMaskHead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault: four pictures were encoded at once, whatever their size."""
    from headstart.heads.masks import cell_rows

    picture = np.zeros((64, 64, 3), np.uint8)
    maps = WindowMaps.of(maps_of(open_source("headstart:image"), head.settings))
    assert maps.picture_bytes((64, 64)) == 4 * (32 * 32 * 32 + 8 * 8 * 96)
    for most, wanted in ((2**27, [4, 5]), (maps.picture_bytes((64, 64)), [1, 2, 3, 4, 5])):
        monkeypatch.setattr(cell_rows, "BATCH_BYTES", most)
        done: list[int] = []
        source = open_source("headstart:image")
        head.annotate(source, [picture] * 5, engine=ENGINE, progress=lambda k, _n, _text="", done=done: done.append(k))
        assert done == wanted
