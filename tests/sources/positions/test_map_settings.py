"""Settings of maps survive a file, and damaged ones are refused."""

from __future__ import annotations

import json

import pytest

from headstart.errors import HeadstartError
from headstart.sources.positions.map_settings import MapSettings


@pytest.mark.parametrize(
    "settings", [MapSettings(), MapSettings(4, ("a", "b"), False, (64, 96), "stretch"), MapSettings(8, scale=2.0)]
)
def test_settings_survive_json(settings: MapSettings) -> None:
    assert MapSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    "values",
    [
        {"stride": 3},
        {"stride": "2"},
        {"window": [64, 65]},
        {"window": [64]},
        {"window": [10**9, 64]},
        {"blocks": "layer1"},
        {"blocks": [1]},
        {"blocks": [], "statistics": False},
        {"statistics": 1},
        {"fit": "crop"},
        {"scale": 1e9},
        {"scale": float("nan")},
        {"limit": 10**9},
        {"other": 1},
    ],
)
def test_damaged_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(HeadstartError):
        MapSettings.from_dict(values)


@pytest.mark.parametrize(("width", "outputs"), [(1000, 2), (9, 4000)])
def test_settings_that_would_fill_the_memory_are_refused(width: int, outputs: int) -> None:
    MapSettings(limit=1024).check_memory(width, 12)
    with pytest.raises(HeadstartError, match="lower the limit"):
        MapSettings(limit=8192, stride=1).check_memory(width, outputs)
