"""A torch module run for inference, in the fastest number format that agrees with fp32."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.params import check_choice
from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["TorchBody", "choose_device", "cpu_has_bf16"]

AGREEMENT = 0.999  # least cosine between the bf16 and the fp32 features of an item
CHECKED_ITEMS = 4


class TorchBody:
    """A module and how to run it.

    In bf16, matrix products and convolutions run with 8 bits of mantissa and images lie channels last; sums,
    normalisations and features stay float32. The first batch is run in both formats on at most four items: where
    the features of an item then have a cosine below 0.999 in any block, everything stays in fp32.

    Args:
        module: the body; put into evaluation mode and onto the device, otherwise left as it is.
        forward: a function of (module, batch) that gives one (n, width) tensor for each block.
        device: ``"cpu"``, ``"cuda"``, ``"mps"``; by default the best that is there.
        precision: ``"auto"``, ``"bf16"`` (unchecked) or ``"fp32"``.

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
        device: str | None = None,
        precision: str = "auto",
    ) -> None:
        import torch

        check_choice(precision, "precision", "TorchBody", ("auto", "bf16", "fp32"))
        self.device = choose_device(device)
        self._forward = forward
        self._to_check = precision == "auto" and _has_bf16(self.device)
        self.precision = "bf16" if self._to_check or precision == "bf16" else "fp32"
        self.note = f"bf16 is {'fast' if _has_bf16(self.device) else 'not fast'} on this {self.device.type}"
        layout = torch.channels_last if self.precision == "bf16" else torch.preserve_format
        self.module = module.eval().to(device=self.device, memory_format=layout)  # type: ignore[call-overload]

    def __call__(self, batch: Any) -> FeatureMatrix:
        """Features (n, sum of widths), float32, of a batch: a tensor, or a mapping of names to tensors."""
        import torch

        with torch.inference_mode():
            batch = self._place(batch)
            if self._to_check:
                self._check(batch)
            blocks = self._run(batch, self.precision)
            return torch.cat([block.float() for block in blocks], dim=1).cpu().numpy()

    def widths(self, batch: Any) -> list[int]:
        """How many columns each block has, found by running ``batch`` in fp32."""
        import torch

        with torch.inference_mode():
            return [int(block.shape[1]) for block in self._run(self._place(batch), "fp32")]

    def _place(self, batch: Any) -> Any:
        import torch

        if isinstance(batch, Mapping):
            return {name: self._place(value) for name, value in batch.items()}
        images_last = self.precision == "bf16" and batch.ndim == 4
        layout = torch.channels_last if images_last else torch.preserve_format
        return batch.to(device=self.device, memory_format=layout)

    def _run(self, batch: Any, precision: str) -> list[Tensor]:
        import torch

        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
            return self._forward(self.module, batch)

    def _check(self, batch: Any) -> None:
        self._to_check = False
        few = _first(batch, CHECKED_ITEMS)
        pairs = zip(self._run(few, "fp32"), self._run(few, "bf16"), strict=True)
        least = min(_least_cosine(exact.float(), fast.float()) for exact, fast in pairs)
        agrees = least >= AGREEMENT
        self.precision = "bf16" if agrees else "fp32"
        self.note = f"bf16 features have a cosine of at least {least:.5f} with fp32 ones" + (
            "" if agrees else f", less than {AGREEMENT}: running in fp32"
        )


def _least_cosine(exact: Tensor, fast: Tensor) -> float:
    """The least cosine of matching rows; two rows of zeros agree, and nothing agrees with NaN."""
    import torch

    cosine = torch.nn.functional.cosine_similarity(exact, fast).nan_to_num(nan=-1.0)
    both_zero = (exact == 0).all(dim=1) & (fast == 0).all(dim=1)
    return float(cosine.masked_fill(both_zero, 1.0).min())


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
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and cpu_has_bf16()


@cache
def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies in bf16 by itself (AVX512-BF16 or AMX); emulated bf16 is slower than fp32.

    Examples:
        >>> cpu_has_bf16() in (True, False)
        True
    """
    import torch

    if platform.machine() not in ("x86_64", "AMD64") or not torch.backends.mkldnn.is_available():
        return False
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
        return bool(flags & {"avx512_bf16", "amx_bf16"})
    get = getattr(torch.cpu, "get_capabilities", None)
    return get is not None and any(get().get(name, False) for name in ("avx512_bf16", "amx_bf16"))
