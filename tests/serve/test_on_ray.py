"""The application on Ray Serve: two replicas, one of which is killed."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from servers import Server

from headstart.errors import HeadstartError, UsageError
from headstart.model import TransferModel
from headstart.serve.http.forwarding import WholeAnswer
from headstart.serve.on_ray import deployed, front_of, replica_options
from headstart.serve.options import RequestLimits, ServeOptions

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
        assert {server.ask("POST", "/predict", {"item": "parcel"})[0] for _ in range(8)} == {200}  # asked of the other
        until = time.monotonic() + 300
        for event in events[3:]:
            while server.ask_patiently("POST", "/feedback", event)[0] != 201:  # 503 while Ray notices
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
        assert route_prefix is None  # Ray's proxies, which bound nothing, do not lead to it
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


TOKEN = "0123456789abcdef-secret"


class LostError(Exception):
    """What is raised where a replica is gone."""


class Handle:
    """What is used of a handle of Ray Serve: the first calls meet replicas that are gone."""

    def __init__(self, gone=0):
        self.gone, self.calls, self.answer = gone, [], self

    async def remote(self, asked):
        self.calls.append(asked)
        if len(self.calls) <= self.gone:
            raise LostError
        return WholeAnswer(200, ((b"content-type", b"text/plain"), (b"x-frame-options", b"DENY")), b"fine")


def ask(handle, path="/predict", body=b"{}", headers=(), pause=0.0, **options):
    """The status, headers and body of the front's answer to a request, whose body comes in two parts."""
    front = front_of(handle, ServeOptions(**options), (LostError,))
    parts, sent = [body[: len(body) // 2], body[len(body) // 2 :]], []

    async def receive():
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    given = [(b"host", b"127.0.0.1"), *headers]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": given, "scheme": "http"}
    asyncio.run(front(scope, receive, send))
    return sent[0]["status"], sent[0]["headers"], sent[1]["body"]


def test_the_front_bounds_the_size_and_time_of_a_body_before_ray_sees_it():
    handle = Handle()
    small = RequestLimits(body_bytes=100, read=0.05)
    assert ask(handle, body=b"x" * 101, limits=small)[0] == 413
    assert ask(handle, pause=0.2, limits=small)[0] == 408
    assert handle.calls == []
    status, headers, body = ask(handle, body=b"x" * 100, limits=small)
    assert (status, body, handle.calls[0].body) == (200, b"fine", b"x" * 100)
    assert [name for name, _ in headers].count(b"x-frame-options") == 1


def test_the_token_stays_in_front():
    handle = Handle()
    assert ask(handle, token=TOKEN)[0] == 401
    assert handle.calls == []
    assert ask(handle, token=TOKEN, headers=[(b"authorization", f"Bearer {TOKEN}".encode())])[0] == 200
    assert b"authorization" not in dict(handle.calls[0].headers)
    for options in (ServeOptions(token=TOKEN), ServeOptions(token=TOKEN, host="0.0.0.0", hosts=("a.example",))):
        inner = replica_options(options)
        assert TOKEN.encode() not in pickle.dumps(inner)
        assert inner.open
        assert not inner.hosts  # the front has asked for the host and the token


def test_what_changes_nothing_is_asked_of_another_replica_and_the_rest_is_refused_for_now():
    assert ask(Handle(gone=2))[0] == 200
    for path in ("/feedback", "/teach", "/rollback"):
        handle = Handle(gone=1)
        status, headers, _ = ask(handle, path=path)
        assert (status, dict(headers)[b"retry-after"], len(handle.calls)) == (503, b"1", 1)
    assert ask(Handle(gone=9))[0] == 503


def test_a_replica_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr("headstart.serve.http.forwarding.GRACE", 0.0)

    class Silent(Handle):
        async def remote(self, _asked):
            await asyncio.sleep(60)

    status, headers, _ = ask(Silent(), limits=RequestLimits(deadline=0.05))
    assert (status, dict(headers)[b"retry-after"]) == (504, b"5")
