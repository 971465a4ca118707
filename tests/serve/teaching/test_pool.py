"""The pool of items to label next: what is shown of each kind, by which name it is corrected, and who waits for it."""

from __future__ import annotations

import base64
import io
import shutil
import threading

import numpy as np
import pandas as pd
import pytest
from command_line import sounds
from PIL import Image
from starlette.testclient import TestClient

from headstart import fit
from headstart.serve import ServeOptions, create_app
from headstart.serve.routes import queue
from headstart.serve.teaching.pool import LabelPool

LOCAL = "http://127.0.0.1"


@pytest.fixture(scope="module")
def sound_run(tiny_body, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    sounds(folder / "calls", count=8)
    return fit(folder / "calls", source=tiny_body, baselines="none", verbose=False).save(folder / "run")


def wave(pitch):
    """Half a second of a tone, as a WAV file."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.sin(np.arange(4000) / 8000 * 2 * np.pi * pitch) / 2, 8000, format="WAV")
    return out.getvalue()


def labelled_from_the_queue(run, pool):
    """Correct the first item of the queue, teach it, and return how the items were shown."""
    with TestClient(create_app(run, ServeOptions(pool=pool)), LOCAL) as client:
        label = client.get("/about").json()["labels"][0]
        items = client.get("/queue?n=50").json()["items"]
        event = {"queued": items[0]["id"], "label": label, "key": "once"}
        assert [client.post("/feedback", json=event).json()["numbers"] for _ in range(2)] == [[1], [1]]
        assert [one["id"] for one in client.get("/queue?n=50").json()["items"]] == [one["id"] for one in items[1:]]
        assert client.post("/teach").json()["items"] == 1
    return items


def test_pictures_are_shown_small_and_corrected(tiny_image_run, tmp_path):
    (tmp_path / "new").mkdir()
    for k, part in enumerate(((0, 0, 350, 700), (0, 0, 700, 200), (200, 200, 500, 500))):
        made = Image.new("RGB", (700, 700), (250, 60 * k, 0))
        made.paste((0, 200, 60 * k), part)
        made.save(tmp_path / "new" / f"{k}.png")
    items = labelled_from_the_queue(shutil.copytree(tiny_image_run, tmp_path / "run"), tmp_path / "new")
    assert len(items) == 3
    for one in items:
        raw = base64.b64decode(one["image"].removeprefix("data:image/jpeg;base64,"))
        assert Image.open(io.BytesIO(raw)).size == (320, 320)


def test_sounds_are_played_and_corrected(sound_run, tmp_path):
    (tmp_path / "new").mkdir()
    kept = {wave(pitch) for pitch in (330, 730, 3100, 2500)}
    for k, raw in enumerate([*kept, b"RIFF"]):  # the last cannot be read
        (tmp_path / "new" / f"{k}.wav").write_bytes(raw)
    items = labelled_from_the_queue(shutil.copytree(sound_run, tmp_path / "run"), tmp_path / "new")
    assert len(items) >= 2
    assert {base64.b64decode(one["sound"].removeprefix("data:audio/wav;base64,")) for one in items} <= kept


def test_a_sound_is_corrected_and_taught(sound_run, tmp_path):
    run, raw = shutil.copytree(sound_run, tmp_path / "run"), wave(3333)
    with TestClient(create_app(run), LOCAL) as client:
        form = {"files": ("recording.wav", raw)}
        for _ in range(2):
            assert client.post("/feedback", files=form, data={"label": "hum", "key": "a"}).json()["numbers"] == [1]
        assert client.post("/feedback", files=form, data={"label": "hum", "predicted": "low"}).json()["kept"] == 1
        assert client.post("/teach").json()["report"]["new_labels"] == ["hum"]
        assert "hum" in client.post("/predict", files=form).json()["predictions"][0]["probabilities"]


def test_nobody_waits_for_a_pool_that_is_being_ranked(text_run, tmp_path, monkeypatch):
    """The first request says when to try again; the work goes on, once, and the other routes answer."""
    go_on, ranked, rank = threading.Event(), [], LabelPool._rank

    def slowly(*given):
        ranked.append(threading.current_thread().daemon)
        assert go_on.wait(30)
        return rank(*given)

    monkeypatch.setattr(LabelPool, "_rank", slowly)
    monkeypatch.setattr(queue, "PATIENCE", 0.05)
    options = ServeOptions(pool=["where is it", "my refund please"])
    with TestClient(create_app(shutil.copytree(text_run, tmp_path / "run"), options), LOCAL) as client:
        for _ in range(3):
            answer = client.get("/queue")
            assert (answer.status_code, answer.headers["retry-after"], list(answer.json())) == (503, "3", ["error"])
        assert client.post("/explain", json={"item": "my parcel"}).status_code == 200
        go_on.set()
        monkeypatch.setattr(queue, "PATIENCE", 30.0)
        assert len(client.get("/queue").json()["items"]) == 2
    assert ranked == [True]


def test_a_pool_that_cannot_be_ranked_says_why_each_time(text_run, tmp_path, monkeypatch):
    def fails(*_):
        raise OSError("no such device")

    pool = ["where is it", "my refund please"]
    with TestClient(create_app(shutil.copytree(text_run, tmp_path / "run"), ServeOptions(pool=pool)), LOCAL) as client:
        monkeypatch.setattr(LabelPool, "_rank", fails)
        assert [client.get("/queue").status_code for _ in range(2)] == [500, 500]
        monkeypatch.undo()
        assert len(client.get("/queue").json()["items"]) == 2


def test_items_of_several_columns_are_shown_with_their_names_and_pictures(tiny_body, tmp_path, three_folds):
    for k in range(26):
        Image.new("RGB", (500, 250), (10 * k, 250 - 10 * k, 7 * k)).save(tmp_path / f"{k}.png")
    frame = pd.DataFrame(
        {
            "photo": [str(tmp_path / f"{k}.png") for k in range(26)],
            "note": [f"item {k} is {'worn out' if k % 2 else 'as new'}" for k in range(26)],
            "price": [k + 0.25 for k in range(26)],
            "label": ["old", "new"] * 13,
        }
    )
    run = fit(
        frame[:24], item="photo:image,note:text,price:number", label="label", baselines="none", verbose=False,
        source=[f"photo={tiny_body}", "note=toy"],
    ).save(tmp_path / "run")  # fmt: skip
    new = frame[24:].drop(columns="label")
    new.loc[25, "price"] = np.nan
    items = labelled_from_the_queue(run, new)
    for one in items:
        raw = base64.b64decode(one["image"].removeprefix("data:image/jpeg;base64,"))
        assert Image.open(io.BytesIO(raw)).size == (320, 160)
    assert {one["text"] for one in items} <= {
        "note: item 24 is as new\nprice: 24.25",
        "note: item 25 is worn out",
    }


def test_rows_are_shown_with_the_names_of_their_columns(tmp_path, three_folds):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["height", "width"])
    run = fit(frame.assign(kind=np.where(frame["width"] > 0, "a", "b")), label="kind", baselines="none", verbose=False)
    items = labelled_from_the_queue(run.save(tmp_path / "run"), pd.DataFrame({"height": [3.5], "width": [-4.25]}))
    assert [one["text"] for one in items] == ["height: 3.5, width: -4.25"]
