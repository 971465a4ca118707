"""A torch module run for inference, in the fastest way whose features agree with plain fp32."""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.engine.allocator import keep_freed_memory
from headstart.engine.fold import cast_linear, fold_batch_norms, round_kernels
from headstart.params import check_choice
from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["TorchBody", "choose_device", "cpu_has_bf16"]

SAME = 0.99999  # least cosine of features in two forms of one body in fp32
AGREEMENT = 0.999  # least cosine of an item's bf16 and fp32 features in any block
CHECKED_ITEMS = 4


class TorchBody:
    """A module and how to run it.

    Batch normalisations are folded into the convolutions before them, images lie channels last, and where the
    hardware multiplies in bf16 by itself, matrix products and convolutions run in it; sums and features stay
    float32. Before the first batch, four examples are run the plain way too: where the bf16 features of one have a
    cosine below 0.999 with its fp32 ones in any block, everything stays in fp32.

    Args:
        module: the body; put into evaluation mode and onto the device, otherwise left as it is.
        forward: a function of (module, batch) that gives one (n, width) tensor for each block.
        example: a batch to compare the two ways on, so that the choice belongs to the body and not to the data; by
            default the first items.
        device: ``"cpu"``, ``"cuda"``, ``"mps"``; by default the best that is there.
        precision: ``"auto"`` or ``"fp32"``.

    Attributes:
        module: the body.
        device: where it runs.
        precision: ``"bf16"`` or ``"fp32"``; with ``"auto"`` final after the first batch.
        note: why, in a sentence.

    Examples:
        >>> import torch
        >>> body = TorchBody(torch.nn.Linear(3, 2), lambda module, x: [module(x)])
        >>> body(torch.ones(5, 3)).shape
        (5, 2)
    """

    def __init__(
        self,
        module: nn.Module,
        forward: Callable[[nn.Module, Any], list[Tensor]],
        *,
        example: Any = None,
        device: str | None = None,
        precision: str = "auto",
    ) -> None:
        import torch

        check_choice(precision, "precision", "TorchBody", ("auto", "fp32"))
        self.device = choose_device(device)
        keep_freed_memory()
        able = _has_bf16(self.device)
        self.precision = "bf16" if able and precision == "auto" else "fp32"
        self.note = "fp32 was asked for" if able else f"this {self.device.type} does not multiply in bf16 by itself"
        layout = torch.preserve_format if self.device.type == "mps" else torch.channels_last
        self.module = module.eval().to(self.device).to(memory_format=layout)
        self._layout = layout
        self._forward = forward
        self._example = example
        self._fast: nn.Module | None = None

    def __call__(self, batch: Any) -> FeatureMatrix:
        """Features (n, sum of widths), float32, of a batch: a tensor, or a mapping of names to tensors."""
        import torch

        with torch.inference_mode():
            batch = self._place(batch)
            if self._fast is None:
                example = batch if self._example is None else self._place(self._example)
                self._fast = self._choose(_first(example, CHECKED_ITEMS))
            rows = torch.cat([block.float() for block in self._run(self._fast, batch, self.precision)], dim=1)
            return rows.cpu().numpy()

    def widths(self, batch: Any) -> list[int]:
        """How many columns each block has, found by running ``batch``."""
        import torch

        with torch.inference_mode():
            return [int(block.shape[1]) for block in self._run(self.module, self._place(batch), "fp32")]

    def _place(self, batch: Any) -> Any:
        import torch

        if isinstance(batch, Mapping):
            return {name: self._place(value) for name, value in batch.items()}
        return batch.to(device=self.device, memory_format=self._layout if batch.ndim == 4 else torch.preserve_format)

    def _run(self, module: nn.Module, batch: Any, precision: str) -> list[Tensor]:
        import torch

        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
            return self._forward(module, batch)

    def _choose(self, few: Any) -> nn.Module:
        """The fastest form of the body that agrees with the plain one on a few items."""
        plain = self._run(self.module, few, "fp32")
        folded = fold_batch_norms(self.module, lambda module: self._run(module, _first(few, 1), "fp32"))
        if folded is None or _agreement(plain, self._run(folded, few, "fp32")) < SAME:
            folded = self.module
        if self.precision == "fp32":
            return folded
        rounded = copy.deepcopy(folded)
        if folded is not self.module:  # only bodies with batch normalisation gain from it
            round_kernels(rounded)
        cast_linear(rounded)
        least = _agreement(plain, self._run(rounded, few, "bf16"))
        self.note = f"bf16 features have a cosine of at least {least:.4f} with fp32 ones"
        if least >= AGREEMENT:
            return rounded
        self.precision = "fp32"
        self.note += f", and {AGREEMENT} is wanted"
        return folded


def _agreement(exact: list[Tensor], fast: list[Tensor]) -> float:
    """The least cosine of an item's features in any block; zeros agree with zeros, and nothing agrees with NaN."""
    import torch

    least = 1.0
    for one, other in zip(exact, fast, strict=True):
        cosine = torch.nn.functional.cosine_similarity(one.float(), other.float()).nan_to_num(nan=-1.0)
        both_zero = (one == 0).all(dim=1) & (other == 0).all(dim=1)
        least = min(least, float(cosine.masked_fill(both_zero, 1.0).min()))
    return least


def _first(batch: Any, count: int) -> Any:
    if isinstance(batch, Mapping):
        return {name: value[:count] for name, value in batch.items()}
    return batch[:count]


def choose_device(name: str | None = None) -> torch.device:
    """The device to run on: the one named, else a CUDA GPU, else Apple's GPU, else the CPU.

    Examples:
        >>> choose_device("cpu").type
        'cpu'
    """
    import torch

    if name is not None:
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _has_bf16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and cpu_has_bf16()


@cache
def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies in bf16 by itself (AVX512-BF16 or AMX); emulated bf16 is slower than fp32.

    Examples:
        >>> cpu_has_bf16() in (True, False)
        True
    """
    import torch

    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call] # torch has no annotation
    if platform.machine() not in ("x86_64", "AMD64") or not has_onednn:
        return False
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
        return bool(flags & {"avx512_bf16", "amx_bf16"})
    get = getattr(torch.cpu, "get_capabilities", None)
    return get is not None and any(get().get(name, False) for name in ("avx512_bf16", "amx_bf16"))
