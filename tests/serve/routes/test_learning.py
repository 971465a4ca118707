"""Feedback and learning where something fails beside them: acknowledgements, keys, reasons."""

from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from starlette.testclient import TestClient

from headstart.errors import ModelFolderError, UsageError
from headstart.serve import ServeOptions, create_app
from headstart.serve.http.errors import RequestError
from headstart.serve.routes import context, learning
from headstart.serve.routes.context import Serving
from headstart.serve.routes.label_studio import events_of

LOCAL = "http://127.0.0.1"


@pytest.fixture
def run(text_run, tmp_path):
    return shutil.copytree(text_run, tmp_path / "support")


def test_committed_feedback_is_acknowledged_though_nobody_can_tell_what_waits(run, monkeypatch):
    def damaged(*_):
        raise ModelFolderError("A version is damaged.")

    with TestClient(create_app(run, ServeOptions(teach_every=1)), LOCAL) as client:
        monkeypatch.setattr(learning, "taught_up_to", damaged)
        answer = client.post("/feedback", json={"item": "where is it", "label": "refund"})
        assert (answer.status_code, answer.json()["numbers"]) == (201, [1])


def test_a_repeated_request_with_several_events_and_one_key_is_kept_once(run):
    events = [{"item": "where is it", "label": "refund"}, {"item": "my money", "label": "refund"}]
    with TestClient(create_app(run), LOCAL) as client:
        sent = [
            client.post("/feedback", json={"events": events}, headers={"Idempotency-Key": "a7"}).json()["numbers"]
            for _ in range(2)
        ]
    assert sent == [[1, 2], [1, 2]]


def test_teaching_without_a_store_says_why(run, monkeypatch):
    serving = Serving.open(run, ServeOptions())

    def closed(_):
        raise UsageError("The store of feedback cannot be opened: no room.")

    monkeypatch.setattr(Serving, "store", property(closed))
    with pytest.raises(RequestError, match="no room") as found:
        learning.teach_now(serving)
    assert found.value.status == 501
    serving.close()


def test_versions_are_followed_after_any_failure_to_open_one(run, monkeypatch):
    serving = Serving.open(run, ServeOptions())
    monkeypatch.setattr(context, "FOLLOW_SECONDS", 0.01)

    def failing():
        raise MemoryError("no memory")

    async def watched():
        monkeypatch.setattr(serving, "follow", failing)
        serving._stamp = (1, 1, 1)
        task = asyncio.create_task(serving.watch())
        await asyncio.sleep(0.2)
        ended = task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return ended

    assert not asyncio.run(watched())
    assert serving.problem == "no memory"
    serving.close()


def test_annotations_without_an_id_do_not_share_a_key():
    chosen = {"type": "choices", "value": {"choices": ["up"]}}
    (event,) = events_of({"task": {"data": {"t": "fine"}}, "annotation": {"result": [chosen]}})
    assert "key" not in event


def test_a_damaged_version_is_one_sentence(run):
    with TestClient(create_app(run), LOCAL) as client:
        (run / "current").write_text("no JSON")
        answer = client.get("/versions")
        assert (answer.status_code, "current' is not valid JSON" in answer.json()["error"]) == (500, True)


def test_threads_that_ask_for_the_store_at_once_share_one(run):
    serving = Serving.open(run, ServeOptions())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: id(serving.store), range(32)))
    assert len(set(found)) == 1
    serving.close()
