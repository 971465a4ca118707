"""Models of numbers, of values, of several labels and of several columns, behind the same routes."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from starlette.testclient import TestClient

from headstart import fit
from headstart.model import TransferModel
from headstart.serve import create_app

LOCAL = "http://127.0.0.1"
DRAW = np.random.default_rng(0)
ROWS = DRAW.normal(size=(240, 3))


def client_of(data, folder, **options) -> tuple[TestClient, TransferModel]:
    run = fit(data, baselines="none", verbose=False, **options).save(folder / "run")
    return TestClient(create_app(run), LOCAL), TransferModel.load(run)


def test_values_with_intervals(tmp_path, three_folds):
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"]).assign(price=ROWS @ [1.0, 2.0, 3.0])
    client, model = client_of(frame, tmp_path, label="price")
    new = [[0.1, 0.2, 0.3], [1.0, 1.0, 1.0]]
    expected = model.predict_proba(np.array(new))[:, 0]
    with client:
        found = client.post("/predict?coverage=0.9", json={"items": new}).json()["predictions"]
        assert [one["value"] for one in found] == pytest.approx(expected)
        assert all(one["low"] <= one["value"] <= one["high"] for one in found)
        named = client.post("/predict", json={"item": {"a": 0.1, "b": 0.2, "c": 0.3}}).json()["predictions"]
        assert named[0]["value"] == pytest.approx(expected[0])
        tensor = {"name": "row", "datatype": "FP64", "shape": [2, 3], "data": new}
        outputs = client.post("/v2/models/run/infer", json={"inputs": [tensor]}).json()["outputs"]
        assert outputs == [{"name": "value", "datatype": "FP64", "shape": [2, 1], "data": pytest.approx(expected)}]
        assert client.post("/predict?max_error=0.1", json={"items": new}).status_code == 400
        assert client.post("/feedback", json={"item": new[0], "label": 1.5}).json()["numbers"] == [1]
        assert client.post("/feedback", json={"item": new[0], "label": "high"}).status_code == 422
        wrong = [[1.0], ["a", 1, 2], [10**400, 0, 0], {"a": 1}, "1,2,3", None, [True, 0, 0]]
        answers = client.post("/predict", json={"items": [*wrong, new[0]]}).json()["predictions"]
        assert [set(one) for one in answers] == [{"id", "error"}] * len(wrong) + [{"id", "value"}]


def test_several_labels(tmp_path, three_folds):
    y = [[name for name, value in zip(("x", "y"), row, strict=False) if value > 0] for row in ROWS]
    client, model = client_of((ROWS, y), tmp_path)
    new = ROWS[:4].tolist()
    with client:
        found = client.post("/predict", json={"items": new}).json()["predictions"]
        assert [one["labels"] for one in found] == model.predict(np.array(new))
        tensor = {"name": "row", "datatype": "FP32", "shape": [4, 3], "data": new}
        outputs = client.post("/v2/models/run/infer", json={"inputs": [tensor]}).json()["outputs"]
        assert [(one["name"], one["datatype"], one["shape"]) for one in outputs] == [
            ("labels", "BOOL", [4, 2]), ("probabilities", "FP32", [4, 2]),
        ]  # fmt: skip
        assert client.post("/feedback", json={"item": new[0], "label": ["x"]}).status_code == 201
        assert client.post("/feedback", json={"item": new[0], "label": ["unknown"]}).status_code == 422
        form = {"item": (None, "[1, 2, 3]"), "label": (None, '["x", "y"]'), "predicted": (None, '["x"]')}
        assert client.post("/feedback", files=form).status_code == 422  # a form holds texts, and this model reads rows


def test_several_values(tmp_path, three_folds):
    client, model = client_of((ROWS, np.column_stack([ROWS[:, 0], 2 * ROWS[:, 1]])), tmp_path)
    names, item = model.task.labels, ROWS[0].tolist()
    with client:
        assert list(client.post("/predict", json={"item": item}).json()["predictions"][0]["values"]) == list(names)
        given = dict(zip(names, (1.5, 2.5), strict=True))
        for label in ([1.5, 2.5], given, dict(reversed(given.items()))):
            assert client.post("/feedback", json={"item": item, "label": label, "predicted": given}).status_code == 201
        for label in ([1.5], 1.5, {names[0]: 1.5}, {**given, "more": 1}, {**given, names[0]: "high"}):
            assert client.post("/feedback", json={"item": item, "label": label}).status_code == 422
        assert client.post("/teach").json()["items"] == 1
        store = client.app.state.serving.store
        assert [one.feedback.label for one in store.events()] == [[1.5, 2.5]] * 3
        assert client.post("/feedback", json={"item": item, "label": given}).status_code == 201
        said = client.post("/predict", json={"item": item}).json()["predictions"][0]["values"]
        assert store.events()[3].feedback.predicted == pytest.approx(list(said.values()))


def test_novel_items_are_flagged_and_unsure_answers_withheld(tmp_path, three_folds):
    client, model = client_of((ROWS, np.where(ROWS[:, 0] > 0, "up", "down").tolist()), tmp_path)
    new = [[2.0, 0.0, 0.0], [50.0, 50.0, 50.0], [0.001, 0.0, 0.0]]
    with client:
        found = client.post("/predict", json={"items": new, "novel": True, "max_error": 0.05}).json()["predictions"]
        flags = (model.novelty(np.array(new)) <= 0.01).tolist()
        given = model.predict_or_abstain(np.array(new), 0.05)
        assert [one["novel"] for one in found] == flags
        assert flags[1]
        assert [one["label"] for one in found] == given
        assert [one["abstained"] for one in found] == [label is None for label in given]
        text = client.get("/metrics").text
        assert f"headstart_novel_total {sum(flags):.1f}" in text


def test_items_of_several_columns(tmp_path, three_folds, tiny_body):
    for k in range(30):
        Image.fromarray(np.full((16, 16, 3), 8 * k, np.uint8)).save(tmp_path / f"{k}.png")
    frame = pd.DataFrame(
        {
            "photo": [str(tmp_path / f"{k}.png") for k in range(30)],
            "note": [f"item {k} is {'worn out' if k < 15 else 'as new'}" for k in range(30)],
            "price": [float(k) for k in range(30)],
            "label": ["old"] * 15 + ["new"] * 15,
        }
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    client, model = client_of(
        tmp_path / "table.csv", tmp_path, item="photo:image,note:text,price:number", label="label",
        source=[f"photo={tiny_body}", "note=toy"],
    )  # fmt: skip
    out = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), 200, np.uint8)).save(out, "PNG")
    encoded = base64.b64encode(out.getvalue()).decode()
    expected = model.predict_proba(frame.iloc[[25]].drop(columns="label"))[0]
    with client:
        item = {"photo": encoded, "note": frame["note"][25], "price": 25.0}
        found = client.post("/predict", json={"items": [item, {**item, "photo": str(tmp_path / "3.png")}, {}, "a"]})
        good, *bad = found.json()["predictions"]
        assert list(good["probabilities"].values()) == pytest.approx(expected.tolist(), abs=2e-6)
        assert [set(one) for one in bad] == [{"id", "error"}] * 3
        long = client.post("/predict", json={"items": [item, {**item, "note": "x" * 100_001}]}).json()["predictions"]
        assert long[0] == {**good, "id": 0}
        assert long[1]["error"].startswith("Column 'note': A text may have at most 100000 characters")
        broken = client.post("/predict", content=json.dumps({"item": {**item, "note": chr(0xD800)}}))
        assert broken.status_code == 200
