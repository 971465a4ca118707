"""The forms that a torch module can run in, and the fastest one whose features agree with plain fp32."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headstart.engine.backends.interface import Backend, BodyAccess
from headstart.engine.body.agreement import FP32_AGREEMENT, HALF_AGREEMENT, Reference
from headstart.engine.body.arrays import first_items, to_tensors
from headstart.engine.body.batch_norm_folding import cast_linear, fold_batch_norms, round_kernels
from headstart.engine.body.recipe import Batch, Forward, Tensors

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = [
    "TorchForm",
    "channels_last",
    "find_form",
    "folded_copy",
    "known_form",
    "open_found",
    "open_recorded",
    "run_blocks",
    "torch_type",
]

Make = Callable[["TorchForm", Forward, Callable[[], int]], Backend]  # (form, forward, items still to come)


@dataclass(frozen=True)
class TorchForm:
    """A module and the number format to run it in.

    Attributes:
        module: the body, or a copy with folded normalisations and weights in half precision.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        folded: whether batch normalisations were folded into the convolutions before them.
        note: why, in a sentence.

    Examples:
        >>> TorchForm(None, "fp32").record()
        {'precision': 'fp32', 'folded': False, 'note': ''}
    """

    module: nn.Module
    precision: str
    folded: bool = False
    note: str = ""

    def record(self) -> dict[str, Any]:
        """What a later process needs to recreate the form without a comparison."""
        return {"precision": self.precision, "folded": self.folded, "note": self.note}


def torch_type(precision: str) -> torch.dtype:
    """The torch type of a number format.

    Examples:
        >>> torch_type("bf16")
        torch.bfloat16
    """
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def channels_last(pictures: Tensor) -> Tensor:
    """Pictures (n, channels, height, width) of floats in channels-last layout, in which convolutions are fastest.

    Pictures of bytes come as (n, height, width, channels) and are left as they are.

    Examples:
        >>> import torch
        >>> channels_last(torch.ones(2, 3, 4, 4)).stride()
        (48, 1, 12, 3)
    """
    import torch

    if pictures.ndim != 4 or not pictures.is_floating_point():
        return pictures
    return pictures.to(memory_format=torch.channels_last)


def run_blocks(module: nn.Module, forward: Forward, batch: Tensors, device: str, precision: str) -> Tensor:
    """The blocks of a batch of tensors side by side on the last axis, float32, on the device.

    Examples:
        >>> import torch
        >>> run_blocks(torch.nn.ReLU(), lambda module, x: [module(x), x], torch.tensor([[-1.0]]), "cpu", "fp32")
        tensor([[ 0., -1.]])
    """
    import torch

    if precision == "fp32":
        blocks = forward(module, batch)
    else:
        with torch.autocast(device, torch_type(precision)):
            blocks = forward(module, batch)
    return torch.cat([block.float() for block in blocks], dim=-1)


def find_form(
    module: nn.Module,
    forward: Forward,
    reference: Reference,
    make: Callable[[TorchForm], Backend],
    *,
    half: str | None,
    why: str,
) -> TorchForm:
    """The fastest form of a body that agrees with the plain one.

    Args:
        module: the body; it is not changed.
        forward: as `Recipe.build` gives it.
        reference: features of the plain body.
        make: returns a backend that runs a form.
        half: the half-precision format to try, or None.
        why: the note if none is tried.

    Examples:
        >>> import torch
        >>> from headstart.engine.body.agreement import measure_reference
        >>> from headstart.engine.backends.torch_cpu import TorchCpu
        >>> import numpy as np
        >>> body, forward = torch.nn.Linear(3, 2), lambda module, x: [module(x)]
        >>> reference = measure_reference(body, forward, [np.ones((2, 3), np.float32)])
        >>> make = lambda form: TorchCpu(form, forward)
        >>> find_form(body, forward, reference, make, half=None, why="fp32 was asked for").precision
        'fp32'
    """
    # Folding is exact up to rounding, unless another layer uses a convolution's output too: then it is dropped.
    folded = folded_copy(module, forward, reference.batches[0])
    if folded is not None and reference.agreement(make(TorchForm(folded, "fp32", folded=True))) < FP32_AGREEMENT:
        folded = None
    exact = TorchForm(folded or module, "fp32", folded is not None, why)
    if half is None:
        return exact
    quick = _in_half_precision(exact, half)
    least = reference.agreement(make(quick))
    note = f"{half} features have a cosine of at least {least:.4f} with fp32 ones"
    if least < HALF_AGREEMENT:
        return TorchForm(exact.module, "fp32", exact.folded, f"{note}, but {HALF_AGREEMENT} is required")
    return TorchForm(quick.module, half, quick.folded, note)


def known_form(module: nn.Module, forward: Forward, example: Batch, record: Mapping[str, Any]) -> TorchForm:
    """Recreate the form that an earlier process found.

    Args:
        module: the body; it is not changed.
        forward: as `Recipe.build` gives it.
        example: at least one item.
        record: as `TorchForm.record` gives it.

    Examples:
        >>> import torch
        >>> record = {"precision": "fp32", "folded": False, "note": ""}
        >>> known_form(torch.nn.ReLU(), None, None, record).precision
        'fp32'
    """
    folded = folded_copy(module, forward, example) if record["folded"] else None
    form = TorchForm(folded or module, "fp32", folded is not None, str(record["note"]))
    return form if record["precision"] == "fp32" else _in_half_precision(form, str(record["precision"]))


def open_found(
    access: BodyAccess, reference: Reference, make: Make, *, half: str | None, why: str
) -> tuple[Backend, dict[str, Any]]:
    """A body on a device in the form that `find_form` finds, and the record of that form.

    Args:
        access: the body.
        reference: features of the plain body.
        make: returns the device's backend.
        half: the half-precision format to try, or None.
        why: the note if none is tried.

    Raises:
        MemoryError: if it does not fit.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.body.agreement import measure_reference
        >>> from headstart.engine.backends.torch_cpu import TorchCpu
        >>> from headstart.engine.cache.bodies import BodyCache
        >>> body, forward = torch.nn.ReLU(), lambda module, x: [module(x)]
        >>> reference = measure_reference(body, forward, [np.ones((2, 3), np.float32)])
        >>> access = BodyAccess(lambda: (body, forward), lambda: reference.batches[0], BodyCache(None), lambda: 0)
        >>> running, record = open_found(access, reference, TorchCpu, half=None, why="as an example")
        >>> record["precision"], record["note"]
        ('fp32', 'as an example')
    """
    module, forward = access.built()

    def run(form: TorchForm) -> Backend:
        return make(form, forward, access.remaining)

    form = find_form(module, forward, reference, run, half=half, why=why)
    return run(form), form.record()


def open_recorded(access: BodyAccess, record: Mapping[str, Any], make: Make) -> Backend:
    """A body on a device in the form that an earlier process found.

    Args:
        access: the body.
        record: as `open_found` gave it.
        make: returns the device's backend.

    Raises:
        MemoryError: if it does not fit.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.body.agreement import measure_reference
        >>> from headstart.engine.backends.torch_cpu import TorchCpu
        >>> from headstart.engine.cache.bodies import BodyCache
        >>> body, forward = torch.nn.ReLU(), lambda module, x: [module(x)]
        >>> reference = measure_reference(body, forward, [np.ones((2, 3), np.float32)])
        >>> access = BodyAccess(lambda: (body, forward), lambda: reference.batches[0], BodyCache(None), lambda: 0)
        >>> running, record = open_found(access, reference, TorchCpu, half=None, why="as an example")
        >>> open_recorded(access, record, TorchCpu)(-np.ones((1, 3), np.float32))
        array([[0., 0., 0.]], dtype=float32)
    """
    module, forward = access.built()
    return make(known_form(module, forward, access.example(), record), forward, access.remaining)


def folded_copy(module: nn.Module, forward: Forward, example: Batch) -> nn.Module | None:
    """A copy with folded batch normalisations, not yet compared with the original; None if there are none.

    Examples:
        >>> import torch
        >>> folded_copy(torch.nn.ReLU(), None, None) is None
        True
    """
    import torch

    def run(body: nn.Module) -> object:
        return forward(body, to_tensors(first_items(example, 1)))

    with torch.no_grad():  # tensors made in inference mode could not be rounded later
        return fold_batch_norms(module, run)


def _in_half_precision(exact: TorchForm, precision: str) -> TorchForm:
    module = copy.deepcopy(exact.module)  # the fp32 form is the fallback
    if exact.folded and precision == "bf16":  # only bodies with batch normalisation gain from it
        round_kernels(module)
    cast_linear(module, torch_type(precision))
    return TorchForm(module, precision, exact.folded, exact.note)
