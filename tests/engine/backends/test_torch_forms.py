"""torch on the CPU and, with the same steps on CPU tensors, on GPUs: number formats, folding, buffers, memory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.backends.cuda import Cuda
from headstart.engine.backends.mps import Mps
from headstart.engine.backends.torch_cpu import TorchCpu, cpu_has_bf16
from headstart.engine.backends.torch_forms import TorchForm, find_form, known_form
from headstart.engine.body.agreement import agreement, measure_reference
from headstart.engine.body.batch_norm_folding import fold_batch_norms, round_kernels
from headstart.sources.bodies.pooling import pool

needs_bf16 = pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU does not multiply in bf16 by itself")


def small(seed=0):
    torch.manual_seed(seed)
    body = nn.Sequential(
        nn.Conv2d(3, 16, 3, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
    )
    for layer in body:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return body.eval()


def forward(module, batch):
    return [pool(module(batch))]


def pictures(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3, 20, 20)).astype(np.float32)


def plain(body, batch, run=forward):
    return np.concatenate(measure_reference(body, run, [batch]).blocks[0], axis=-1)


def opened(body, batch, short, run=forward, kind=TorchCpu, **options):
    """The form that is found for a body and the backend that runs it."""
    reference = measure_reference(body, run, [batch])
    form = find_form(
        body, run, reference, lambda form: kind(form, run, **options), short=short, why="fp32 was asked for"
    )
    return form, kind(form, run, **options)


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
    assert "0.999 is wanted" in backend.note
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


def test_a_gpu_gives_the_same_rows_from_many_threads():
    backend = Cuda(TorchForm(small(), "fp32"), forward, device="cpu")
    batches = [pictures(count, count) for count in (3, 7, 1, 5, 8, 2)] * 4  # buffers grow and are used in part
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(backend, batches))
    for batch, rows in zip(batches, found, strict=True):
        np.testing.assert_allclose(rows, plain(small(), batch), atol=1e-5)
    assert backend.streams == 2


def test_a_gpu_leaves_the_module_where_it_is():
    module = small()
    before = {name: value.data_ptr() for name, value in module.state_dict().items()}
    Cuda(TorchForm(module, "fp32"), forward, device="cpu")(pictures(2))
    assert {name: value.data_ptr() for name, value in module.state_dict().items()} == before


def test_a_slot_of_a_gpu_gets_the_types_of_its_batch():
    backend = Cuda(TorchForm(nn.Identity(), "fp32"), lambda module, x: [module(x).float()], device="cpu")
    for dtype in (np.uint8, np.float32, np.int64, np.uint8):
        np.testing.assert_array_equal(backend(np.arange(6, dtype=dtype).reshape(2, 3)), [[0, 1, 2], [3, 4, 5]])


def test_after_memory_ran_out_a_gpu_goes_on_with_less():
    calls = []

    def run(_module, batch):
        calls.append(len(batch))
        return [batch.new_empty(2**60) if len(batch) > 2 else batch]

    backend = Cuda(TorchForm(nn.ReLU(), "fp32"), run, device="cpu")
    for _ in range(3):  # a slot that is not handed back would block the third
        with pytest.raises(MemoryError):
            backend(np.ones((4, 3), np.float32))
    assert backend(np.ones((2, 3), np.float32)).shape == (2, 3)
    assert calls == [4, 4, 4, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_real_gpu_agrees():
    form, backend = opened(small(), pictures(3), "bf16", kind=Cuda)
    assert form.precision in ("bf16", "fp32")
    batches = [pictures(count, count) for count in (3, 7, 1, 5)] * 3
    with ThreadPoolExecutor(2) as pool:
        for batch, rows in zip(batches, pool.map(backend, batches), strict=True):
            assert agreement([plain(small(), batch)], [rows]) >= 0.999


def test_folding_keeps_the_features_and_the_module():
    body, x = small(), torch.randn(2, 3, 12, 12)
    with torch.inference_mode():
        folded = fold_batch_norms(body, lambda module: module(x))
        torch.testing.assert_close(folded(x), body(x), atol=1e-5, rtol=1e-5)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in body.modules())


def test_nothing_to_fold():
    assert fold_batch_norms(nn.Linear(2, 2), lambda module: module(torch.ones(1, 2))) is None


class Shared(nn.Module):
    """The convolution's output is used before its normalisation too, so folding would change it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.norm.running_mean.fill_(3.0)

    def forward(self, x):
        y = self.conv(x)
        return self.norm(y) + y


def test_a_wrong_fold_is_not_used():
    body = Shared().eval()
    form, backend = opened(body, pictures(3), None)
    assert not form.folded
    np.testing.assert_allclose(backend(pictures(5)), plain(body, pictures(5)), atol=1e-5)


def test_rounded_kernels_are_bf16_and_keep_their_sum():
    conv = nn.Conv2d(8, 8, 3, groups=8)
    before = conv.weight.detach().clone()
    round_kernels(conv)
    after = conv.weight.detach()
    torch.testing.assert_close(after, after.bfloat16().float(), atol=0, rtol=0)
    drift = (after.sum((2, 3)) - before.sum((2, 3))).abs().mean()
    plain_drift = (before.bfloat16().float().sum((2, 3)) - before.sum((2, 3))).abs().mean()
    assert drift < plain_drift / 4
