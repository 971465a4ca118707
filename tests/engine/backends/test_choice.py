"""Which backend is taken: by machine, body and number of items; what earlier processes found; what is not possible."""

import json
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.backends import choice, cuda, mps, openvino_graph, torch_cpu
from headstart.engine.backends.cuda import Cuda
from headstart.engine.backends.mps import Mps
from headstart.engine.body import machine
from headstart.engine.body.recipe import Recipe, recipe_key
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import MissingExtraError, UsageError

pytestmark = pytest.mark.usefixtures("own_cache")
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(choice, "gpu_hint", lambda: "")


@pytest.fixture
def without_openvino(monkeypatch):
    for module in (choice, openvino_graph):
        monkeypatch.setattr(module, "package_version", lambda name: "" if name == "openvino" else "1.0")


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


@pytest.fixture
def huge(monkeypatch):
    """Converting a body takes as long as if it had more than 3 gigabytes."""
    monkeypatch.setattr(choice, "CONVERT_SECONDS_PER_GIGABYTE", 4e9)


@needs_openvino
def test_a_huge_lasting_body_keeps_its_form_whatever_the_number_of_items(huge):
    first, later = Counting(), Counting()
    form = FrozenBody(first.recipe).choose("auto", 30)
    assert (form.split()[0], first.builds) == ("torch", 1)
    body = FrozenBody(later.recipe)
    for count in (30, 10**12, 1):
        assert body.choose("auto", count, few=pytest.fail) == form
        assert "did not pay for the first 30 items" in body.note
    assert later.builds == 0, "the choice needs no module"
    assert FrozenBody(later.recipe).choose("openvino").startswith("openvino"), "who asks for it by name gets it"
    assert FrozenBody(Counting().recipe).choose("auto").startswith("openvino"), "and it stays"


@needs_openvino
def test_a_huge_body_with_very_much_to_do_is_converted_at_first(huge):
    assert FrozenBody(Counting().recipe).choose("auto", 10**12).startswith("openvino")


@needs_openvino
def test_a_passing_body_is_timed_once():
    counting = Counting(lasting=False)
    body = FrozenBody(counting.recipe)
    for count in (1, 2, 3):
        assert body.choose("auto", count, few=lambda: None).startswith("torch")
        assert body(example()).shape == (4, 9)
    assert counting.builds == 1


@needs_openvino
def test_a_form_is_chosen_anew_with_a_new_release(huge, monkeypatch):
    FrozenBody(Counting().recipe).choose("auto", 1)
    monkeypatch.setattr(openvino_graph, "package_version", lambda _name: "another")
    assert FrozenBody(Counting().recipe).choose("auto", 10**12).startswith("openvino")


def test_the_first_batch_chooses_where_nobody_did(without_openvino):
    body = FrozenBody(Counting().recipe)
    assert (body.backend, body.precision, body.note, body.streams) == ("", "", "", 1)
    rows = body(example())
    assert body.backend == "torch"
    assert rows.shape == (4, 9)


def test_what_an_earlier_process_found_is_taken_without_building(without_openvino):
    first = Counting()
    form = FrozenBody(first.recipe).choose("auto", 5)
    second = Counting()
    body = FrozenBody(second.recipe)
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
    monkeypatch.setattr(torch_cpu, "cpu_kind", lambda: "another")
    assert choice.record_name("torch") != name
    monkeypatch.undo()
    assert choice.record_name("torch") == name
    monkeypatch.setattr(choice, "package_version", lambda _package: "another")
    assert choice.record_name("torch") != name


def test_real_items_decide_too(without_openvino, monkeypatch):
    """A body whose bf16 features agree on its example, but not on the data."""
    monkeypatch.setattr(torch_cpu, "cpu_has_bf16", lambda: True)

    differences = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, 0], [0, 0], [0, 0]])
    few = np.array([[300.7, 300.1, 0.5, 0, 0, 0], [299.7, 300.6, 0.5, 0, 0, 0]], np.float32)

    def forward(_module, x):
        return [x @ differences]

    assert FrozenBody(Counting("a", forward=forward).recipe).choose("torch") == "torch bf16"
    body = FrozenBody(Counting("b", forward=forward).recipe)
    assert body.choose("torch", few=lambda: few) == "torch fp32"
    assert "0.999 is required" in body.note


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
    monkeypatch.setattr(cuda, "cuda_is_available", lambda: False)
    assert FrozenBody(Counting().recipe).choose().startswith("torch"), "a driver is there, but torch cannot use it"
    monkeypatch.setattr(cuda, "cuda_is_available", lambda: True)
    monkeypatch.setattr(cuda, "cuda_half_precision", lambda: "bf16")
    monkeypatch.setattr(cuda, "Cuda", partial(Cuda, device="cpu"))
    body = FrozenBody(Counting().recipe)
    assert body.choose() == "cuda bf16"
    assert body.streams == 2
    assert body(example()).shape == (4, 9)


def test_apples_gpu_comes_first_too(monkeypatch, without_openvino):
    monkeypatch.setattr(choice, "gpu_hint", lambda: "mps")
    monkeypatch.setattr(mps, "mps_is_available", lambda: True)
    monkeypatch.setattr(mps, "Mps", partial(Mps, device="cpu"))
    body = FrozenBody(Counting().recipe)
    assert body.choose() in ("mps fp16", "mps fp32")
    np.testing.assert_allclose(body(example()), FrozenBody(Counting("c").recipe)(example()), atol=0.05)


def test_a_body_too_large_for_the_gpu_runs_on_the_cpu(monkeypatch, without_openvino):
    def full(*_args, **_options):
        raise MemoryError("CUDA out of memory")

    monkeypatch.setattr(choice, "gpu_hint", lambda: "cuda of the test")
    monkeypatch.setattr(cuda, "cuda_is_available", lambda: True)
    monkeypatch.setattr(cuda, "cuda_half_precision", lambda: None)
    monkeypatch.setattr(cuda, "Cuda", full)
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


def torch_version(monkeypatch, folder, text):
    """An installed torch with this version.py; None for no torch."""

    class Spec:
        submodule_search_locations = (str(folder),)

    if text is not None:
        (folder / "version.py").write_text(text)
    monkeypatch.setattr(machine, "find_spec", lambda _name: None if text is None else Spec())


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """A GPU's driver is there."""
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine, "DRIVERS", (str(tmp_path),))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_cores_are_those_that_may_be_used(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert machine.cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    assert machine.cores() >= 1


def test_a_gpu_is_told_without_torch(driver, monkeypatch, tmp_path):
    torch_version(monkeypatch, tmp_path, "cuda = '13.2'\n")
    assert machine.gpu_hint().startswith("cuda")
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert machine.gpu_hint() == ""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert " of 0" in machine.gpu_hint()
    monkeypatch.setattr(machine, "DRIVERS", (str(tmp_path / "none"),))
    assert machine.gpu_hint() == ""


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("cuda: Optional[str] = '13.2'\nhip = None\n", "cuda"),
        ("cuda = None\nhip = '7.0'\n", "cuda"),
        ("x = 1\n", "cuda"),
        ("cuda = None\nhip = None\n", ""),
        (None, ""),
    ],
)
def test_a_torch_that_was_built_without_gpus_has_none(text, hint, driver, monkeypatch, tmp_path):
    torch_version(monkeypatch, tmp_path, text)
    assert machine.gpu_hint().split(" ")[0] == hint
