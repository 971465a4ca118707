"""Permissions of what is written: those that any new file gets, whatever a library or a temporary file had."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from headstart.errors import SaveError
from headstart.io import atomic_file, atomic_folder, check_writable, follow_umask, write_tensors


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_and_all_in_it_follow_the_umask(tmp_path, umask):
    with atomic_folder(tmp_path / "run") as scratch:
        (scratch / "body").mkdir(mode=0o700)
        write_tensors(scratch / "body" / "a.safetensors", {"w": np.eye(2)})
        (scratch / "closed").touch(mode=0o600)
        (scratch / "read-only").touch(mode=0o444)
    assert mode(tmp_path / "run") == mode(tmp_path / "run" / "body") == 0o777 & ~umask
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {mode(path) for path in files} == {0o666 & ~umask}
    assert len(files) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_file_follows_the_umask(tmp_path, umask):
    with atomic_file(tmp_path / "new" / "a.csv") as scratch:
        scratch.touch(mode=0o600)
    assert mode(tmp_path / "new" / "a.csv") == 0o666 & ~umask
    assert mode(tmp_path / "new") == 0o777 & ~umask


def test_tensors_that_are_written_by_themselves_follow_the_umask(tmp_path, umask):
    write_tensors(tmp_path / "a.safetensors", {"w": np.eye(2)})
    assert mode(tmp_path / "a.safetensors") == 0o666 & ~umask


def test_a_folder_of_a_group_hands_its_group_on(tmp_path):
    tmp_path.chmod(0o2775)
    with atomic_folder(tmp_path / "run") as scratch:
        (scratch / "body").mkdir()
    assert mode(tmp_path / "run") & stat.S_ISGID
    assert mode(tmp_path / "run" / "body") & stat.S_ISGID
    assert (tmp_path / "run" / "body").stat().st_gid == tmp_path.stat().st_gid


def test_a_file_that_is_replaced_keeps_its_permissions_and_a_link_its_place(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.csv").touch(mode=0o600)
    (tmp_path / "a.csv").symlink_to(tmp_path / "real" / "a.csv")
    with atomic_file(tmp_path / "a.csv") as scratch:
        scratch.write_text("new")
    assert (tmp_path / "a.csv").is_symlink()
    assert (tmp_path / "real" / "a.csv").read_text() == "new"
    assert mode(tmp_path / "real" / "a.csv") == 0o600


def test_following_the_umask_leaves_nothing_behind(tmp_path):
    (tmp_path / "a").touch(mode=0o600)
    follow_umask(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_root_of_a_file_system_is_refused():
    """Kind: an unexpected StopIteration."""
    with pytest.raises(SaveError, match="is the root of a file system; name another place with --out"):
        check_writable(Path("/"))
