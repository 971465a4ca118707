"""Kind: private data that others could read. The cache is for its owner alone, also where it was not before."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from headstart.data import read
from headstart.engine.cache.bodies import BodyCache
from headstart.engine.cache.features import open_store
from headstart.engine.cache.folder import entry_folder, training_entry
from headstart.errors import ParameterError
from headstart.io import cache_folder, make_folder, write_json
from headstart.tune.training.checkpoint import write_state

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no such permissions")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("HEADSTART_CACHE", str(place))
    return place


def modes(place: Path) -> dict[str, int]:
    found = {path: path.lstat().st_mode & 0o777 for path in (place, *place.rglob("*"))}
    return {str(path): mode for path, mode in found.items() if mode & 0o077}


def test_all_that_is_kept_is_for_the_owner_alone(cache, tmp_path):
    import torch

    before = os.umask(0o002)
    try:
        with open_store("rows", {"source": "toy"}) as store:
            store.put([b"a" * 16], np.ones((1, 3), np.float32))
        BodyCache("ab12").write("facts", {"width": 3})
        BodyCache("ab12").write_folder("form", lambda place: write_json(place / "a.json", {}), 10)
        write_state(training_entry("cd34", "toy", "full"), {"w": torch.ones(2)}, {"step": 1})
        with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
            for label in "ab":
                for number in range(3):
                    archive.writestr(f"texts/{label}/{number}.txt", f"text {label} {number}")
        read(str(tmp_path / "texts.zip"))
    finally:
        os.umask(before)
    assert len(list(cache.rglob("*"))) > 12
    assert modes(cache) == {}


def test_a_cache_of_an_earlier_release_is_tightened(cache):
    folder = cache / "features" / "key"
    folder.mkdir(parents=True)
    (folder / "about.json").write_text("{}")
    for path in (cache, *cache.rglob("*")):
        path.chmod(0o775 if path.is_dir() else 0o664)
    assert cache_folder() == cache
    assert modes(cache) == {}


def test_a_folder_that_holds_other_things_stays_as_it_is(cache):
    (cache / "photos").mkdir(parents=True)
    (cache / "photos").chmod(0o755)
    cache.chmod(0o755)
    make_folder(entry_folder("features", "key"))
    assert cache.stat().st_mode & 0o777 == 0o755
    assert (cache / "photos").stat().st_mode & 0o777 == 0o755
    assert modes(cache / "features") == {}


def test_a_folder_that_anybody_may_write_to_is_refused(cache):
    (cache / "photos").mkdir(parents=True)
    cache.chmod(0o777)
    with pytest.raises(ParameterError, match="Anybody may write"):
        cache_folder()


def test_the_cache_of_another_user_is_refused(cache, monkeypatch):
    cache.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ParameterError, match="belongs to another user"):
        cache_folder()
