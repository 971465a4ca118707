"""Maps at several strides equal what the body computes, and are refused where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.engine.body.machine import BF16_SWITCH
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.sources import open_source
from headstart.sources.bodies.trainable import trainable
from headstart.sources.positions.pyramid import PyramidSource, levels_of, read_maps, square
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo


@pytest.fixture(scope="module")
def source() -> TimmSource:
    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


def test_the_deepest_block_of_each_stride_is_read(source: TimmSource) -> None:
    assert [(level.stride, level.name) for level in levels_of(source, 64)] == [
        (4, "layer1"), (8, "layer2"), (16, "layer3"), (32, "layer4"),
    ]  # fmt: skip


def test_maps_equal_those_of_the_module(source: TimmSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BF16_SWITCH, "0")
    levels = levels_of(source, 64)[1:]
    made = PyramidSource(source, levels, 64)
    pictures = [np.random.default_rng(k).integers(0, 255, (30, 50, 3)).astype(np.uint8) for k in range(3)]
    found = made.maps(extract(made, pictures, engine=Engine(backend="torch", cache=False)).rows)
    body = trainable(source)
    batch = torch.from_numpy(np.stack([square(64).prepare(picture) for picture in pictures]))
    with torch.inference_mode():
        wanted = read_maps(body.module, body.forward, [level.name for level in levels], batch)
    for own, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, other.numpy(), atol=1e-4)


def test_a_body_without_maps_is_refused() -> None:
    with pytest.raises(SourceError, match="no body that can be fine-tuned"):
        levels_of(open_source("toy"), 64)


def test_a_side_out_of_range_is_refused(source: TimmSource) -> None:
    with pytest.raises(SourceError, match="64 to 2048"):
        PyramidSource(source, levels_of(source, 64), 32)
