"""The application on Ray Serve: two replicas, one of which is killed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from servers import Server

from headstart.errors import HeadstartError, UsageError
from headstart.model import TransferModel
from headstart.serve.on_ray import deployed

MARK = "HEADSTART_TEST_MARK"


def replicas(mark):
    """The processes of replicas that a test has started, by number."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            name, environment = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
        except OSError:
            continue
        if b"ServeReplica:headstart" in name and f"{MARK}={mark}".encode() in environment:
            found.append(int(place.name))
    return found


@pytest.mark.slow
def test_two_replicas_of_which_one_is_killed_lose_nothing(text_run, tmp_path):
    pytest.importorskip("grpc_reflection", reason="Ray Serve is not installed")
    if not Path("/proc/self/environ").exists():
        pytest.skip("the replicas are found in /proc")
    run, mark = shutil.copytree(text_run, tmp_path / "run"), f"{os.getpid()}-{time.time_ns()}"
    with Server(run, "--ray", "auto", "--workers", "2", env={MARK: mark}) as server:
        running = replicas(mark)
        assert len(running) == 2
        texts = ["where is my parcel", "I want my money back"]
        found = server.ask("POST", "/predict", {"items": texts})[1]["predictions"]
        assert [one["label"] for one in found] == TransferModel.load(run).predict(texts)
        events = [{"item": f"so kind {k}", "label": "praise", "key": f"k{k}"} for k in range(6)]
        for event in events[:3]:
            assert server.ask("POST", "/feedback", event)[0] == 201
        os.kill(running[0], signal.SIGKILL)
        until = time.monotonic() + 90
        for event in events[3:]:
            while server.ask_patiently("POST", "/feedback", event)[0] != 201:  # Ray answers 500 while it notices
                assert time.monotonic() < until
                time.sleep(0.2)
        while len(set(replicas(mark)) - {running[0]}) < 2:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert server.ask_patiently("POST", "/teach", {})[1]["items"] == 6
        time.sleep(1.5)
        asked = [server.ask_patiently("POST", "/predict", {"item": "so kind 2"})[1] for _ in range(8)]
        assert {one["model_version"] for one in asked} == {"2"}
        assert {one["predictions"][0]["label"] for one in asked} == {"praise"}


class Cluster:
    """What is used of ``ray.serve``, with the names of the applications that it runs."""

    def __init__(self, *names, fails=False):
        self.names, self.fails, self.is_running = set(names), fails, True

    def status(self):
        return SimpleNamespace(applications=dict.fromkeys(self.names))

    def run(self, _application, *, name, route_prefix):
        assert route_prefix == "/"
        if self.fails:
            raise RuntimeError("no room")
        self.names.add(name)

    def delete(self, name):
        self.names.discard(name)

    def shutdown(self):
        self.is_running = False


def test_other_applications_of_a_cluster_go_on():
    shared, own = Cluster("another"), Cluster()
    for cluster in (shared, own):
        with deployed(cluster, None):
            assert "headstart" in cluster.names
    assert (shared.names, shared.is_running) == ({"another"}, True)
    assert (own.names, own.is_running) == (set(), False)


def test_an_application_that_runs_there_already_is_not_replaced():
    cluster = Cluster("headstart")
    with pytest.raises(UsageError, match="already"), deployed(cluster, None):
        pass
    assert cluster.names == {"headstart"}


def test_replicas_that_do_not_start_are_one_sentence():
    cluster = Cluster("another", fails=True)
    with pytest.raises(HeadstartError, match="did not start: no room"), deployed(cluster, None):
        pass
    assert cluster.is_running
