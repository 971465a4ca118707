"""Bodies that no client should send: none gives a 5xx, each refusal is one sentence, and the server goes on."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Iterator

import httpx
import pytest

from headstart.serve import RequestLimits, ServeOptions, create_app

JSON, FORM = "application/json", "multipart/form-data; boundary=x"
TENSOR = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a parcel"]}
PART = b'--x\r\nContent-Disposition: form-data; name="item"\r\n\r\nrefund\r\n--x--\r\n'
GOOD = {
    "/predict": [{"items": ["a parcel"], "ids": ["a"], "top": 1}, {"item": "a", "coverage": 0.8, "novel": False}],
    "/feedback": [{"item": "a", "label": "refund", "key": "k", "who": "b"}, {"events": [{"item": "a", "label": "b"}]}],
    "/rollback": [{"version": 7}],
    "/teach": [{"after": 10**6, "up_to": 3}],
    "/invocations": [{"instances": ["a parcel"], "parameters": {"top": 1}}],
    "/v1/models/run:predict": [{"instances": ["a"]}],
    "/v2/models/run/infer": [{"inputs": [TENSOR], "outputs": [{"name": "label"}], "id": "a"}],
    "/setup": [{"project": "1", "schema": "<View/>"}],
    "/webhook": [{"action": "ANNOTATION_CREATED", "task": {"data": {"t": "a"}}, "annotation": {"result": [TENSOR]}}],
}
ODD = [
    None, True, False, 0, -1, 2**63, 10**400, 1e308, -0.0, "", " ", "\x00", "\ud800", "é" * 50, "a" * 3000, [], {},
    [[]], [None],
    {"": None}, [1, "a"], "NaN", "/etc/passwd", "file:///etc/passwd", "data:,", "../../a", "<View>", [[[[[]]]]],
]  # fmt: skip


def malformed(draw: random.Random) -> tuple[str, bytes, str]:
    """A path, a body that is wrong in one or several ways, and what it says it is."""
    path = draw.choice(list(GOOD))
    value = json.loads(json.dumps(draw.choice(GOOD[path])))
    for _ in range(draw.randrange(3)):
        change(value, draw)
    raw = json.dumps(value, ensure_ascii=draw.random() < 0.8).encode("utf-8", "surrogatepass")
    kind = draw.choices([JSON, FORM, "text/plain", "application/x-www-form-urlencoded", ""], [8, 2, 1, 1, 1])[0]
    if kind == FORM:
        raw = PART
    return path, damage(raw, draw), kind


def change(value: object, draw: random.Random) -> None:
    """Put something odd somewhere into a value."""
    while isinstance(value, dict | list) and value:
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        place = draw.choice(places)
        inner = value[place]
        if not isinstance(inner, dict | list) or not inner or draw.random() < 0.4:
            value[place] = draw.choice(ODD)
            if isinstance(value, dict) and draw.random() < 0.3:
                value[draw.choice(["items", "item", "events", "label", "x"])] = value.pop(place)
            return
        value = inner


def damage(raw: bytes, draw: random.Random) -> bytes:
    """The body, as it is or with bytes cut off, changed, repeated or nested."""
    what = draw.randrange(8)
    place = draw.randrange(len(raw) + 1)
    if what == 0:
        return raw[:place]
    if what == 1:
        return raw[:place] + bytes([draw.randrange(256)]) + raw[place + 1 :]
    if what == 2:
        return raw + raw
    if what == 3:
        return b"[" * draw.choice([1, 500, 50_000]) + raw
    if what == 4:
        return raw[:place] + draw.choice([b"NaN", b"\xff\xfe", b"\x00", b"1" * 5000, b"\\u0000", b",,"]) + raw[place:]
    return raw


@pytest.fixture(scope="module")
def app(text_run, tmp_path_factory):
    run = shutil.copytree(text_run, tmp_path_factory.mktemp("malformed") / "run")
    return create_app(run, ServeOptions(limits=RequestLimits(items=50, characters=2000)))


def answers(app, seeds: range) -> Iterator[tuple[str, bytes, httpx.Response]]:
    async def send() -> list[tuple[str, bytes, httpx.Response]]:
        found = []
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for seed in seeds:
                path, raw, kind = malformed(random.Random(seed))
                headers = {"Content-Type": kind} if kind else {}
                found.append((path, raw, await client.post(path, content=raw, headers=headers)))
            good = await client.post("/predict", json={"item": "refund my card"})
        assert good.json()["predictions"][0]["label"] == "refund"
        return found

    yield from asyncio.run(send())


def check(app, seeds: range) -> None:
    refused = 0
    for path, raw, answer in answers(app, seeds):
        assert answer.status_code < 500, (path, raw, answer.text)
        if answer.status_code >= 400:
            refused += 1
            error = answer.json()["error"]
            assert error.endswith("."), (path, raw, error)
            assert "Traceback" not in error
    assert refused > len(seeds) / 3


def test_sixty_malformed_bodies(app):
    check(app, range(60))


@pytest.mark.slow
def test_a_thousand_malformed_bodies(app):
    check(app, range(60, 1060))
