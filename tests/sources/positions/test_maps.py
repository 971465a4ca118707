"""Rows of cells equal torch's own hypercolumns, whatever the window, and never depend on other pictures."""

from __future__ import annotations

from copy import copy

import numpy as np
import pytest
import torch

from headstart.engine.body.machine import BF16_SWITCH
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.sources import open_source
from headstart.sources.bodies.map_body import MapBody
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import maps_of
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo

TORCH = Engine(backend="torch", cache=False)


def tiny(name: str = "test_resnet", side: int = 64) -> TimmSource:
    spec = TimmSpec(name, pretrained_cfg={"input_size": (3, side, side)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


@pytest.fixture(autouse=True)
def fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BF16_SWITCH, "0")


@pytest.fixture(scope="module")
def source() -> TimmSource:
    return tiny()


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3)).astype(np.uint8)


def test_rows_are_the_hypercolumns_of_torch(source: TimmSource) -> None:
    from torch.nn.functional import interpolate

    maps, pixels = maps_of(source, MapSettings(window=(64, 96), statistics=False)), picture(64, 96)
    found = extract(maps, [pixels], engine=TORCH)
    module, read = source.map_body().build(())
    with torch.inference_mode():
        blocks = [
            interpolate(block, size=(32, 48), mode="bilinear", align_corners=False)
            for name, block in zip(
                source.map_body().names(module), read(module, torch.from_numpy(pixels)[None]), strict=True
            )
            if name in (maps.settings.blocks or ())
        ]
    wanted = torch.cat(blocks, 1)[0].permute(1, 2, 0).reshape(32 * 48, -1).numpy()
    np.testing.assert_allclose(found.rows, wanted, atol=1e-4)
    assert maps.grid((96, 64)) == (32, 48)
    assert [block.width for block in maps.info.blocks] == [block.shape[1] for block in blocks]


def test_pictures_of_all_sizes_run_in_windows_of_one(source: TimmSource) -> None:
    maps = maps_of(source, MapSettings(stride=4, window=(64, 64), overlap=32))
    sizes = [(50, 30), (64, 64), (130, 75)]
    pictures = [picture(*size, seed=k) for k, size in enumerate(sizes)]
    found = extract(maps, pictures, engine=TORCH)
    cells = [int(np.prod(maps.grid(size[::-1]))) for size in sizes]
    assert np.diff(found.offsets).tolist() == cells == [13 * 8, 16 * 16, 33 * 19]
    alone = extract(maps, pictures[2:], engine=TORCH)
    np.testing.assert_allclose(found.rows[-cells[2] :], alone.rows, atol=1e-5)


def test_a_picture_above_the_limit_is_scaled_down(source: TimmSource) -> None:
    maps = maps_of(source, MapSettings(stride=8, window=(64, 64), limit=64))
    assert maps.grid((256, 128)) == (4, 8)
    assert maps.scale_of((256, 128)) == (0.25, 0.25)
    assert extract(maps, [picture(128, 256)], engine=TORCH).rows.shape == (32, maps.width)


def test_stretched_pictures_are_one_window(source: TimmSource) -> None:
    maps = maps_of(source, MapSettings(stride=16, window=(64, 96), fit="stretch", statistics=False))
    assert maps.grid((500, 333)) == (4, 6)
    assert maps.scale_of((192, 32)) == (0.5, 2.0)
    assert len(maps.prepare(picture(333, 500))["windows"]) == 1


def test_statistics_alone_need_no_body(source: TimmSource) -> None:
    maps = maps_of(source, MapSettings(blocks=(), stride=2))
    rows = extract(maps, [np.full((6, 8, 3), 51, np.uint8)], engine=TORCH).rows
    np.testing.assert_allclose(rows, np.tile([0.2] * 6 + [0.0] * 3, (12, 1)), atol=1e-6)
    assert maps.untrained(0) is None


def test_patches_of_a_transformer_are_a_map_of_its_own_size() -> None:
    maps = maps_of(tiny("test_vit", 160), MapSettings(stride=16, statistics=False))
    assert maps.settings.window == (160, 160)
    assert extract(maps, [picture(100, 200)], engine=TORCH).rows.shape == (7 * 13, maps.width)


def test_a_body_of_a_fixed_size_refuses_other_windows_in_a_sentence(source: TimmSource) -> None:
    def of_one_size(_module: object, pictures: torch.Tensor) -> list[torch.Tensor]:
        if pictures.shape[1] != 64:
            raise AssertionError("Input height does not match")
        return [pictures[..., :1].permute(0, 3, 1, 2)]

    body = MapBody("fixed size", False, (64, 64), lambda _names: (torch.nn.ReLU(), of_one_size), lambda _module: ["a"])
    fixed = copy(source)
    fixed.map_body = lambda: body  # type: ignore[method-assign]
    assert maps_of(fixed).width == 10
    with pytest.raises(SourceError, match=r"cannot read windows of 96 x 96 pixels \(Input height does not match\)"):
        maps_of(fixed, MapSettings(window=(96, 96)))


def test_the_untrained_body_has_the_same_columns(source: TimmSource) -> None:
    maps = maps_of(source, MapSettings(window=(64, 64)))
    other = maps.untrained(1)
    assert other is not None
    assert other.info.blocks == maps.info.blocks
    first, second = (extract(each, [picture(64, 64)], engine=TORCH).rows for each in (maps, other))
    assert not np.allclose(first, second)


def test_small_rows_are_stored_and_large_ones_are_not(source: TimmSource) -> None:
    def key(stride: int, side: int) -> str | None:
        maps = maps_of(source, MapSettings(stride=stride, window=(side, side)))
        return maps.choose(Engine(backend="torch"), 1, list)

    assert key(16, 64) is not None
    assert key(16, 64) != key(8, 64)
    assert key(1, 256) is None


def test_a_source_without_maps_is_refused_in_a_sentence() -> None:
    with pytest.raises(SourceError, match="gives no maps of pictures"):
        maps_of(open_source("headstart:text"))


def test_unknown_blocks_are_named(source: TimmSource) -> None:
    with pytest.raises(SourceError, match=r"no block 'layer9' .* its blocks are act1, layer1"):
        maps_of(source, MapSettings(blocks=("layer9",)))
