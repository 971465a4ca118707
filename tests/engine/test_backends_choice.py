"""Which backend is taken: by machine, body and number of items; what earlier processes found; what is not possible."""

import json
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine import frozen_body
from headstart.engine.backends import choice, machine, opening
from headstart.engine.backends.cuda import Cuda
from headstart.engine.backends.mps import Mps
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.recipe import Recipe, recipe_key
from headstart.errors import MissingExtraError, UsageError

needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(choice, "gpu_hint", lambda: "")


@pytest.fixture
def without_openvino(monkeypatch):
    monkeypatch.setattr(choice, "release", lambda name: "" if name == "openvino" else "1.0")


def example():
    return np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


class Counting:
    """A recipe and how often its module was built."""

    def __init__(self, key="line", lasting=True, forward=None):
        self.builds = 0
        self.forward = forward or (lambda module, x: [module(x), x])
        self.recipe = Recipe(recipe_key(key), self.build, example, lasting)

    def build(self):
        self.builds += 1
        torch.manual_seed(0)
        return nn.Linear(6, 3).eval(), self.forward


@needs_openvino
def test_a_lasting_body_is_converted_and_a_passing_one_only_where_it_pays():
    assert FrozenBody(Counting().recipe).choose("auto", 1).startswith("openvino")
    body = FrozenBody(Counting(lasting=False).recipe)
    assert body.choose("auto", 1).startswith("torch")
    assert body.streams == 1
    assert body.choose("auto", 10**10).startswith("openvino")
    assert body.choose("auto", 1).startswith("openvino"), "a conversion that is there is used"
    assert body.choose("torch", 1).startswith("torch")
    assert body(example()).shape == (4, 9)


def test_the_first_batch_chooses_where_nobody_did(without_openvino):
    body = FrozenBody(Counting().recipe)
    assert (body.backend, body.precision, body.note, body.streams) == ("", "", "", 1)
    rows = body(example())
    assert body.backend == "torch"
    assert rows.shape == (4, 9)


def test_what_an_earlier_process_found_is_taken_without_building(without_openvino, monkeypatch):
    first = Counting()
    form = FrozenBody(first.recipe).choose("auto", 5)
    second = Counting()
    body = FrozenBody(second.recipe)
    monkeypatch.setattr(frozen_body, "open_new", None)
    assert body.choose("auto", 5, few=pytest.fail) == form
    assert second.builds == 0
    np.testing.assert_array_equal(body(example()), FrozenBody(first.recipe)(example()))
    assert second.builds == 1


@pytest.mark.parametrize(
    "record", ["", "[]", "{", '{"precision": "bf16"}', '{"value": {"precision": "fp32"}, "sum": 7}', '{"value": 3}']
)
def test_a_strange_record_is_not_followed(record, without_openvino, own_cache):
    FrozenBody(Counting().recipe).choose("torch")
    path = own_cache / "bodies" / recipe_key("line") / f"{choice.record_name('torch')}.json"
    kept = json.loads(path.read_text())
    path.write_text(record)
    body = FrozenBody(Counting().recipe)
    assert body.choose("torch").startswith("torch")
    assert body(example()).shape == (4, 9)
    assert json.loads(path.read_text()) == kept


def test_records_belong_to_releases_and_cpus(monkeypatch):
    name = choice.record_name("torch")
    monkeypatch.setattr(choice, "cpu_kind", lambda: "another")
    assert choice.record_name("torch") != name
    monkeypatch.undo()
    assert choice.record_name("torch") == name
    monkeypatch.setattr(choice, "release", lambda _package: "another")
    assert choice.record_name("torch") != name


def test_real_items_decide_too(without_openvino, monkeypatch):
    """A body whose bf16 features agree on its example, but not on the data."""
    monkeypatch.setattr(opening, "cpu_has_bf16", lambda: True)

    differences = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, 0], [0, 0], [0, 0]])
    few = np.array([[300.7, 300.1, 0.5, 0, 0, 0], [299.7, 300.6, 0.5, 0, 0, 0]], np.float32)

    def forward(_module, x):
        return [x @ differences]

    assert FrozenBody(Counting("a", forward=forward).recipe).choose("torch") == "torch bf16"
    body = FrozenBody(Counting("b", forward=forward).recipe)
    assert body.choose("torch", few=lambda: few) == "torch fp32"
    assert "0.999 is wanted" in body.note


def test_real_items_without_finite_features_are_passed_over(without_openvino):
    body = FrozenBody(Counting().recipe)
    found = body.choose("torch", few=lambda: np.full((2, 6), np.nan, np.float32))
    assert found == FrozenBody(Counting("line 2").recipe).choose("torch")


def test_a_missing_extra_and_a_missing_gpu_are_said(without_openvino):
    body = FrozenBody(Counting().recipe)
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[openvino\]'"):
        body.choose("openvino")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="'cuda' needs a GPU that torch can use"):
            body.choose("cuda")
    if not torch.backends.mps.is_available():
        with pytest.raises(UsageError, match="'mps' needs an Apple GPU"):
            body.choose("mps")
    assert body.choose("auto").startswith("torch")


def test_a_gpu_comes_first_where_torch_has_it(monkeypatch, without_openvino):
    monkeypatch.setattr(choice, "gpu_hint", lambda: "cuda of the test")
    assert choice.candidates() == ["cuda", "torch"]
    monkeypatch.setattr(choice, "cuda_is_there", lambda: False)
    assert FrozenBody(Counting().recipe).choose().startswith("torch"), "a driver is there, but torch cannot use it"
    monkeypatch.setattr(choice, "cuda_is_there", lambda: True)
    monkeypatch.setattr(opening, "cuda_short", lambda: "bf16")
    monkeypatch.setattr(opening, "Cuda", partial(Cuda, device="cpu"))
    body = FrozenBody(Counting().recipe)
    assert body.choose() == "cuda bf16"
    assert body.streams == 2
    assert body(example()).shape == (4, 9)


def test_apples_gpu_comes_first_too(monkeypatch, without_openvino):
    monkeypatch.setattr(choice, "gpu_hint", lambda: "mps")
    monkeypatch.setattr(choice, "mps_is_there", lambda: True)
    monkeypatch.setattr(opening, "Mps", partial(Mps, device="cpu"))
    body = FrozenBody(Counting().recipe)
    assert body.choose() in ("mps fp16", "mps fp32")
    np.testing.assert_allclose(body(example()), FrozenBody(Counting("c").recipe)(example()), atol=0.05)


def test_a_body_too_large_for_the_gpu_runs_on_the_cpu(monkeypatch, without_openvino):
    def full(*_args, **_options):
        raise MemoryError("CUDA out of memory")

    monkeypatch.setattr(choice, "gpu_hint", lambda: "cuda of the test")
    monkeypatch.setattr(choice, "cuda_is_there", lambda: True)
    monkeypatch.setattr(opening, "cuda_short", lambda: None)
    monkeypatch.setattr(opening, "Cuda", full)
    body = FrozenBody(Counting().recipe)
    assert body.choose().startswith("torch")
    assert "does not fit" in body.note
    with pytest.raises(MemoryError):
        body.choose("cuda")


def test_facts_are_measured_once_for_a_lasting_body():
    first = Counting()

    def measure(module, _forward):
        return {"width": module.out_features, "names": ("a", "b")}

    assert FrozenBody(first.recipe).facts(measure) == {"width": 3, "names": ["a", "b"]}
    second = Counting()
    assert FrozenBody(second.recipe).facts(pytest.fail) == {"width": 3, "names": ["a", "b"]}
    assert second.builds == 0
    passing = Counting(lasting=False)
    body = FrozenBody(passing.recipe)
    body.facts(measure)
    assert body.facts(pytest.fail) == {"width": 3, "names": ["a", "b"]}
    assert FrozenBody(passing.recipe).facts(lambda *_: {}) == {}


def test_damaged_facts_are_measured_anew(own_cache):
    FrozenBody(Counting().recipe).facts(lambda *_: {"a": 1})
    path = own_cache / "bodies" / recipe_key("line") / "facts.json"
    for text in ("", "{}", '{"value": {"a": 1}, "sum": 1}', "[1]"):
        path.write_text(text)
        assert FrozenBody(Counting().recipe).facts(lambda *_: {"a": 2}) == {"a": 2}


def test_the_module_is_let_go_once_a_backend_runs(without_openvino):
    counting = Counting()
    body = FrozenBody(counting.recipe)
    body.choose("torch")
    body(example())
    assert counting.builds == 1
    body.built()
    assert counting.builds == 2, "it is built again for those who ask for it"


def test_the_machine_is_told_without_torch(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert machine.cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    assert machine.cores() >= 1
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine, "DRIVERS", (str(tmp_path),))
    monkeypatch.setattr(machine, "_torch_knows_gpus", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert machine.gpu_hint().startswith("cuda")
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert machine.gpu_hint() == ""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert machine.gpu_hint().endswith("of 0")
    monkeypatch.setattr(machine, "DRIVERS", (str(tmp_path / "none"),))
    assert machine.gpu_hint() == ""


@pytest.mark.parametrize(
    ("text", "knows"),
    [("cuda: Optional[str] = '13.2'\nhip = None\n", True), ("cuda = None\nhip = None\n", False), ("x = 1\n", True)],
)
def test_what_torch_was_built_for_is_read_from_its_version(text, knows, monkeypatch, tmp_path):
    (tmp_path / "version.py").write_text(text)

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(machine, "find_spec", lambda _name: Spec())
    assert machine._torch_knows_gpus() is knows
    monkeypatch.setattr(machine, "find_spec", lambda _name: None)
    assert machine._torch_knows_gpus() is False
