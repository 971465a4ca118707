"""torch on the CPU and the form in which a body runs: number formats, buffers, memory."""

import numpy as np
import pytest
import torch
from small_bodies import forward, opened, pictures, plain, small
from torch import nn

from headstart.engine.backends.cuda import Cuda
from headstart.engine.backends.mps import Mps
from headstart.engine.backends.torch_cpu import TorchCpu, cpu_has_bf16
from headstart.engine.backends.torch_forms import TorchForm, known_form
from headstart.engine.body.agreement import agreement

needs_bf16 = pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no native bf16")


def test_fp32_equals_the_plain_module():
    form, backend = opened(small(), pictures(3), None)
    assert (form.precision, form.folded, backend.note) == ("fp32", True, "fp32 was asked for")
    np.testing.assert_allclose(backend(pictures(5, 1)), plain(small(), pictures(5, 1)), atol=1e-5)


@needs_bf16
def test_bf16_agrees_and_says_so():
    form, backend = opened(small(), pictures(3), "bf16")
    assert (form.precision, backend.precision, backend.streams) == ("bf16", "bf16", 1)
    assert "cosine" in backend.note
    rows, exact = backend(pictures(5, 1)), plain(small(), pictures(5, 1))
    assert not np.array_equal(rows, exact)
    assert agreement([exact], [rows]) >= 0.999


class Difference(nn.Module):
    """Of two large numbers that are nearly equal."""

    def forward(self, x):
        return x @ torch.tensor([[1.0, 0.0], [-1.0, 0.0]]) + torch.tensor([[0.0, 0.3]])


@pytest.mark.parametrize(
    ("kind", "short", "options"),
    [(TorchCpu, "bf16", {}), (Cuda, "bf16", {"device": "cpu"}), (Mps, "fp16", {"device": "cpu"})],
)
def test_a_body_that_a_short_format_breaks_stays_in_fp32(kind, short, options):
    x = np.array([[100.31, 100.1], [77.72, 77.2]], np.float32)
    form, backend = opened(Difference(), x, short, lambda module, batch: [module(batch)], kind, **options)
    assert form.precision == "fp32"
    assert "0.999 is required" in backend.note
    np.testing.assert_allclose(backend(x)[:, 0], [0.21, 0.52], atol=1e-3)


@pytest.mark.parametrize("short", [None, "bf16"])
def test_a_known_form_is_the_same_to_the_bit(short):
    form, backend = opened(small(), pictures(3), short)
    again = known_form(small(), forward, pictures(3), form.record())
    assert (again.precision, again.folded, again.note) == (form.precision, form.folded, form.note)
    np.testing.assert_array_equal(TorchCpu(again, forward)(pictures(4)), backend(pictures(4)))


def test_the_same_batch_gives_the_same_bits():
    rows = [opened(small(), pictures(3), "bf16" if cpu_has_bf16() else None)[1](pictures(4)) for _ in range(2)]
    np.testing.assert_array_equal(*rows)


def test_a_mapping_is_a_batch_and_arrays_may_be_read_only():
    def run(module, batch):
        return [module(batch["x"]), batch["x"]]

    x = np.ones((4, 2), np.float32)
    x.flags.writeable = False
    for backend in (
        TorchCpu(TorchForm(nn.Linear(2, 3), "fp32"), run),
        Cuda(TorchForm(nn.Linear(2, 3), "fp32"), run, device="cpu"),
        Mps(TorchForm(nn.Linear(2, 3), "fp32"), run, device="cpu"),
    ):
        assert backend({"x": x}).shape == (4, 5)


def test_positions_lie_before_the_last_axis():
    backend = TorchCpu(TorchForm(nn.ReLU(), "fp32"), lambda module, x: [module(x), x])
    assert backend(np.ones((2, 7, 3), np.float32)).shape == (2, 7, 6)


def test_memory_that_runs_out_is_a_memory_error():
    def run(_module, batch):
        return [batch.new_empty(2**60)]

    for backend in (
        TorchCpu(TorchForm(nn.ReLU(), "fp32"), run),
        Cuda(TorchForm(nn.ReLU(), "fp32"), run, device="cpu"),
        Mps(TorchForm(nn.ReLU(), "fp32"), run, device="cpu"),
    ):
        with pytest.raises(MemoryError, match="allocate"):
            backend(np.ones((2, 3), np.float32))


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        TorchCpu(TorchForm(nn.Linear(2, 3), "fp32"), lambda module, x: [module(x)])(np.ones((2, 5), np.float32))
