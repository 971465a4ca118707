"""Story: a server is killed at any moment, and no acknowledged correction is lost or taught twice."""

from __future__ import annotations

import http.client
import random
import shutil
import threading
import time

import numpy as np
import pytest
from postgres import cluster, problem
from servers import Server

from headstart.model import TransferModel
from headstart.serve.store.sql import open_store
from headstart.serve.teaching.opening import store_name
from headstart.transfer.update import update

LABELS = ("refund", "delivery", "praise")


class Sender(threading.Thread):
    """Sends corrections, and asks to teach, until the server is gone."""

    def __init__(self, server, seed, kept, open_ones):
        super().__init__()
        self.server, self.random, self.kept, self.open_ones = server, random.Random(seed), kept, open_ones
        self.taught = 0

    def run(self):
        try:
            for event in list(self.open_ones.values()):  # sent before the last kill, without an answer
                self.send(dict(event))
            while True:
                if self.random.random() < 0.25:
                    self.taught += self.server.ask("POST", "/teach", {})[0] == 200
                number = self.random.randrange(10**9)
                item = f"{self.random.choice(('a box', 'my money', 'so kind'))} {number % 40}"  # some come again
                self.send({"item": item, "label": self.random.choice(LABELS), "key": f"key-{number}"})
        except (OSError, http.client.HTTPException, ValueError):
            return  # killed

    def send(self, event):
        self.open_ones[event["key"]] = event
        status, answer = self.server.ask("POST", "/feedback", event)
        assert status == 201, answer
        self.kept[event["key"]] = (event, answer["numbers"][0])
        del self.open_ones[event["key"]]


def killed_often(run, kills, *words, store):
    """Kill servers of a run while corrections come in, and check what is there afterwards."""
    base, moments = shutil.copytree(run, run.parent / "base"), random.Random(7)
    kept, open_ones = {}, {}
    for kill in range(kills):
        server = Server(run, *words)
        sender = Sender(server, kill, kept, open_ones)
        sender.start()
        time.sleep(moments.uniform(0.02, 1.5))
        server.kill()
        sender.join()
        assert TransferModel.load(run).predict(["a box"])[0] in LABELS
    with Server(run, *words) as server:
        for event in list(open_ones.values()):
            status, answer = server.ask("POST", "/feedback", event)
            assert status == 201
            kept[event["key"]] = (event, answer["numbers"][0])
        status, answer = server.ask("POST", "/teach", {})
        assert status == 200, answer
        feedback = server.ask("GET", "/versions")[1]["feedback"]
        asked = server.ask("POST", "/predict", {"items": ["a box 7", "so kind 3"]})[1]["predictions"]
    assert (feedback["waiting"], feedback["set_aside"]) == (0, 0)
    opened = open_store(store, store_name(run))
    events = opened.events()
    opened.close()
    assert {one.feedback.key: one.number for one in events} == {key: number for key, (_, number) in kept.items()}
    for one in events:
        event = kept[one.feedback.key][0]
        assert (one.feedback.item.decode(), one.feedback.label) == (event["item"], event["label"])
    last = {one.feedback.item.decode(): one.feedback.label for one in events}
    update(base, (list(last), list(last.values())), relabel=True, modality="text", verbose=False)
    exact, found = TransferModel.load(base), TransferModel.load(run)
    texts = [*last, "something else", "refund my card"]
    order = [found.task.labels.index(label) for label in exact.task.labels]
    assert found.predict_proba(texts)[:, order] == pytest.approx(exact.predict_proba(texts), abs=1e-5)
    assert np.allclose([one["probability"] for one in asked], found.predict_proba(["a box 7", "so kind 3"]).max(axis=1))
    return len(events)


@pytest.fixture
def run(text_run, tmp_path):
    return shutil.copytree(text_run, tmp_path / "run")


@pytest.mark.ci
def test_three_kills_lose_nothing(run):
    assert killed_often(run, 3, store=run / "feedback.db") > 0


@pytest.mark.slow
def test_fifty_kills_lose_nothing(run):
    assert killed_often(run, 50, store=run / "feedback.db") > 50


@pytest.mark.slow
def test_fifty_kills_lose_nothing_in_postgresql(run):
    if problem():
        pytest.skip(problem())
    with cluster() as url:
        assert killed_often(run, 50, "--store", url, store=url) > 50
