"""Pictures: as files, as base64, as tensors; never as paths, and never larger than allowed."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from headstart.model import TransferModel
from headstart.serve import RequestLimits, ServeOptions, create_app

LOCAL = "http://127.0.0.1"


def picture(seed: int = 0, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    colours = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    Image.fromarray(colours).save(out, kind)
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A PNG that says it is very large, with little in it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def client(tiny_image_run):
    options = ServeOptions(limits=RequestLimits(pixels=100_000, items=10))
    with TestClient(create_app(tiny_image_run, options), LOCAL) as found:
        yield found


def test_files_base64_and_data_uris_give_the_answer_of_predict(client, tiny_image_run):
    raws = [picture(0), picture(1, "JPEG"), picture(2, "WEBP")]
    model = TransferModel.load(tiny_image_run)
    expected = model.predict_proba(raws)
    files = [("files", (f"{place}.png", raw)) for place, raw in enumerate(raws)]
    texts = [base64.b64encode(raw).decode() for raw in raws]
    uris = [f"data:image/png;base64,{text}" for text in texts]
    for found in (
        client.post("/predict", files=files),
        client.post("/predict", json={"items": texts}),
        client.post("/predict", json={"items": uris}),
        client.post("/predict", json={"items": [{"data": text} for text in texts]}),
    ):
        shares = [list(one["probabilities"].values()) for one in found.json()["predictions"]]
        assert np.array(shares) == pytest.approx(expected, abs=2e-6)
    assert [one["id"] for one in client.post("/predict", files=files).json()["predictions"]] == [
        "0.png", "1.png", "2.png",
    ]  # fmt: skip


def test_a_tensor_of_pixels_is_a_picture(client, tiny_image_run):
    pixels = np.random.default_rng(3).integers(0, 255, (2, 24, 32, 3), np.uint8)
    expected = TransferModel.load(tiny_image_run).predict(list(pixels))
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(pixels.shape), "data": pixels.ravel().tolist()}
    assert client.post("/v2/models/run/infer", json={"inputs": [tensor]}).json()["outputs"][0]["data"] == expected
    encoded = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(picture()).decode()]}
    assert client.post("/v2/models/run/infer", json={"inputs": [encoded]}).status_code == 200


def test_no_string_is_read_as_a_path_or_url(client, tmp_path, monkeypatch):
    place = tmp_path / "secret.png"
    place.write_bytes(picture())
    read: list[object] = []
    monkeypatch.setattr(Path, "read_bytes", lambda self: read.append(self) or b"")
    for given in (str(place), "secret.png", f"file://{place}", "http://127.0.0.1/a.png", "data:image/png,abc", "AAAA"):
        for item in (given, {"path": given}, {"bytes": given}, {"image": given}):
            answer = client.post("/predict", json={"item": item})
            assert (answer.status_code, "error" in answer.json()) == (422, True), item
    assert read == []


@pytest.mark.parametrize(
    "raw",
    [b"", b"GIF89a", bomb(60_000), bomb(400), picture()[:200], b"%!PS-Adobe-3.0", b"<svg></svg>", b"PK\x03\x04" * 50],
    ids=["empty", "head", "bomb", "too large", "truncated", "PostScript", "SVG", "zip"],
)
def test_a_file_that_is_no_picture_fails_alone(client, raw):
    files = [("files", ("good.png", picture())), ("files", ("bad.png", raw))]
    found = client.post("/predict", files=files).json()["predictions"]
    assert found[0]["label"]
    assert set(found[1]) == {"id", "error"}


def test_too_many_files_are_refused(client):
    files = [("files", (f"{k}.png", picture())) for k in range(11)]
    answer = client.post("/predict", files=files)
    assert (answer.status_code, "error" in answer.json()) == (400, True)


def test_feedback_about_a_picture_is_kept_and_taught(tiny_image_run, tmp_path):
    import shutil

    run = shutil.copytree(tiny_image_run, tmp_path / "run")
    label = TransferModel.load(run).task.labels[0]
    with TestClient(create_app(run), LOCAL) as client:
        for seed in range(3):
            sent = client.post(
                "/feedback", files={"file": ("a.png", picture(seed))}, data={"label": label, "key": str(seed)}
            )
            assert sent.json()["numbers"] == [seed + 1]
        taught = client.post("/teach").json()
        assert (taught["version"], taught["left_out"]) == (2, [])
        explained = client.post("/explain", files={"file": ("a.png", picture())}, data={"method": "similar"})
        assert explained.status_code == 200
