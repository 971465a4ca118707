"""Every route of a text model: protocols of other tools, reasons, feedback, versions, documentation."""

from __future__ import annotations

import json
import shutil
import struct

import numpy as np
import pytest
from starlette.testclient import TestClient

from headstart.model import TransferModel
from headstart.serve import ServeOptions, create_app

LOCAL = "http://127.0.0.1"
TEXTS = ["where is my parcel", "I want my money back"]
CONFIG = '<View><Text name="t" value="$body"/><Choices name="topic" toName="t"/></View>'


@pytest.fixture(scope="module")
def run(text_run, tmp_path_factory):
    return shutil.copytree(text_run, tmp_path_factory.mktemp("served") / "support")


@pytest.fixture(scope="module")
def client(run):
    with TestClient(create_app(run), LOCAL) as found:
        yield found


def test_instances_have_predictions(client, run):
    labels = TransferModel.load(run).predict(TEXTS)
    for path in ("/invocations", "/v1/models/support:predict"):
        found = client.post(path, json={"instances": TEXTS, "parameters": {"top": 1}}).json()
        assert [one["label"] for one in found["predictions"]] == labels
    assert client.post("/v1/models/other:predict", json={"instances": TEXTS}).status_code == 404
    assert client.get("/ping").status_code == 200


def test_the_open_inference_protocol_as_its_documents_show_it(client, run):
    model = TransferModel.load(run)
    about = client.get("/v2/models/support").json()
    assert about["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert [one["name"] for one in about["outputs"]] == ["label", "probabilities"]
    assert client.get("/v2/models/support/versions/1/ready").json()["ready"] is True
    assert client.get("/v2/models/support/versions/7").status_code == 404
    assert client.get("/v2/health/live").json() == {"live": True}
    tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "data": TEXTS}
    found = client.post("/v2/models/support/infer", json={"id": "a7", "inputs": [tensor]}).json()
    assert (found["model_name"], found["model_version"], found["id"]) == ("support", "1", "a7")
    assert found["outputs"][0]["data"] == model.predict(TEXTS)
    shares = np.array(found["outputs"][1]["data"]).reshape(found["outputs"][1]["shape"])
    assert shares == pytest.approx(model.predict_proba(TEXTS), abs=1e-6)


@pytest.mark.parametrize(
    "tensor",
    [
        {}, {"name": "text"}, {"name": "text", "datatype": "TEXT", "shape": [1], "data": ["a"]},
        {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a"]},
        {"name": "text", "datatype": "BYTES", "shape": [-1], "data": ["a"]},
        {"name": "text", "datatype": "BYTES", "shape": [1], "data": [7]},
        {"name": "text", "datatype": "FP32", "shape": [1], "data": ["a"]},
        {"name": "text", "datatype": "FP32", "shape": [1], "data": [1.5]},
        {"name": "text", "datatype": "UINT8", "shape": [1], "data": [300]},
        {"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 9}},
        {"name": "text", "datatype": "BYTES", "shape": [1], "data": [""]},
    ],
)  # fmt: skip
def test_a_wrong_tensor_is_refused(client, tensor):
    answer = client.post("/v2/models/support/infer", json={"inputs": [tensor]})
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_elements_that_are_longer_than_their_bytes_are_refused(client):
    raw = struct.pack("<I", 2**31) + b"a"
    tensor = {"name": "t", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    for length in (len(head), 10**30, -1):
        headers = {"Inference-Header-Content-Length": str(length)}
        assert client.post("/v2/models/support/infer", content=head + raw, headers=headers).status_code == 400


def test_the_requests_of_label_studio(client, run):
    label = TransferModel.load(run).predict(TEXTS[:1])
    assert client.get("/health").json()["status"] == "UP"
    set_up = client.post("/setup", json={"project": "1.17", "schema": CONFIG, "extra_params": {}})
    assert set_up.json()["model_version"] == "1"
    tasks = [{"id": 1, "data": {"body": TEXTS[0], "n": 3}}, {"id": 2, "data": {"body": ""}}]
    asked = {"tasks": tasks, "project": "1.17", "label_config": CONFIG, "params": {"context": None}}
    first, second = client.post("/predict", json=asked).json()["results"]
    assert first["result"][0]["value"] == {"choices": label}
    assert (first["result"][0]["from_name"], first["result"][0]["to_name"]) == ("topic", "t")
    assert 0 < first["score"] <= 1
    assert second["result"] == []
    assert client.post("/webhook", json={"action": "PROJECT_UPDATED"}).status_code == 201


def test_an_answer_is_explained_as_json_and_as_a_page(client):
    found = client.post("/explain", json={"item": TEXTS[0], "method": "leave_one_word_out"}).json()
    assert found["predicted"] == "delivery"
    assert found["attributions"][0]["method"] == "leave_one_word_out"
    page = client.post("/explain", json={"item": TEXTS[0], "format": "html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    for wrong in ({"item": ""}, {"item": "a", "method": "magic"}, {"item": "a", "label": "nothing"}, {"items": []}):
        assert client.post("/explain", json=wrong).status_code == 422


def test_the_documentation_needs_no_network(client):
    page = client.get("/docs").text
    assert "/predict" in page
    assert "<script" not in page
    assert "http://127.0.0.1/predict" in page
    assert "//cdn" not in page
    assert client.get("/openapi.json").json()["paths"].keys() >= {"/predict", "/feedback", "/teach", "/explain"}


def test_feedback_is_taught_rolled_back_and_not_taught_again(client, run):
    new = ["the courier was so kind", "thank you for the kind help", "what a kind answer"]
    events = [{"item": text, "label": "praise", "key": f"k{place}", "who": "ann"} for place, text in enumerate(new)]
    kept = client.post("/feedback", json={"events": events})
    assert (kept.status_code, kept.json()["numbers"]) == (201, [1, 2, 3])
    assert client.post("/feedback", json=events[0]).json()["numbers"] == [1]
    assert client.post("/feedback", json={**events[0], "label": "refund"}).status_code == 409
    hook = {
        "action": "ANNOTATION_CREATED",
        "task": {"data": {"body": "refund the box"}},
        "annotation": {"id": 5, "result": [{"value": {"choices": ["refund"]}}]},
    }
    assert client.post("/webhook", json=hook).json()["numbers"] == [4]
    assert client.get("/versions").json()["feedback"] == {"taught": 0, "waiting": 4, "set_aside": 0, "taught_up_to": 0}
    taught = client.post("/teach").json()
    assert (taught["version"], taught["model_version"], taught["events"]) == (2, "2", 4)
    assert taught["report"]["new_labels"] == ["praise"]
    assert client.post("/predict", json={"item": new[0]}).json()["predictions"][0]["label"] == "praise"
    assert TransferModel.load(run).predict(new) == ["praise"] * 3
    assert client.post("/teach", json={}).json()["version"] is None
    assert client.post("/rollback").json() == {"model_version": "1"}
    assert "praise" not in client.post("/predict", json={"item": new[0]}).json()["predictions"][0]["probabilities"]
    listed = client.get("/versions").json()
    assert (listed["current"], [one["in_force"] for one in listed["versions"]]) == (1, [True, False])
    assert listed["feedback"] == {"taught": 0, "waiting": 0, "set_aside": 4, "taught_up_to": 0}
    assert client.post("/teach", json={"after": listed["feedback"]["taught_up_to"]}).json()["version"] == 3
    assert client.post("/rollback", json={"version": 9}).status_code == 404
    assert client.post("/rollback", json={"version": 3}).status_code == 409
    for query, shown in (("", [1, 2, 3]), ("?limit=2", [2, 3]), ("?limit=1&before=3", [2]), ("?before=1", [])):
        part = client.get(f"/versions{query}").json()
        assert ([one["version"] for one in part["versions"]], part["total"], part["current"]) == (shown, 3, 3)
    wrong = ("limit=0", "limit=1001", "limit=x", "limit=", "before=0", "before=-1")
    assert [client.get(f"/versions?{query}").status_code for query in wrong] == [422] * 6


@pytest.mark.parametrize(
    "event",
    [
        {}, {"item": "a"}, {"item": "a", "label": ""}, {"item": "", "label": "b"}, {"item": "a", "label": ["b"]},
        {"item": "a", "label": 1.5}, {"item": "a", "label": "b", "key": ""}, {"item": "a", "label": "b\x00"},
        {"item": "a", "label": "b", "key": "k" * 201}, {"item": "a", "label": "b", "who": 7}, {"events": 3},
        {"item": "a", "label": None}, {"item": "a", "label": "b", "more": 1}, {"events": [{"item": "a"}]},
    ],
)  # fmt: skip
def test_feedback_that_says_nothing_is_refused(client, event):
    answer = client.post("/feedback", json=event)
    assert (answer.status_code, list(answer.json())) == (422, ["error"])


def test_a_token_is_needed_where_one_is_set(run):
    token = "0123456789abcdef"
    with TestClient(create_app(run, ServeOptions(token=token)), LOCAL) as client:
        assert client.get("/health").status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": token}):
            answer = client.post("/predict", json={"item": "a"}, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert client.get("/metrics").status_code == 401
        sent = client.post("/predict", json={"item": "a card"}, headers={"Authorization": f"Bearer {token}"})
        assert sent.status_code == 200


def test_pages_of_other_sites_are_refused(client):
    for origin in ("http://evil.example", "null", "http://127.0.0.1:99"):
        assert client.post("/predict", json={"item": "a"}, headers={"Origin": origin}).status_code == 403
    assert client.post("/predict", json={"item": "a card"}, headers={"Origin": LOCAL}).status_code == 200
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 403


def test_large_and_compressed_bodies_are_refused(client):
    assert client.post("/predict", content=b"", headers={"Content-Length": str(2**40)}).status_code == 413
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert client.post("/predict", content=b"{}", headers=headers).status_code == 415


def test_no_metric_holds_what_a_client_sent(client):
    client.get("/secret-path")
    text = client.get("/metrics").text
    assert 'headstart_requests_total{code="404",route="unmatched"}' in text
    assert "secret-path" not in text
    assert 'headstart_model_info{version="' in text
