"""GPUs: the same steps on CPU tensors, and on a real GPU where there is one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from small_bodies import forward, opened, pictures, plain, small
from torch import nn

from headstart.engine.backends.cuda import Cuda
from headstart.engine.backends.torch_forms import TorchForm
from headstart.engine.body.agreement import agreement


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
