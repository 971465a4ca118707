"""Files of FastestDet: written as they are read, checked before they are used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headstart.engine.options import Engine
from headstart.errors import DigestError, SourceError
from headstart.sources import open_source
from headstart.sources.detection_bodies.fastestdet_source import FastestDetSource, random_fastestdet
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import maps_of
from headstart.types import SourceInfo

PICTURES = [np.random.default_rng(k).integers(0, 255, (40, 60, 3)).astype(np.uint8) for k in range(2)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fastestdet")
    FastestDetSource(random_fastestdet(0), SourceInfo("fastestdet", "image", license="BSD-3-Clause")).save(folder)
    return folder


def test_a_saved_source_gives_the_same_rows(saved: Path) -> None:
    before = FastestDetSource(random_fastestdet(0), SourceInfo("fastestdet", "image"))
    after = open_source(f"local:{saved}")
    np.testing.assert_array_equal(before.encode(PICTURES), after.encode(PICTURES))
    assert after.info.license == "BSD-3-Clause"
    assert [block.width for block in after.info.blocks] == [48, 96, 192, 96]


def test_a_trunk_without_a_prefix_is_read(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    source = FastestDetSource(random_fastestdet(1, neck=False), SourceInfo("trunk", "image"))
    source.save(tmp_path)
    file = tmp_path / "fastestdet.safetensors"
    save_file({key.removeprefix("backbone."): value for key, value in load_file(file).items()}, file)
    facts = json.loads(file.with_suffix(".json").read_text())
    file.with_suffix(".json").write_text(json.dumps({"architecture": facts["architecture"] + " ShuffleNetV2 trunk"}))
    found = open_source(f"local:{file}")
    np.testing.assert_array_equal(found.encode(PICTURES), source.encode(PICTURES))
    assert [block.name for block in found.info.blocks] == ["backbone.stage2", "backbone.stage3", "last"]


def test_changed_weights_are_refused(saved: Path, tmp_path: Path) -> None:
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    raw = bytearray((tmp_path / "fastestdet.safetensors").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "fastestdet.safetensors").write_bytes(bytes(raw))
    with pytest.raises(DigestError):
        open_source(f"local:{tmp_path}")


def test_other_tensors_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"first_conv.0.weight": np.zeros((24, 3, 3, 3), np.float32)}, tmp_path / "x.safetensors")
    (tmp_path / "x.json").write_text(json.dumps({"architecture": "FastestDet"}))
    with pytest.raises(SourceError, match="do not fit FastestDet"):
        open_source(f"local:{tmp_path / 'x.safetensors'}")


def test_its_maps_are_read_at_one_stride(saved: Path) -> None:
    maps = maps_of(
        open_source(f"local:{saved}"), MapSettings(stride=16, statistics=False, window=(64, 64), fit="stretch")
    )
    assert maps.strides == {"backbone.stage2": 8.0, "SPP": 16.0, "backbone.stage4": 32.0}
    from headstart.engine.extract import extract

    assert extract(maps, PICTURES, engine=Engine(cache=False)).rows.shape == (32, 48 + 96 + 192)
