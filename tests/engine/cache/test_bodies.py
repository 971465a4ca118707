"""What is kept of a body: damaged, half-written, contended, unwritable and full caches."""

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.backends import openvino_graph
from headstart.engine.backends.choice import record_name
from headstart.engine.backends.openvino_graph import graph_name
from headstart.engine.body.machine import native_bf16
from headstart.engine.body.recipe import Recipe, recipe_key
from headstart.engine.cache.bodies import BodyCache
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import HeadstartError

pytestmark = [
    pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed"),
    pytest.mark.usefixtures("own_cache"),
]
SHORT = "bf16" if native_bf16() else "fp32"


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU()).eval(), lambda module, batch: [module(batch), batch]


def example():
    return np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def recipe(lasting=True):
    return Recipe(recipe_key("net"), build, example, lasting)


def damage_truncated(folder):
    path = folder / "body.bin"
    path.write_bytes(path.read_bytes()[:-7])


def damage_flipped(folder):
    path = folder / "body.bin"
    data = bytearray(path.read_bytes())
    data[4] ^= 1
    path.write_bytes(data)


def damage_removed(folder):
    (folder / "body.xml").unlink()


def damage_sums(folder):
    (folder / "sums.json").write_text("{")


@pytest.mark.parametrize("damage", [damage_truncated, damage_flipped, damage_removed, damage_sums])
def test_damaged_files_are_made_anew(damage, own_cache):
    rows = FrozenBody(recipe())
    rows.choose("openvino")
    rows = rows(example())
    folder = own_cache / "bodies" / recipe_key("net") / graph_name(SHORT)
    damage(folder)
    body = FrozenBody(recipe())
    assert body.choose("openvino") == f"openvino {SHORT}"
    np.testing.assert_array_equal(body(example()), rows)
    assert BodyCache(recipe_key("net")).read_folder(graph_name(SHORT)) == folder


def test_a_damaged_record_is_made_anew(own_cache):
    FrozenBody(recipe()).choose("openvino")
    (own_cache / "bodies" / recipe_key("net") / f"{record_name('openvino')}.json").write_text('{"precision": "fp3')
    assert FrozenBody(recipe()).choose("openvino") == f"openvino {SHORT}"


def test_a_body_that_became_another_one_is_said(own_cache, monkeypatch):
    FrozenBody(recipe()).choose("openvino")
    body = FrozenBody(recipe())
    body.choose("openvino")
    damage_removed(own_cache / "bodies" / recipe_key("net") / graph_name(SHORT))
    monkeypatch.setattr(openvino_graph, "_same", lambda *_: None)
    with pytest.raises(HeadstartError, match="cannot be recreated"):
        body(example())


def test_two_conversions_at_once_do_no_harm():
    bodies = [FrozenBody(recipe()) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        forms = set(pool.map(lambda body: body.choose("openvino"), bodies))
    assert forms == {f"openvino {SHORT}"}
    assert not any("kept" in body.note for body in bodies)
    assert BodyCache(recipe_key("net")).read_folder(graph_name(SHORT)) is not None


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    body = FrozenBody(recipe())
    assert body.choose("openvino") == f"openvino {SHORT}"
    assert "could not be cached" in body.note
    assert len(body(example())) == 4


def test_a_full_cache_stops_nothing(monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE_LIMIT", "1KB")
    body = FrozenBody(recipe())
    assert body.choose("openvino") == f"openvino {SHORT}"
    assert "HEADSTART_CACHE_LIMIT" in body.note
    assert len(body(example())) == 4


def test_nothing_is_kept_of_a_body_that_does_not_last(own_cache):
    body = FrozenBody(recipe(lasting=False))
    body.choose("openvino")
    assert len(body(example())) == 4
    assert not own_cache.exists()
