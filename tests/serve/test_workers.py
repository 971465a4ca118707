"""Several processes on one port: they share the store and the version in force, and a dead one is replaced."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from servers import Server


def children(process):
    """The processes that a server has started, by number."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in found if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def versions(server, count=12):
    """The version that answers each of some requests, each on a connection of its own."""
    return {server.ask("POST", "/predict", {"item": "so kind"})[1]["model_version"] for _ in range(count)}


@pytest.mark.slow
def test_what_one_process_is_taught_all_answer_within_a_second(text_run, tmp_path):
    if not Path("/proc/self/task").exists():
        pytest.skip("the processes are counted in /proc")
    run = shutil.copytree(text_run, tmp_path / "run")
    with Server(run, "--workers", "3") as server:
        assert len(children(server.process)) == 3
        events = [{"item": f"so kind {k}", "label": "praise", "key": f"k{k}"} for k in range(6)]
        numbers = [server.ask("POST", "/feedback", event)[1]["numbers"][0] for event in events]
        assert numbers == sorted(set(numbers))
        assert [server.ask("POST", "/feedback", event)[1]["numbers"][0] for event in events] == numbers
        assert server.ask("POST", "/teach", {})[1]["items"] == 6
        time.sleep(1.2)
        assert versions(server) == {"2"}
        assert server.ask("POST", "/rollback", {"version": 1})[0] == 200
        time.sleep(1.2)
        assert versions(server) == {"1"}
        killed = children(server.process)[0]
        os.kill(killed, signal.SIGKILL)
        until = time.monotonic() + 60
        while killed in children(server.process) or len(children(server.process)) < 3:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert versions(server) == {"1"}
        assert server.ask("GET", "/about")[1]["set_aside"] == 6


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(text_run, tmp_path):
    if not Path("/proc/self/task").exists():
        pytest.skip("the processes are counted in /proc")
    with Server(shutil.copytree(text_run, tmp_path / "run"), "--workers", "2") as server:
        started = children(server.process)
        server.kill()
        until = time.monotonic() + 60
        while any(is_running(number) for number in started):
            assert time.monotonic() < until
            time.sleep(0.1)


def is_running(process):
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
