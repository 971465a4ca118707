"""A frozen body whose convolutions run in int8, by OpenVINO alone; its rows are another feature map than fp32 ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headstart.engine.backends.choice import availability_error
from headstart.engine.backends.int8_graph import Ranges, measure_ranges, quantised
from headstart.engine.backends.interface import Backend, Refused
from headstart.engine.backends.openvino import OpenVino, openvino_streams
from headstart.engine.backends.openvino_graph import exact_graph
from headstart.engine.backends.openvino_selection import selected_graph
from headstart.engine.body.recipe import Batch, Recipe
from headstart.engine.body.selection import Selection, take_columns
from headstart.engine.cache.forks import limit_threads_in_fork
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import SourceError
from headstart.types import FeatureMatrix

__all__ = ["Int8Body", "calibrate"]

NOTE = "it was fitted in int8"


class Int8Body(FrozenBody):
    """A body in int8, which the recipe in fp32 and the ranges of its activations determine.

    Args:
        recipe: how the body in fp32 is made and run.
        ranges: of its activations, from `calibrate`.

    Attributes:
        ranges: as given.

    Examples:
        >>> import numpy as np
        >>> from headstart.sources import open_source
        >>> zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
        >>> body = Int8Body(open_source("headstart:image").body.recipe, Ranges((zero,), (one,), one, 16 * "0"))
        >>> body.choose() == f"openvino int8 {body.ranges.digest}"
        True
        >>> body.choose("torch")
        Traceback (most recent call last):
        headstart.errors.SourceError: This body was fitted in int8, which only OpenVINO runs on the CPU. ...
    """

    def __init__(self, recipe: Recipe, ranges: Ranges) -> None:
        super().__init__(recipe)
        self.ranges = ranges

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the recipe and the ranges; another process opens the body again."""
        return Int8Body, (self.recipe, self.ranges)

    def choose(
        self,
        backend: str = "auto",
        count: int = 1,
        few: Callable[[], Batch | None] = lambda: None,  # noqa: ARG002 - nothing is compared
    ) -> str:
        """The form of its rows, ``"openvino int8"`` with the digest of the ranges; nothing else runs them.

        Args:
            backend: ``"auto"`` or ``"openvino"``.
            count: roughly how many items there are to encode.
            few: not called; the body was judged when it was calibrated.

        Raises:
            SourceError: for another backend.
            MissingExtraError: if OpenVINO is not installed.
        """
        if backend not in ("auto", "openvino"):
            raise SourceError(
                f"This body was fitted in int8, which only OpenVINO runs on the CPU. Got the backend '{backend}'; "
                "leave it out, or fit again with --int8 never."
            )
        problem = availability_error("openvino")
        if problem is not None:
            raise problem
        self.backend, self.precision, self.streams = "openvino", "int8", openvino_streams()
        self._expected = count
        return f"openvino int8 {self.ranges.digest}"

    def open_selected(self, selection: Selection) -> Backend | None:
        """The rounded graph cut after the deepest selected block; None if its output is no concatenation of the blocks.

        The blocks below stay outputs: without them OpenVINO fuses and rounds other layers, and the rows differ.

        Raises:
            MemoryError: if it does not fit.
            SourceError: if the ranges are those of another body.
        """
        limit_threads_in_fork()
        with self._lock:
            rounded = quantised(_exact(self), self.ranges)
            deepest = selection.positions[-1]
            cut = selected_graph(rounded, range(deepest + 1), len(selection.widths))
            self._built = None
            return None if cut is None else _Columns(cut, selection.ranges)

    def _load(self, batch: Batch) -> Backend:  # noqa: ARG002 - the ranges are known
        limit_threads_in_fork()
        with self._lock:
            if not self.backend:
                self.choose()
            if self._running is None:
                self._running = OpenVino(quantised(_exact(self), self.ranges), "int8", NOTE)
            self._built = None
            return self._running


class _Columns(OpenVino):
    """A rounded graph of which only some columns are wanted."""

    def __init__(self, model: Any, ranges: Sequence[tuple[int, int]]) -> None:
        super().__init__(model, "int8", NOTE)
        self._ranges = ranges

    def __call__(self, batch: Batch) -> FeatureMatrix:
        return take_columns(super().__call__(batch), self._ranges)


def _exact(body: FrozenBody) -> Any:
    try:
        return exact_graph(body.access)
    except Refused as refused:
        raise SourceError(f"The body cannot run in int8: {refused}.") from refused


def calibrate(body: FrozenBody, batches: Sequence[Batch]) -> Int8Body:
    """A body in int8 whose ranges are those of some items.

    Args:
        body: in fp32 or bf16.
        batches: of prepared calibration items.

    Raises:
        Refused: if it cannot be converted, or has nothing to round.
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> x = np.random.default_rng(0).uniform(0, 1, (4, 3, 4, 4)).astype(np.float32)
        >>> def build():
        ...     return torch.nn.Conv2d(3, 2, 3).eval(), lambda module, x: [module(x).flatten(1)]
        >>> body = calibrate(FrozenBody(Recipe("0" * 40, build, lambda: x, lasting=False)), [x])
        >>> len(body.ranges.low), body.ranges.low[0].tolist()     # of the items, which the convolution reads
        (1, [0.0])
    """
    return Int8Body(body.recipe, measure_ranges(exact_graph(body.access), batches))
