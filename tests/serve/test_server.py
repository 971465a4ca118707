"""A real server on the loopback address: clients of other projects, slow clients, signals, versions, processes."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from http_server import ServerProcess, served_in_a_thread

from headstart.errors import UsageError
from headstart.model import TransferModel
from headstart.model.versions import rollback, write_version
from headstart.serve import RequestLimits, ServeOptions
from headstart.serve.server import KEEP_ALIVE, bound_socket

TEXTS = ["where is my parcel", "I want my money back", "refund my card", "Grüße, wo ist die Kiste? \U0001f4e6"]
SLOW = 1.0  # seconds


@pytest.fixture(scope="module")
def url(text_run):
    with served_in_a_thread(text_run, ServeOptions(limits=RequestLimits(read=SLOW))) as found:
        yield found


def test_the_http_client_of_triton_reads_the_answers(url, text_run):
    triton = pytest.importorskip("tritonclient.http")
    model = TransferModel.load(text_run)
    with triton.InferenceServerClient(urlsplit(url).netloc) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("run")
        assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
        assert client.get_model_metadata("run")["inputs"][0]["datatype"] == "BYTES"
        given = triton.InferInput("text", [len(TEXTS)], "BYTES")
        for sends_binary in (True, False):
            given.set_data_from_numpy(np.array(TEXTS, dtype=object), binary_data=sends_binary)
            for takes_binary in (True, False):
                outputs = [
                    triton.InferRequestedOutput(name, binary_data=takes_binary) for name in ("label", "probabilities")
                ]
                found = client.infer("run", [given], outputs=outputs, request_id="7")
                labels = [one.decode() if isinstance(one, bytes) else one for one in found.as_numpy("label")]
                assert labels == model.predict(TEXTS)
                assert found.as_numpy("probabilities") == pytest.approx(model.predict_proba(TEXTS), abs=1e-6)
                assert found.get_response()["id"] == "7"
        assert client.infer("run", [given]).as_numpy("probabilities").shape == (4, 2)
        with pytest.raises(Exception, match="no model of this name"):
            client.infer("other", [given])


def test_clients_that_send_nothing_or_half_a_request_are_closed(url):
    place = (urlsplit(url).hostname, urlsplit(url).port)
    half = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    for sent, answered in ((b"", b""), (half, b""), (half + b"Content-Length: 50\r\n\r\n{", b"HTTP/1.1 408")):
        with socket.create_connection(place, timeout=30) as client:
            client.sendall(sent)
            began, answer = time.monotonic(), b""
            try:
                while part := client.recv(4096):
                    answer += part
            except ConnectionResetError:
                pass
            assert SLOW / 2 < time.monotonic() - began < KEEP_ALIVE
        assert answer[: len(answered)] == answered
        assert bool(answer) == bool(answered)


def test_headers_that_are_too_long_and_requests_that_are_none_are_refused(url):
    place = (urlsplit(url).hostname, urlsplit(url).port)
    for sent in (b"GET / HTTP/1.1\r\nA: " + b"a" * 20_000, b"\x16\x03\x01\x02\x00\x01\x00\x01" * 10 + b"\r\n\r\n"):
        with socket.create_connection(place, timeout=30) as client:
            client.sendall(sent)
            answer = client.recv(100)
        assert answer.startswith(b"HTTP/1.1 400")


def test_a_body_that_grows_beyond_the_limit_is_cut_off(text_run):
    limits = RequestLimits(body_bytes=1000)
    with served_in_a_thread(text_run, ServeOptions(limits=limits)) as url:

        def endless():
            yield b'{"item": "'
            for _ in range(10_000):
                yield b"a" * 1000

        try:
            answer = httpx.post(f"{url}/predict", content=endless())
            assert answer.status_code == 413
        except httpx.WriteError:
            pass  # the server closed the connection while the client was still sending
        assert httpx.post(f"{url}/predict", json={"item": "refund"}).status_code == 200


def test_many_clients_get_their_own_answers_while_versions_come_and_go(text_run, tmp_path):
    run = shutil.copytree(text_run, tmp_path / "run")
    model = TransferModel.load(run)
    write_version(run, model.update(["thank you so much"] * 2, ["praise", "praise"]), {"what": "update"})
    rollback(run, 1)
    expected = {str(number): TransferModel.load(run, version=number) for number in (1, 2)}
    texts = [f"where is order {k} of card {k % 7}" for k in range(40)]
    right = {number: one.predict_proba(texts) for number, one in expected.items()}
    problems: list[str] = []
    seen: set[str] = set()

    def ask(url: str, number: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for k in range(40):
                place = (number * 7 + k) % len(texts)
                found = client.post("/predict", json={"item": texts[place]}).json()
                version = found["model_version"]
                seen.add(version)
                shares = list(found["predictions"][0]["probabilities"].values())
                if shares != pytest.approx(right[version][place].tolist(), abs=1e-6):
                    problems.append(f"{texts[place]}: {shares}")

    with served_in_a_thread(run) as url:
        threads = [threading.Thread(target=ask, args=(url, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        rollback(run, 2)  # as another process does; the server follows
        until = time.monotonic() + 60
        while httpx.get(f"{url}/health").json()["model_version"] != "2" and time.monotonic() < until:
            time.sleep(0.1)
        for thread in threads:
            thread.join()
        assert httpx.post(f"{url}/predict", json={"item": texts[0]}).json()["model_version"] == "2"
    assert problems == []
    assert seen <= {"1", "2"}


def test_a_version_that_cannot_be_opened_leaves_the_one_before(text_run, tmp_path):
    run = shutil.copytree(text_run, tmp_path / "run")
    with served_in_a_thread(run) as url:
        (run / "current").write_text("{}")
        until = time.monotonic() + 60
        while not (state := httpx.get(f"{url}/health").json())["problem"] and time.monotonic() < until:
            time.sleep(0.1)
        assert (state["ready"], state["model_version"]) == (True, "1")
        assert httpx.post(f"{url}/predict", json={"item": "refund"}).status_code == 200


def test_a_port_that_is_taken_is_reported(url):
    with pytest.raises(UsageError, match="--port"):
        bound_socket(ServeOptions(port=urlsplit(url).port or 0))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_server_after_its_requests(text_run, number, code):
    server = ServerProcess(text_run)
    found = httpx.post(f"{server.url}/predict", json={"items": TEXTS}).json()
    assert len(found["predictions"]) == len(TEXTS)
    ended, err = server.stop(number)
    assert (ended, "Traceback" in err) == (code, False)
    assert "every request that was taken is answered" in err


@pytest.mark.slow
def test_several_processes_share_the_port_and_a_killed_one_is_replaced(text_run, tmp_path):
    run = shutil.copytree(text_run, tmp_path / "run")
    server = ServerProcess(run, "--workers", "2")
    try:
        parent = server.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children")
        workers = [pid for pid in children.read_text().split() if is_worker(pid)]
        assert len(workers) == 2
        for _ in range(20):
            assert httpx.post(f"{server.url}/predict", json={"item": TEXTS[0]}).status_code == 200
        assert 'route="/predict"} 20.0' in httpx.get(f"{server.url}/metrics").text
        subprocess.run(["kill", "-9", workers[0]], check=True)
        until = time.monotonic() + 120
        while len([pid for pid in children.read_text().split() if is_worker(pid)]) < 2 and time.monotonic() < until:
            time.sleep(0.2)
        for _ in range(20):
            assert httpx.post(f"{server.url}/predict", json={"item": TEXTS[0]}).status_code == 200
    finally:
        ended, err = server.stop(signal.SIGTERM)
    assert (ended, "Traceback" in err) == (143, False)


def is_worker(pid: str) -> bool:
    return "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()


@pytest.mark.slow
def test_a_converted_body_is_served_without_torch(tmp_path):
    pytest.importorskip("openvino")
    from command_line import texts, write_csv

    from headstart.transfer import fit

    write_csv(tmp_path / "texts.csv", texts())
    fit(tmp_path / "texts.csv", source="headstart:text", baselines="none", out=tmp_path / "run", verbose=False)
    code = f"""
import sys
from starlette.testclient import TestClient
from headstart.serve import create_app
with TestClient(create_app({str(tmp_path / "run")!r}), "http://127.0.0.1") as client:
    found = client.post("/predict?coverage=0.8", json={{"items": ["where is my parcel", ""]}}).json()
print(found["predictions"][0]["label"], sorted({{"torch", "timm", "transformers"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["delivery", "[]\n"]
