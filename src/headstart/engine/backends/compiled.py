"""torch.compile, used if it will save more time than compiling costs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headstart.engine.body.agreement import FP32_AGREEMENT, HALF_AGREEMENT, agreement
from headstart.engine.body.recipe import Tensors
from headstart.engine.cache.forks import ForkSafeLock

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CompileWhenItPays", "can_compile"]

# Compiling took 7 to 34 s on a server CPU. It saves 14 to 39% of the time of convolutional bodies and of text bodies,
# and nothing for some others. Both constants are on the safe side.
COMPILE_SECONDS = 60.0
SAVED = 0.15


def can_compile(device: str) -> bool:
    """Whether torch.compile can make code for a device: it needs a C++ compiler on the CPU, Triton on a GPU.

    Examples:
        >>> can_compile("cpu") in (True, False)
        True
    """
    if device == "cpu":
        return any(shutil.which(name) for name in (("cl",) if sys.platform == "win32" else ("g++", "clang++", "c++")))
    from importlib.util import find_spec

    return device == "cuda" and find_spec("triton") is not None


class CompileWhenItPays:
    """A function of a batch of tensors that is compiled during the work, once compiling will pay.

    Two conditions must hold. First, the eager function has run for as long as compiling may take. The total time then
    at most doubles, even if most remaining items turn out to be cached (the ski-rental rule). Second, compiling saves
    more on the remaining items than it costs. The compiled function is compared with the eager one on the current
    batch. It is dropped, with a note, if its rows differ or if it is not faster.

    Args:
        eager: the function.
        remaining: returns how many items are still to come.
        precision: the number format of ``eager``.
        able: whether there is a compiler.
        wait: returns when the GPU has finished, so that timings are right.
        compile_: compiles the function; default: ``torch.compile``.

    Attributes:
        note: the outcome, in a sentence; empty before compiling.

    Examples:
        >>> import torch
        >>> double = CompileWhenItPays(lambda x: 2 * x, lambda: 9, precision="fp32", able=False)
        >>> double(torch.ones(1, 1))
        tensor([[2.]])
    """

    def __init__(
        self,
        eager: Callable[[Any], Tensor],
        remaining: Callable[[], int],
        *,
        precision: str,
        able: bool,
        wait: Callable[[], None] = lambda: None,
        compile_: Callable[[Callable[[Any], Tensor]], Callable[[Any], Tensor]] | None = None,
    ) -> None:
        self.note = ""
        self._run = self._eager = eager
        self._remaining = remaining
        self._least = FP32_AGREEMENT if precision == "fp32" else HALF_AGREEMENT
        self._open = able
        self._wait = wait
        self._compile = compile_ or _compile
        self._lock = ForkSafeLock()
        self._seconds = 0.0
        self._items = 0

    def __call__(self, batch: Tensors) -> Tensor:
        """The rows of a batch."""
        run = self._run
        if not self._open or run is not self._eager:
            return run(batch)
        begin = perf_counter()
        rows = run(batch)
        self._wait()
        seconds = perf_counter() - begin
        if self._count(seconds, len(rows)):
            self._try(batch, rows, seconds)
        return rows

    def _count(self, seconds: float, items: int) -> bool:
        """Count a batch; True for the one thread that is to compile now."""
        with self._lock:
            self._seconds += seconds
            self._items += items
            still = self._remaining() * self._seconds / self._items  # expected eager seconds of the remaining items
            pays = self._open and self._seconds >= COMPILE_SECONDS and still * SAVED > COMPILE_SECONDS
            if pays:
                self._open = False
            return pays

    def _try(self, batch: Tensors, rows: Tensor, seconds: float) -> None:
        begin = perf_counter()
        try:
            fast = self._compile(self._eager)
            found = fast(_any_length(batch))  # the first call compiles; the second one is timed
            self._wait()
            spent = perf_counter() - begin
            begin = perf_counter()
            fast(batch)
            self._wait()
            again = perf_counter() - begin
        except Exception as error:  # noqa: BLE001 - a compiler may fail in any way, and the eager form is there
            self.note = f"torch.compile failed ({type(error).__name__}), so it ran uncompiled"
            return
        least = agreement([rows.cpu().numpy()], [found.cpu().numpy()])
        if least < self._least:
            self.note = f"compiled rows had a cosine of {least:.4f} with uncompiled ones, so it ran uncompiled"
        elif again > seconds:
            self.note = f"compiling took {spent:.0f} s and made it no faster, so it ran uncompiled"
        else:
            self._run = fast
            self.note = f"compiled in {spent:.0f} s, {seconds / max(again, 1e-9):.1f} times as fast since"


def _compile(eager: Callable[[Any], Tensor]) -> Callable[[Any], Tensor]:
    import torch

    compiled: Callable[[Any], Tensor] = torch.compile(eager)
    return compiled


def _any_length(batch: Tensors) -> Tensors:
    """Mark the sizes that may change: the number of items and, in a mapping, the length of texts and sounds."""
    import torch

    for array in batch.values() if isinstance(batch, Mapping) else [batch]:
        for axis in (0, 1) if isinstance(batch, Mapping) and array.ndim == 2 else (0,):
            torch._dynamo.maybe_mark_dynamic(array, axis)
    return batch
