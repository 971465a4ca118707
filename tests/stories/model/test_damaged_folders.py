"""Kind: any damage to a saved model. Loading ends in an error of ours, or in a model that answers in finite numbers.

Digests are stated anew after each damage, as somebody would who means it.
"""

from __future__ import annotations

import json
import shutil
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart
from headstart.errors import HeadstartError, ModelFolderError
from headstart.heads import HeadSearch, select_head
from headstart.io import file_digest
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.columns import ColumnsSource
from headstart.sources.fused import FusedSource
from headstart.sources.toy import ToySource
from headstart.types import Source, Task

SECONDS = 5
VALUES: list[Any] = [
    None, True, -1, 0, 3, 2**70, 1e308, float("nan"), float("inf"), "", "x", "../x", "/etc/passwd", "hf:evil/name",
    "n" * 5000, [], [[]], [1, 2], ["a"] * 3, {}, {"a": 1}, [[[[[[]]]]]],
]  # fmt: skip


def vectors(head: str) -> tuple[Source, list[Any], HeadSearch]:
    x = np.random.default_rng(0).normal(size=(40, 3))
    return open_source("vector"), x.tolist(), HeadSearch((head,))


def tables() -> tuple[Source, list[Any], HeadSearch]:
    rng = np.random.default_rng(0)
    cells = [(float(a), "xy"[k % 2]) for k, a in enumerate(rng.normal(size=40))]
    columns = ColumnsSource.learn(["price", "brand"], ["number", "category"], cells)
    source = FusedSource((ToySource(), columns), (0, 1), ("note", "columns"))
    return source, [(f"text {k}", cell) for k, cell in enumerate(cells)], HeadSearch(("ridge",))


MODELS = {"ridge": lambda: vectors("ridge"), "forest": lambda: vectors("forest"), "svm": lambda: vectors("svm"),
          "boosting": lambda: vectors("boosting"), "table": tables}  # fmt: skip


@pytest.fixture(scope="module", params=list(MODELS))
def saved(request, tmp_path_factory) -> tuple[Path, list[Any]]:
    source, items, search = MODELS[request.param]()
    task = Task("classification", ("a", "b"))
    y = np.arange(len(items)) % 2
    head = select_head(source.encode(items), y, task, blocks=source.info.blocks, search=search)
    folder = tmp_path_factory.mktemp("saved") / "model"
    TransferModel(source, task, head, head.moments).save(folder)
    return folder, items[:3]


@contextmanager
def in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS * 10)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def places_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, one in inside for place in places_in(one, (*at, key)))]


def replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[place[0]] = replaced(copied[place[0]], place[1:], new)
    return copied


def damaged(raw: bytes, name: str, rng: np.random.Generator) -> bytes:
    kind = rng.integers(4)
    if name.endswith(".json") and kind < 3:
        content = json.loads(raw)
        places = [place for place in places_in(content)[1:] if place[0] != "sha256"]
        if places:
            new = VALUES[rng.integers(len(VALUES))]
            return json.dumps(replaced(content, places[rng.integers(len(places))], new)).encode()
    out = bytearray(raw)
    if kind == 3:
        return bytes(out[: int(rng.integers(len(out)))])
    for _ in range(int(rng.integers(1, 5))):
        out[int(rng.integers(min(len(out), 600 if kind else len(out))))] ^= int(rng.integers(1, 256))
    return bytes(out)


def sign(folder: Path) -> None:
    try:
        config = json.loads((folder / "config.json").read_bytes())
        config["sha256"] = {name: file_digest(folder / name) for name in config["sha256"]}
        (folder / "config.json").write_text(json.dumps(config))
    except (ValueError, TypeError, KeyError):  # that file is the damaged one
        return


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarm on this system")
def test_only_errors_of_ours_come_of_damage(saved, tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.sources.hf.fetch_repository", lambda _: pytest.fail("the hub was asked"))
    folder, items = saved
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    for seed in range(24):
        rng, place = np.random.default_rng(seed), tmp_path / "model"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder, place)
        file = place / files[seed % len(files)]
        file.write_bytes(damaged(file.read_bytes(), file.name, rng))
        sign(place)
        with in_time(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                answers = TransferModel.load(place).predict_proba(items)
            except HeadstartError as error:
                assert "\n" not in str(error), f"{seed}: {file}"  # noqa: PT017
                continue
        assert np.isfinite(answers).all(), f"{seed}: {file}"


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    rows = np.arange(12.0).reshape(6, 2)
    headstart.TransferClassifier(source="vector").fit(rows, ["a"] * 3 + ["b"] * 3).save_pretrained(tmp_path / "model")

    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("headstart.model.files.format.read_tensors", refused)
    with pytest.raises(ModelFolderError, match=r"You have no permission to read .*; ask the owner"):
        headstart.load(tmp_path / "model")
