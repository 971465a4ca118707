"""The cache folder: where it is, how large it may grow, and what goes first."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.engine.cache import folder as module
from headstart.engine.cache.folder import (
    cache_entries,
    cache_limit,
    entry_folder,
    make_room,
    mark_used,
    parse_size,
    prune,
    remove_entry,
    sweep,
    write_about,
)
from headstart.errors import ParameterError
from headstart.io import cache_folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    return tmp_path


def entry(kind: str, key: str, size: int, age: float) -> Path:
    folder = entry_folder(kind, key)
    folder.mkdir(parents=True)
    (folder / "data").write_bytes(os.urandom(size))
    write_about(folder, {"source": key})
    os.utime(folder / "about.json", (time.time() - age,) * 2)
    return folder


def make_old(path: Path) -> None:
    for one in (path, *path.rglob("*")):
        os.utime(one, (1, 1))


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("HEADSTART_CACHE", "~/mine")
    assert cache_folder() == Path.home() / "mine"
    monkeypatch.setenv("HEADSTART_CACHE", "mine")
    assert cache_folder() == Path.cwd() / "mine"


@pytest.mark.parametrize(
    ("platform", "settings", "place"),
    [
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, Path("/xdg/headstart")),
        ("linux", {"XDG_CACHE_HOME": ""}, Path.home() / ".cache" / "headstart"),
        ("linux", {"XDG_CACHE_HOME": "not/absolute"}, Path.home() / ".cache" / "headstart"),
        ("darwin", {}, Path.home() / "Library" / "Caches" / "headstart"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/headstart")),
    ],
)
def test_else_it_is_in_the_cache_folder_of_the_user(monkeypatch, platform, settings, place):
    monkeypatch.delenv("HEADSTART_CACHE")
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == place


@pytest.mark.parametrize(
    ("text", "size"),
    [("20GB", 20 * 10**9), ("20 gib", 20 * 2**30), ("1.5k", 1500), ("0", 0), ("7B", 7), (" 2 TB ", 2 * 10**12)],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1e9", "5 gigs", "1,5GB", "inf", "٣GB"])
def test_what_is_no_size(text):
    with pytest.raises(ParameterError, match="such as '5GB'"):
        parse_size(text)


@given(st.integers(0, 10**15))
def test_any_number_of_bytes_is_a_size(size):
    assert parse_size(str(size)) == size


def test_the_limit_is_at_most_a_tenth_of_the_disk(root, monkeypatch):
    class Disk:
        total = 10**9

    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: Disk)
    assert cache_limit() == 10**8
    monkeypatch.setattr(Disk, "total", 10**15)
    assert cache_limit() == 20 * 2**30
    monkeypatch.setenv("HEADSTART_CACHE_LIMIT", "3MB")
    assert cache_limit() == 3 * 10**6


def test_entries_are_listed_with_what_they_are_the_last_used_first(root):
    entry("features", "f", 10_000, age=50)
    entry("body", "b", 20_000, age=10)
    (root / "archives" / ("a" * 24)).mkdir(parents=True)
    (root / "features" / ".hidden").mkdir()
    (root / "features" / "of-the-user").mkdir()
    found = cache_entries()
    assert [(one.kind, one.key) for one in found] == [("archive", "a" * 24), ("body", "b"), ("features", "f")]
    assert found[1].about == {"source": "b"}
    assert 20_000 < found[1].bytes < 22_000
    assert found[1].last_used == pytest.approx(time.time() - 10, abs=5)
    mark_used(entry_folder("features", "f"))
    assert cache_entries(("features", "body"))[0].key == "f"


def test_what_was_not_used_for_longest_goes_first(root):
    for age, key in enumerate(["young", "middle", "old"]):
        entry("features" if age else "body", key, 10_000, age=100.0 * (age + 1))
    assert [one.key for one in prune(25_000)] == ["old"]
    assert [one.key for one in prune(25_000)] == []
    assert [one.key for one in prune(0, keep=entry_folder("features", "middle"))] == ["young"]
    assert [one.key for one in cache_entries()] == ["middle"]


def test_room_is_made_by_others_and_never_by_archives(root):
    own, other = entry("features", "own", 20_000, age=900), entry("body", "other", 20_000, age=0)
    archive = entry("archive", "archive", 60_000, age=1000)
    assert 5_000 < make_room(1_000, limit=50_000, keep=own) < 10_000
    assert other.exists()
    assert 25_000 < make_room(20_000, limit=50_000, keep=own) < 30_000
    assert make_room(40_000, limit=50_000, keep=own) < 30_000
    assert (own.exists(), other.exists(), archive.exists()) == (True, False, True)


def test_an_entry_that_is_in_use_is_removed_under_its_users(root):
    folder = entry("body", "b", 1000, age=0)
    with (folder / "data").open("rb") as file:
        assert remove_entry(folder)
        assert len(file.read()) == 1000
    assert not remove_entry(folder)
    assert list((root / "bodies").iterdir()) == []


def test_what_killed_processes_left_is_swept_and_what_runs_is_not(root):
    body = entry("body", "b", 10, age=0)
    (body / "keep.partial-1.bin").write_text("no leftover: it does not begin with a dot")
    old = [root / "features" / ".f.partial-1-x", body / ".model.partial-2-y", body / ".about.json.partial-3-z"]
    new = root / "features" / ".g.partial-4-x"
    theirs = root / "archives" / "a" / ".partial-folder-of-theirs"
    for path in (*old[:2], new, theirs):
        path.mkdir(parents=True)
        (path / "data").write_text("half")
    old[2].write_text("half")
    for path in (*old, theirs):
        make_old(path)
    trash = root / "features" / ".trash-f-1"
    trash.mkdir()
    sweep()
    assert [path.exists() for path in (*old, trash)] == [False] * 4
    assert new.exists()
    assert theirs.exists()
    assert (body / "keep.partial-1.bin").exists()
    assert (body / "data").exists()


def test_what_an_entry_is_is_said_once_and_survives_damage(root):
    folder = entry("features", "f", 10, age=0)
    write_about(folder, {"source": "another"})
    assert cache_entries()[0].about == {"source": "f"}
    (folder / "about.json").write_text("{")
    assert cache_entries()[0].about == {}


def test_no_cache_folder_is_an_empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "none"))
    assert cache_entries() == []
    assert prune() == []
    assert cache_limit() > 0
    assert not (tmp_path / "none").exists()
