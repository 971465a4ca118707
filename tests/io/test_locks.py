"""`exclusive_lock`: one holder, released at the end, also of a process that is killed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from headstart.errors import SaveError
from headstart.io.locks import exclusive_lock

HOLDER = """
import os, signal, sys
from pathlib import Path
from headstart.io.locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), "held"):
    print("held", flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_another_process_holds_it_until_it_is_killed(tmp_path):
    place = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SaveError, match="busy"), exclusive_lock(place, "busy"):
            pass
        holder.communicate("\n")
    with exclusive_lock(place, "busy"):
        pass


def test_it_is_released_where_the_block_fails_and_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(ZeroDivisionError), exclusive_lock(tmp_path / ".lock", "busy"):
        _ = 1 / 0
    with exclusive_lock(tmp_path / ".lock", "busy"):
        pass
    with pytest.raises(SaveError, match="Cannot write"), exclusive_lock(tmp_path / "nowhere" / ".lock", "busy"):
        pass
