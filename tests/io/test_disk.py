"""Kind: a full disk, whatever the library calls it. The sentence says which disk, how much is free and what to do."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from headstart.engine.cache.features import FeatureStore
from headstart.errors import SaveError
from headstart.io import atomic_file, atomic_folder, disk_is_full, write_reason

FULL = shutil._ntuple_diskusage(10**9, 10**9, 0)
SAYINGS = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    OSError("100000 requested and 4096 written"),
    sqlite3.OperationalError("database or disk is full"),
    RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ValueError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device"),
]
VAGUE = [
    OSError(errno.EIO, "Input/output error"),
    sqlite3.OperationalError("disk I/O error"),
    RuntimeError("Can't write bin file"),
]


@pytest.mark.parametrize("error", SAYINGS, ids=repr)
def test_libraries_that_say_so(tmp_path, error):
    assert disk_is_full(error, tmp_path / "not" / "there")
    assert "is full (" in write_reason(error, tmp_path)
    for caught in ("cause", "context"):
        outer = ValueError("failed")
        setattr(outer, f"__{caught}__", error)
        assert disk_is_full(outer, tmp_path)


@pytest.mark.parametrize("error", VAGUE, ids=repr)
def test_libraries_that_do_not_say_so(tmp_path, monkeypatch, error):
    assert not disk_is_full(error, tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: FULL)
    assert write_reason(error, tmp_path).endswith("is full (0 bytes of 954 MiB are free)")


def test_other_errors_are_no_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: FULL)
    for error in (OSError(errno.EACCES, "Permission denied"), ValueError("no"), KeyError("disk")):
        assert not disk_is_full(error, tmp_path)
    assert write_reason(OSError(errno.EACCES, "Permission denied"), tmp_path) == "Permission denied"


@pytest.mark.parametrize("error", [*SAYINGS, *VAGUE], ids=repr)
@pytest.mark.parametrize("kind", [atomic_file, atomic_folder])
def test_whatever_is_written_whole_names_the_disk(tmp_path, monkeypatch, kind, error):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: FULL)
    says = r"Cannot write '.*out': No space left on device: the disk at '.*' is full .*; nothing was changed, so free"
    with pytest.raises(SaveError, match=says), kind(tmp_path / "out"):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_another_error_passes_as_it_is(tmp_path):
    with pytest.raises(ValueError, match="no number"), atomic_file(tmp_path / "out"):
        raise ValueError("no number")


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no small disk")
def test_a_store_on_a_full_disk_says_so(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    import numpy as np

    with FeatureStore(tmp_path / "store") as one:
        monkeypatch.setattr("headstart.engine.cache.features.write_rows", full)
        monkeypatch.setattr("headstart.engine.cache.features.is_damage", lambda *_: False)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: FULL)
        one.put([b"a" * 16], np.ones((1, 3), np.float32))
        assert "is full (0 bytes of 954 MiB are free); no more rows are kept" in one.notes[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_the_device_that_is_always_full(tmp_path):
    with pytest.raises(SaveError, match="is full"), atomic_file(tmp_path / "out"), open("/dev/full", "w") as file:  # noqa: PTH123
        file.write("x" * 100_000)
