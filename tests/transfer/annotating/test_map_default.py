"""The default source of boxes and masks is the installed one, by its whole name."""

from __future__ import annotations

import pytest

from headstart.transfer.annotating import map_default
from headstart.transfer.annotating.contract import ANNOTATING


@pytest.mark.parametrize("kind", ["box", "mask"])
@pytest.mark.parametrize(
    ("installed", "wanted"),
    [({"headstart:image"}, "headstart:image"), ({"headstart:image", "headstart:photo"}, "headstart:photo")],
)
def test_photo_is_the_default_where_it_is_installed(
    kind: str, installed: set[str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_default, "installed_sources", lambda: frozenset(installed))
    monkeypatch.setattr(map_default, "open_source", lambda name: name)
    assert ANNOTATING[kind].default_source(None, None) == wanted  # type: ignore[arg-type,comparison-overlap]


def test_the_names_are_those_of_the_installed_sources() -> None:
    assert map_default.IMAGE in map_default.installed_sources()
