"""Feedback becomes a new version: each kind of label and item, later corrections, going back, kills between."""

from __future__ import annotations

import io
import shutil
import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest
from starlette.testclient import TestClient

from headstart import fit
from headstart.model import TransferModel
from headstart.model.versions import current_version, purge, versions_of
from headstart.serve import ServeOptions, create_app
from headstart.transfer.update import update

LOCAL = "http://127.0.0.1"
ROWS = [[0.0, 0.1], [0.1, 0.3], [0.2, 0.2], [2.0, 0.1], [2.1, 0.3], [2.2, 0.2]]
ROWS = [[a + k / 50, b] for k in range(4) for a, b in ROWS]


def served(run, **options):
    return TestClient(create_app(run, ServeOptions(**options)), LOCAL)


@pytest.fixture
def run(text_run, tmp_path):
    return shutil.copytree(text_run, tmp_path / "run")


def sent(client, *pairs, **more):
    answer = client.post(
        "/feedback", json={"events": [{"item": item, "label": label, **more} for item, label in pairs]}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["numbers"]


def taught(client, **body):
    answer = client.post("/teach", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_values_are_corrected_and_taught_exactly(tmp_path):
    data = [[float(k), float(k % 3)] for k in range(30)], [2.0 * k + 1 for k in range(30)]
    run = fit(data, task="regression", baselines="none", verbose=False).save(tmp_path / "run")
    new = [([3.5, 1.0], 20.0), ([9.5, 2.0], -5), ([1.5, 0.0], 4.25)]
    base = shutil.copytree(run, tmp_path / "base")
    items, labels = [item for item, _ in new], [float(label) for _, label in new]
    exact = update(base, (items, labels), task="regression", verbose=False).model
    with served(run) as client:
        sent(client, *new)
        assert client.post("/feedback", json={"item": [1.0, 2.0], "label": "high"}).status_code == 422
        assert taught(client)["items"] == 3
        found = client.post("/predict", json={"items": [[3.5, 1.0]]}).json()["predictions"][0]["value"]
    model = TransferModel.load(run)
    assert found == pytest.approx(model.predict_proba([[3.5, 1.0]])[0, 0])
    assert np.allclose(model.predict_proba(data[0]), exact.predict_proba(data[0]), atol=1e-8)
    assert not np.allclose(model.predict_proba(data[0]), TransferModel.load(run, version=1).predict_proba(data[0]))


def test_several_labels_are_corrected_and_taught(tmp_path):
    texts = ["red box", "blue box", "red car", "blue car", "a tree"] * 6
    labels = [["red", "box"], ["blue", "box"], ["red"], ["blue"], []] * 6
    run = fit((texts, labels), task="multilabel", source="toy", baselines="none", verbose=False).save(tmp_path / "run")
    with served(run) as client:
        sent(client, ("a crate", ["box"]), ("nothing at all", []), ("red crate", ["red", "box"]))
        assert client.post("/feedback", json={"item": "a", "label": ["green"]}).status_code == 422
        found = taught(client)
        assert (found["items"], found["left_out"]) == (3, [])
        assert client.post("/predict", json={"item": "red crate"}).json()["predictions"][0]["labels"] == ["box", "red"]


def test_a_row_by_its_columns_is_taught_with_a_new_class(tmp_path):
    import pandas as pd

    table = pd.DataFrame(ROWS, columns=["width", "height"]).assign(label=(["low"] * 3 + ["high"] * 3) * 4)
    run = fit(table, label="label", baselines="none", verbose=False).save(tmp_path / "run")
    with served(run) as client:
        sent(client, *(({"width": 9.0 + k / 9, "height": 7.0}, "far") for k in range(3)))
        assert taught(client)["report"]["new_labels"] == ["far"]
        assert (
            client.post("/predict", json={"item": {"height": 7.1, "width": 9.2}}).json()["predictions"][0]["label"]
            == "far"
        )


def test_items_of_several_columns_are_taught(tmp_path):
    import pandas as pd

    words = ["fine red", "good red", "bad blue", "sad blue"]
    table = pd.DataFrame(
        {"note": words * 6, "size": [1.0, 1.1, 5.0, 5.1] * 6, "label": ["up", "up", "down", "down"] * 6}
    )
    table["note"] = [f"{note} {k}" for k, note in enumerate(table["note"])]
    run = fit(table, item=["note", "size"], label="label", source="toy", baselines="none", verbose=False).save(
        tmp_path / "run"
    )
    item = {"note": "where is it", "size": 3.0}
    with served(run) as client:
        sent(client, (item, "question"), ({"note": "where was it"}, "question"))
        found = taught(client)
        assert (found["items"], found["left_out"]) == (2, [])
        assert client.post("/predict", json={"item": item}).json()["predictions"][0]["label"] == "question"


def test_pictures_are_taught_and_copies_of_training_pictures_are_known(tiny_image_run, tmp_path):
    from PIL import Image

    run = shutil.copytree(tiny_image_run, tmp_path / "run")
    file = io.BytesIO()
    Image.new("RGB", (80, 60), (20, 200, 40)).save(file, "PNG")
    label = TransferModel.load(run).task.labels[0]
    with served(run) as client:
        form = {"files": ("a.png", file.getvalue())}
        for key, given in (("a", "wrong"), ("b", label)):
            fields = {"label": given, "key": key, "predicted": "x", "probability": "0.5", "model_version": "1"}
            assert client.post("/feedback", files=form, data=fields).status_code == 201
        found = taught(client)
        assert (found["items"], found["events"], found["report"]["new_labels"]) == (1, 2, [])
        assert client.post("/predict", files=form).json()["predictions"][0]["label"] == label


def test_a_later_correction_replaces_the_earlier_one_across_versions(run):
    with served(run) as client:
        numbers = sent(client, ("an odd one", "praise"), ("an odd one", "refund"))
        assert taught(client)["report"]["new_labels"] == []
        sent(client, ("an odd one", "delivery"))
        second = taught(client)
        assert second["report"]["relabelled"] == [f"feedback-{numbers[1] + 1}"]
        sent(client, ("an odd one", "delivery"))
        third = taught(client)
        assert (third["version"], third["items"], third["left_out"][0]["reason"]) == (
            None,
            0,
            "The model has it already.",
        )
        assert client.get("/about").json()["waiting"] == 0
        assert client.get("/about").json()["taught"] == 2
    base = shutil.copytree(run, run.parent / "base")
    exact = update(base, (["an odd one"], ["delivery"]), modality="text", verbose=False)
    assert not exact.changed


def test_a_text_that_is_the_name_of_a_file_stays_a_text(run, tmp_path):
    """Kind of fault: what a client sent is read as a path when it is taught."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret words")
    with served(run) as client:
        sent(client, (str(secret), "praise"), ("/etc/passwd", "praise"))
        assert taught(client)["items"] == 2
    rows = TransferModel.load(run).predict([str(secret), "the secret words"])
    assert rows[0] == "praise" != rows[1]


def test_what_the_model_had_answered_is_kept_as_the_client_says(run):
    from headstart.serve.store.sql import open_store
    from headstart.serve.teaching.opening import store_name

    with served(run) as client:
        sent(client, ("a b", "praise"), predicted="refund", probability=0.7, model_version="9", who="ann")
        sent(client, ("refund my card", "refund"))
        for wrong in ({"probability": 2}, {"predicted": {"a": None}}, {"model_version": "\x00"}, {"queued": "0"}):
            assert client.post("/feedback", json={"item": "a", "label": "b", **wrong}).status_code == 422
        assert client.post("/feedback", json={"queued": "0", "label": "b"}).status_code == 501
        assert client.get("/queue").status_code == 501
    store = open_store(run / "feedback.db", store_name(run))
    first, second = [one.feedback for one in store.events()]
    store.close()
    assert (first.predicted, first.probability, first.model_version, first.who) == ("refund", 0.7, "9", "ann")
    assert (second.predicted, second.model_version) == ("refund", "1")


def test_a_version_that_was_never_in_force_does_not_count_as_taught(run):
    """Kind of fault: killed between the folder of a version and the pointer, its corrections are never taught."""
    with served(run) as client:
        sent(client, ("so kind", "praise"))
        before = (run / "current").read_bytes() if (run / "current").exists() else None
        taught(client)
    (run / "current").unlink()
    if before is not None:
        (run / "current").write_bytes(before)
    with closing(sqlite3.connect(run / "feedback.db")) as store, store:
        store.execute("DELETE FROM headstart_taught")
    assert (current_version(run), len(versions_of(run))) == (1, 2)
    with served(run) as client:
        assert client.get("/about").json()["waiting"] == 1
        assert taught(client)["version"] == 3
        assert client.post("/predict", json={"item": "so kind"}).json()["predictions"][0]["label"] == "praise"


def test_what_a_deleted_version_was_taught_from_is_not_taught_again(run):
    """Kind of fault: forgotten items come back, since the version that recorded them is gone."""
    with served(run) as client:
        sent(client, ("so kind", "praise"))
        taught(client)
        client.post("/rollback", json={"version": 1})
        purge(run, [2])
        assert client.get("/about").json()["waiting"] == 0
        assert taught(client)["version"] is None


def test_deleting_the_first_version_keeps_the_corrections(run):
    """Kind of fault: what cleans a run folder deletes acknowledged corrections."""
    with served(run) as client:
        sent(client, ("so kind", "praise"))
        taught(client)
        sent(client, ("not so kind", "refund"))
    purge(run, [1])
    with served(run) as client:
        assert client.get("/versions").json()["feedback"] == {
            "taught": 1,
            "waiting": 1,
            "set_aside": 0,
            "taught_up_to": 1,
        }
        assert taught(client)["items"] == 1


def test_so_many_corrections_are_taught_by_themselves(run):
    with served(run, teach_every=2) as client:
        sent(client, ("so kind", "praise"))
        assert client.get("/about").json()["version"] == "1"
        sent(client, ("very kind", "praise"))
        for _ in range(200):
            if client.get("/about").json()["version"] == "2":
                break
            time.sleep(0.05)
        assert client.get("/about").json()["taught"] == 2


def test_the_queue_asks_for_what_has_no_label_yet(run, tmp_path):
    pool = tmp_path / "pool.csv"
    pool.write_text('text\nwhere is my thing\n" "\nmy refund parcel 7 please\na kind word\n')
    with served(run, pool=pool) as client:
        assert client.get("/about").json()["queued"] is True
        items = client.get("/queue?n=9").json()["items"]
        shown = [one["text"] for one in items]
        assert len(items) >= 2
        assert set(shown) <= {"where is my thing", "my refund parcel 7 please", "a kind word"}
        kept = client.post("/feedback", json={"queued": items[0]["id"], "label": "praise"})
        assert kept.status_code == 201
        assert [one["id"] for one in client.get("/queue").json()["items"]] == [one["id"] for one in items[1:]]
        sent(client, (items[1]["text"], "praise"))
        assert [one["text"] for one in client.get("/queue?n=1").json()["items"]] == [
            one for one in ("where is my thing", "my refund parcel 7 please", "a kind word") if one not in shown[:2]
        ]
        taught(client)
        assert len(client.get("/queue").json()["items"]) <= 1
        assert client.post("/feedback", json={"queued": "nowhere", "label": "b"}).status_code == 422
        assert [client.get(f"/queue?n={n}").status_code for n in ("0", "51", "x", "-1")] == [422] * 4


def test_a_model_that_cannot_be_taught_says_why(run):
    with served(run) as client:
        sent(client, ("so kind", "praise"))
        (run / ".lock").unlink(missing_ok=True)
        (run / ".lock").mkdir()  # as where the folder cannot be written
        answer = client.post("/teach", json={})
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
        assert client.get("/about").json()["waiting"] == 1
