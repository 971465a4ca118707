"""Which number format is taken, on machines that are made up: their CPU's flags, and what HEADSTART_BF16 says."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from headstart.cli.main import main
from headstart.engine.backends import cuda, openvino_graph
from headstart.engine.backends import openvino as running
from headstart.engine.backends.choice import record_name
from headstart.engine.backends.torch_cpu import cpu_has_bf16
from headstart.engine.body import machine
from headstart.engine.body.agreement import Reference
from headstart.engine.body.recipe import Recipe, recipe_key
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import ParameterError
from headstart.tune.training.device import autocast

pytestmark = pytest.mark.usefixtures("own_cache")
AVX2 = frozenset({"fma", "avx", "avx2"})
OLD, NEW, AMX = AVX2, AVX2 | {"avx512f", "avx512_bf16"}, AVX2 | {"amx_tile", "amx_bf16"}


@pytest.fixture
def cpu(monkeypatch):
    """Makes this machine one whose CPU has the given flags, or one that does not list them (None)."""

    def make(flags, *, switch=None, architecture="x86_64"):
        monkeypatch.setattr(machine, "_cpu_flags", lambda: flags)
        monkeypatch.setattr(machine.platform, "machine", lambda: architecture)
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
        if switch is None:
            monkeypatch.delenv("HEADSTART_BF16", raising=False)
        else:
            monkeypatch.setenv("HEADSTART_BF16", switch)

    return make


def body(key="body"):
    def build():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU()).eval(), lambda module, x: [module(x)]

    def example():
        return np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)

    return FrozenBody(Recipe(recipe_key(key), build, example))


def running_in_bf16():
    with autocast("cpu", "auto"):
        return torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("flags", "switch", "expected"),
    [
        (OLD, None, False),
        (OLD, "auto", False),
        (OLD, "0", False),
        (NEW, None, True),
        (NEW, "", True),
        (NEW, " AUTO ", True),
        (NEW, "1", True),
        (AMX, None, True),
        (NEW, "0", False),
        (AMX, "0", False),
    ],
)
def test_extraction_and_training_follow_the_cpu_and_the_switch(flags, switch, expected, cpu):
    cpu(flags, switch=switch)
    assert machine.native_bf16() == cpu_has_bf16() == running_in_bf16() == expected
    assert body().choose("torch") == f"torch {'bf16' if expected else 'fp32'}"


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
@pytest.mark.parametrize(
    ("flags", "switch", "expected"), [(OLD, None, "fp32"), (NEW, None, "bf16"), (NEW, "0", "fp32")]
)
def test_openvino_is_told_the_format(flags, switch, expected, cpu, monkeypatch):
    """It is named in every case: left alone, OpenVINO would take bf16 by its own judgement."""
    cpu(flags, switch=switch)
    told = []

    class Listening(openvino_graph.OpenVino):
        def __init__(self, model, precision, *rest, **named):
            told.append(running.TYPES[precision])
            super().__init__(model, precision, *rest, **named)
            taken = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
            assert taken == "f32" or told[-1] == "bf16"  # a CPU without bf16 may go down to fp32, none up to bf16

    monkeypatch.setattr(openvino_graph, "OpenVino", Listening)
    chosen = body()
    assert chosen.choose("openvino") == f"openvino {expected}"
    assert told[-1] == {"fp32": "f32", "bf16": "bf16"}[expected]
    assert told[0] == "f32"
    assert expected == "bf16" or set(told) == {"f32"}
    assert ("has no native bf16" in chosen.note) == (expected == "fp32")


def test_other_architectures_compute_in_fp32(cpu):
    cpu(frozenset({"bf16", "i8mm"}), architecture="aarch64")
    assert not machine.native_bf16()
    assert machine.cpu_kind() == "aarch64"


@pytest.mark.parametrize("able", [True, False])
def test_where_the_system_lists_no_flags_torch_is_asked(able, cpu, monkeypatch):
    cpu(None)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able}, raising=False)
    assert machine.native_bf16() == able
    monkeypatch.setenv("HEADSTART_BF16", "0")
    assert not machine.native_bf16()
    assert machine.cpu_kind().endswith("without bf16")


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_with_the_switch_the_cache_is_that_of_a_cpu_without_bf16(backend, cpu):
    names = {}
    for name, flags, switch in (("old", OLD, None), ("new", NEW, None), ("switched", NEW, "0")):
        cpu(flags, switch=switch)
        names[name] = record_name(backend), machine.cpu_kind()
    assert names["switched"] == names["old"] != names["new"]


def test_rows_of_both_formats_are_kept_apart(cpu):
    forms = []
    for switch in (None, "0", None):
        cpu(NEW, switch=switch)
        forms.append(body().choose("torch"))
    assert forms == ["torch bf16", "torch fp32", "torch bf16"]


def test_the_switch_reaches_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_options: True)
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine, "DRIVERS", (str(tmp_path),))
    monkeypatch.setattr(machine, "_torch_knows_gpus", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = {}
    for switch in ("auto", "0"):
        monkeypatch.setenv("HEADSTART_BF16", switch)
        found[switch] = cuda.cuda_half_precision(), record_name("cuda"), machine.gpu_hint().split(" ")[0]
    assert found["auto"][::2] == ("bf16", "cuda")
    assert found["0"][::2] == (None, "cuda")
    assert found["auto"][1] != found["0"][1]


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("1", "HEADSTART_BF16 is '1', but this CPU has no native bf16"),
        ("yes", "HEADSTART_BF16 must be 'auto', '0' .* or '1' .*. Got 'yes' instead."),
        ("fp32", "Got 'fp32' instead"),
    ],
)
def test_a_wish_that_cannot_be_met_is_said_in_one_sentence(switch, words, cpu, capsys):
    cpu(OLD, switch=switch)
    with pytest.raises(ParameterError, match=words):
        machine.native_bf16()
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "switch", "line"), [(OLD, None, "no"), (NEW, None, "yes"), (NEW, "0", "no (HEADSTART_BF16=0)")]
)
def test_doctor_says_the_format_and_who_forbade_it(flags, switch, line, cpu, capsys):
    cpu(flags, switch=switch)
    assert main(["doctor"]) == 0
    assert f"bf16           {line}\n" in capsys.readouterr().out


class Rounding:
    """Stands for OpenVINO's form of a body on a CPU with bf16: fp32 rows, or those with an error of a given size."""

    error = 0.0

    def __init__(self, model, precision, note="", exact_convolutions=0):
        self.model, self.precision, self.note, self.exact_convolutions = model, precision, note, exact_convolutions

    def __call__(self, batch):
        rows = np.asarray(batch, np.float32)[:, :4]
        if self.precision == "fp32":
            return rows
        return rows + self.error / (1 + self.exact_convolutions) * np.float32([1, -1, 1, -1])


@pytest.mark.parametrize(
    ("error", "precision", "exact"), [(0.01, "bf16", 0), (0.1, "bf16", 3), (0.3, "bf16", 6), (3.0, "fp32", 0)]
)
def test_bf16_is_taken_where_it_agrees_and_else_more_and_more_stays_in_fp32(error, precision, exact, cpu, monkeypatch):
    cpu(NEW)
    monkeypatch.setattr(Rounding, "error", error)
    monkeypatch.setattr(openvino_graph, "OpenVino", Rounding)
    monkeypatch.setattr(openvino_graph, "read_again", lambda model, _count: model)
    rows = np.random.default_rng(0).uniform(1, 2, (6, 4)).astype(np.float32)

    class Model:
        def get_ops(self):
            return [self]

        def get_type_name(self):
            return "Convolution"

    chosen = openvino_graph._quick(Model(), lambda _body: Model(), None, Reference((rows,), ((rows,),), 0.1))[1]
    assert (chosen.precision, chosen.exact_convolutions) == (precision, exact)
    assert ("0.999 is required" in chosen.note) == (precision == "fp32")


def test_the_switch_is_read_by_a_process_of_its_own():
    """Through to the kernels: no product of the default training or extraction is in bf16."""
    script = (
        "import torch; from headstart.tune.training.device import autocast\n"
        "with autocast('cpu', 'auto'): print((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], env={**machine.os.environ, "HEADSTART_BF16": "0"},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert found.stdout.strip() == "torch.float32"
