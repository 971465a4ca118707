"""Apple's GPU: fp16 where it agrees with fp32, the usual memory layout."""

from __future__ import annotations

import copy
from typing import Any

from headstart.engine.backends.arrays import each, to_tensors
from headstart.engine.backends.out_of_memory import memory_errors
from headstart.engine.backends.torch_forms import TorchForm, run_blocks
from headstart.engine.recipe import Batch, Forward
from headstart.types import FeatureMatrix

__all__ = ["Mps", "mps_is_there"]


def mps_is_there() -> bool:
    """Whether torch can use Apple's GPU here.

    Examples:
        >>> mps_is_there() in (True, False)
        True
    """
    import torch

    return bool(torch.backends.mps.is_available())


class Mps:
    """A form of a torch module that runs on Apple's GPU.

    Args:
        form: the module and its number format; the module is copied to the device, and itself left where it is.
        forward: as `Recipe.build` gives it.
        device: ``"mps"``, or ``"cpu"`` to run the same steps without a GPU.

    Examples:
        >>> import numpy as np, torch
        >>> backend = Mps(TorchForm(torch.nn.ReLU(), "fp32"), lambda module, x: [module(x)], device="cpu")
        >>> backend(np.array([[-1, 2]], np.float32))
        array([[0., 2.]], dtype=float32)
    """

    name = "mps"
    streams = 1  # Metal has one queue for a process

    def __init__(self, form: TorchForm, forward: Forward, *, device: str = "mps") -> None:
        self.precision = form.precision
        self.note = form.note
        self._device = device
        self._forward = forward
        with memory_errors():
            self._module = copy.deepcopy(form.module).to(device)

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths) float32 of a batch."""
        import torch

        def place(tensor: Any) -> Any:
            return tensor.to(self._device)

        with memory_errors(), torch.inference_mode():
            tensors = each(to_tensors(batch), place)
            rows = run_blocks(self._module, self._forward, tensors, self._device, self.precision)
            result: FeatureMatrix = rows.cpu().numpy()
            return result
