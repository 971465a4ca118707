"""A server whose model annotates items: spans of words, boxes and masks, and what it refuses in one sentence."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from headstart import fit
from headstart.annotations import Boxes, plain_annotation
from headstart.cli.demonstration.annotations import made_sentences
from headstart.engine.options import Engine
from headstart.errors import UsageError
from headstart.heads.masks.linear_map import LinearMap
from headstart.heads.masks.mask_decoder import MaskDecoder
from headstart.heads.masks.mask_head import MaskHead
from headstart.heads.masks.toy import toy_masks
from headstart.model.annotator import AnnotationModel
from headstart.serve import RequestLimits, ServeOptions, create_app
from headstart.serve.routes.label_studio import Control, control_of, result_of
from headstart.sources import open_source
from headstart.sources.positions.map_settings import MapSettings
from headstart.types import Task

LOCAL = "http://127.0.0.1"
QUIET = {"source": "toy", "baselines": "none", "verbose": False, "engine": Engine(cache=False)}
ASKED = ["Ada Rossi flew to Paris on Monday .", "We asked Viktor Santos .", ""]


@pytest.fixture(scope="module")
def words_run(tmp_path_factory):
    return fit(made_sentences(16), **QUIET).save(tmp_path_factory.mktemp("words") / "run")


@pytest.fixture(scope="module")
def words(words_run):
    with TestClient(create_app(words_run, ServeOptions(limits=RequestLimits(items=5))), LOCAL) as client:
        yield client


@pytest.fixture(scope="module")
def mask_model():
    linear = LinearMap("ridge", 0.1, np.repeat([[-1.0, 1.0]], 9, axis=0), np.array([4.0, -3.0]))
    head = MaskHead(MapSettings(blocks=(), stride=1), linear, MaskDecoder(boundary=False, guided=False), 2)
    return AnnotationModel(open_source("headstart:image"), Task("mask", ("background", "square")), head)


@pytest.fixture(scope="module")
def masks(mask_model, tmp_path_factory):
    with TestClient(create_app(mask_model.save(tmp_path_factory.mktemp("masks") / "run")), LOCAL) as client:
        yield client


def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def test_spans_are_those_of_predict_and_an_item_fails_alone(words, words_run):
    model = AnnotationModel.load(words_run)
    answer = words.post("/predict", json={"items": [ASKED[0], 7, ASKED[2], ASKED[1]]})
    assert answer.status_code == 200
    found = answer.json()["predictions"]
    members, failed = ["id", "text", "entities"], ["id", "error"]
    assert [list(one) for one in found] == [members, failed, failed, members]
    read = [model.as_item(ASKED[0]), model.as_item(ASKED[1])]
    for one, item, spans in zip((found[0], found[3]), read, model.predict(read), strict=True):
        assert {"id": one["id"], **plain_annotation(item, spans, model.task.labels)} == one
    assert words.post("/predict", json={"item": ""}).status_code == 422
    assert words.post("/predict", json={"items": ["a"] * 6}).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/feedback", {"item": ASKED[0], "label": "person"}, 409),
        ("POST", "/teach", {}, 409),
        ("GET", "/queue", None, 409),
        ("POST", "/rollback", {}, 409),
        ("POST", "/predict", {"item": ASKED[0], "coverage": 0.9}, 400),
        ("POST", "/predict", {"item": ASKED[0], "top": 2}, 400),
    ],
)
def test_what_such_a_model_does_not_do_is_one_sentence(words, method, path, body, status):
    answer = words.request(method, path, json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert answer.json()["error"].endswith(".")


def test_a_server_is_not_started_to_teach_it(words_run):
    with pytest.raises(UsageError, match=r"annotates items.*leave --pool out"):
        create_app(words_run, ServeOptions(pool=words_run))


def test_facts_versions_and_health(words):
    about = words.get("/about").json()
    assert (about["task"], about["answers"], about["teachable"]) == ("token", "entities", False)
    assert about["labels"] == ["firm", "person", "place", "product"]
    assert [one["what"] for one in words.get("/versions").json()["versions"]] == ["fit"]
    for path in ("/health", "/metrics", "/docs"):
        assert words.get(path).status_code == 200


def test_other_protocols_hold_the_same_annotations(words):
    plain = words.post("/predict", json={"item": ASKED[0]}).json()["predictions"][0]
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [ASKED[0]]}]
    output = words.post("/v2/models/run/infer", json={"inputs": inputs}).json()["outputs"][0]
    assert json.loads(output["data"][0]) == {name: value for name, value in plain.items() if name != "id"}
    config = '<View><Text name="t" value="$body"/><Labels name="ner" toName="t"></Labels></View>'
    task = {"data": {"body": ASKED[0], "other": ""}}
    [said] = words.post("/predict", json={"tasks": [task], "label_config": config}).json()["results"]
    assert [one["value"]["start"] for one in said["result"]] == [one["start"] for one in plain["entities"]]
    assert {(one["type"], one["from_name"], one["to_name"]) for one in said["result"]} <= {("labels", "ner", "t")}


def test_boxes_in_percent_for_label_studio():
    found = Boxes(np.array([[10, 20, 60, 30]]), np.array([0]), (200, 40), np.array([0.5]))
    config = '<Image name="i"/><RectangleLabels name="b" toName="i"/>'
    control = control_of(config, {"RectangleLabels": "rectanglelabels"})
    assert control == Control("b", "i", "rectanglelabels", "")
    [one] = result_of(plain_annotation(None, found, ("cup",)), control)["result"]
    assert one["value"] == {
        "x": 5.0, "y": 50.0, "width": 25.0, "height": 25.0, "rotation": 0, "rectanglelabels": ["cup"],
    }  # fmt: skip


def test_masks_of_base64_and_of_files(masks, mask_model):
    pictures = toy_masks(2).items
    sent = [base64.b64encode(png(one)).decode() for one in pictures]
    found = masks.post("/predict", json={"items": [*sent, "/etc/hostname.png"]}).json()["predictions"]
    expected = [plain_annotation(None, one, mask_model.task.labels) for one in mask_model.predict(pictures)]
    assert [{**one, "id": 0} for one in found[:2]] == [{"id": 0, **one} for one in expected]
    assert "not base64" in found[2]["error"]
    files = masks.post("/predict", files=[("files", ("a.png", png(pictures[0])))]).json()["predictions"]
    assert files == [{"id": "a.png", **expected[0]}]
    assert masks.get("/about").json()["answers"] == "classes"
    assert masks.post("/predict", json={"tasks": [{"data": {"image": sent[0]}}]}).status_code == 422
