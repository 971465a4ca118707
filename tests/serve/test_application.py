"""The application: POST /predict in all its shapes, and errors as one sentence."""

from __future__ import annotations

import threading
from functools import cached_property

import pytest
from starlette.testclient import TestClient

from headstart.errors import NoModelError
from headstart.model import TransferModel
from headstart.serve import RequestLimits, ServeOptions, create_app
from headstart.serve.batching.served import ServedModel

LOCAL = "http://127.0.0.1"


@pytest.fixture(scope="module")
def client(text_run):
    with TestClient(create_app(text_run, ServeOptions(limits=RequestLimits(items=20, characters=500))), LOCAL) as found:
        yield found


def test_many_texts_are_answered_as_predict_does(client, text_run):
    texts = ["where is my parcel", "I want my money back", "please refund payment 7"]
    model = TransferModel.load(text_run)
    answer = client.post("/predict", json={"items": texts})
    assert answer.status_code == 200
    found = answer.json()
    assert found["model_version"] == "1"
    assert [one["label"] for one in found["predictions"]] == model.predict(texts)
    assert [one["id"] for one in found["predictions"]] == [0, 1, 2]
    for one, row in zip(found["predictions"], model.predict_proba(texts), strict=True):
        assert list(one["probabilities"]) == list(model.task.labels)
        assert list(one["probabilities"].values()) == pytest.approx(row.tolist(), abs=1e-6)
        assert sum(one["probabilities"].values()) == pytest.approx(1)


def test_one_text_as_json_and_as_a_form(client):
    asked = client.post("/predict", json={"item": "refund my card", "ids": None}).json()["predictions"]
    form = client.post("/predict", data={"item": "refund my card"}, files={"f": ("x", b"")})
    assert [one["label"] for one in asked] == ["refund"]
    assert form.json()["predictions"][1] == {**asked[0], "id": 1}


def test_the_items_of_a_form_are_named_by_the_client(client):
    def ask(ids):
        form = [("item", (None, "my parcel")), ("item", (None, "my refund")), *[("ids", (None, one)) for one in ids]]
        return client.post("/predict", files=form)

    for ids in (["a", "b"], ['["a", "b"]']):
        assert [one["id"] for one in ask(ids).json()["predictions"]] == ["a", "b"]
    assert [one["id"] for one in ask(["[7, 8]"]).json()["predictions"]] == [7, 8]
    for ids in (["a"], ["a", "b", "c"], ['["a"]'], ["[1.5, 2]"], ["[" * 9]):
        assert (ask(ids).status_code, list(ask(ids).json())) == (422, ["error"])


def test_the_model_is_not_calibrated_in_the_event_loop(text_run, monkeypatch):
    """Nor is anything else that a request asks for the first time: it would stop all other requests."""
    threads = []
    for name in ("_conformal", "_selective", "_novelty"):
        made = getattr(ServedModel, name).func

        def noted(self, made=made):
            threads.append(threading.current_thread().name)
            return made(self)

        prepared = cached_property(noted)
        prepared.__set_name__(ServedModel, name)
        monkeypatch.setattr(ServedModel, name, prepared)
    with TestClient(create_app(text_run), "http://127.0.0.1") as client:
        for query in ("coverage=0.9", "max_error=0.4", "novel=true"):
            client.post(f"/predict?{query}", json={"item": "my parcel"})
        assert client.post("/predict?coverage=7", json={"item": "my parcel"}).status_code == 400
        assert client.post("/predict?top=0", json={"item": "my parcel"}).status_code == 400
    assert len(threads) >= 3
    assert all(name.startswith("headstart-check") for name in threads)


def test_an_item_that_cannot_be_read_fails_alone(client):
    found = client.post("/predict", json={"items": ["refund my card", "", 7, "x" * 501]}).json()["predictions"]
    assert found[0]["label"] == "refund"
    assert [set(one) for one in found[1:]] == [{"id", "error"}] * 3


def test_a_request_without_a_readable_item_is_refused(client):
    answer = client.post("/predict", json={"items": ["", None]})
    assert answer.status_code == 422
    assert answer.json()["error"] == answer.json()["predictions"][0]["error"]


def test_options_come_from_the_query_and_the_body(client):
    found = client.post("/predict?top=2", json={"item": "refund", "top": 1}).json()["predictions"][0]
    assert len(found["probabilities"]) == 1
    refused = client.post("/predict?novel=true", json={"item": "refund"})  # of 30 items, no share of 1% is flagged
    assert (refused.status_code, list(refused.json())) == (400, ["error"])
    found = client.post("/predict?coverage=0.8&max_error=0.5", json={"item": "refund my card"}).json()["predictions"][0]
    assert found["set"] == ["refund"]
    assert found["abstained"] is False


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""), (400, b"{"), (400, b"\xff\xfe{"), (400, b"[NaN]"), (400, b"[" * 100_000), (422, b"[]"),
        (422, b"{}"), (422, b'{"items": "a"}'), (422, b'{"items": ["a"], "item": "a"}'), (422, b'{"itmes": ["a"]}'),
        (422, b'{"item": "a", "coverage": "high"}'), (400, b'{"item": "a", "coverage": 2}'),
        (422, b'{"item": "a", "top": 0.5}'), (422, b'{"items": ["a"], "ids": [[]]}'), (400, b"1" * 5000),
        (413, b'{"items": [' + b",".join([b'"a"'] * 21) + b"]}"), (422, b'{"tasks": 3}'),
    ],
)  # fmt: skip
def test_a_malformed_body_is_refused_in_one_sentence(client, status, body):
    answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert answer.json()["error"].endswith(".")


def test_no_items_have_no_answers(client):
    assert client.post("/predict", json={"items": []}).json()["predictions"] == []


def test_what_is_not_there_is_said_in_one_sentence(client):
    assert client.get("/nowhere").json() == {"error": "There is no route GET /nowhere."}
    assert client.get("/predict").json() == {"error": "The route /predict does not take GET."}
    assert client.post("/predict", content=b"a", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(NoModelError):
        create_app(tmp_path)
