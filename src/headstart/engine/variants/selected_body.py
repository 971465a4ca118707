"""A frozen body of which only some blocks are wanted: what lies above the deepest of them does not run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from headstart.engine.backends.choice import record_name
from headstart.engine.backends.interface import Backend, Refused
from headstart.engine.body.arrays import count_items, first_items
from headstart.engine.body.recipe import Batch, Recipe, recipe_key
from headstart.engine.body.selection import Selection, take_columns
from headstart.engine.cache.forks import ForkSafeLock, abandon, renew_after_fork
from headstart.engine.capabilities import Runtime
from headstart.engine.frozen_body import COMPARED_ITEMS, FrozenBody
from headstart.errors import SourceError
from headstart.types import FeatureMatrix

__all__ = ["SelectedBody"]

OTHER_ROWS = "the body without its upper layers gives other rows"


class SelectedBody:
    """Selected blocks of a frozen body, in the form (backend and number format) of the body with all its blocks.

    The converted body in the cache is cut at its outputs, so nothing is converted again. The first time, rows of the
    recipe's examples are compared with those of the complete body: only if all bits are equal does the cut body run.
    Otherwise the complete body runs, and its columns are taken, which `runtime` then states. The outcome is cached.

    Args:
        full: the body with all its blocks.
        selection: the blocks that are wanted.

    Examples:
        >>> import torch
        >>> def build():
        ...     return torch.nn.ReLU(), lambda module, x: [x, module(x)]
        >>> recipe = Recipe(recipe_key("relu"), build, lambda: np.ones((4, 1), np.float32), lasting=False)
        >>> second = Selection((1,), (1, 1), lambda: (torch.nn.ReLU(), lambda module, x: [module(x)]))
        >>> SelectedBody(FrozenBody(recipe), second)(np.array([[-2.0], [3.0]], np.float32))
        array([[0.],
               [3.]], dtype=float32)
    """

    def __init__(self, full: FrozenBody, selection: Selection) -> None:
        self.full = full
        self.selection = selection
        self._lock = ForkSafeLock()
        self._form = ""
        self._reason = ""  # why the complete body runs
        self._running: Callable[[Batch], FeatureMatrix] | None = None
        renew_after_fork(self)

    def after_fork(self) -> None:
        """In a forked child, reopen the backend on first use, as `FrozenBody.after_fork` does."""
        if self._running is not None:
            abandon(self._running)
            self._running = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the recipe and the selection only: a running backend cannot be sent."""
        return SelectedBody, (self.full, self.selection)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the complete body."""
        return self.full.recipe

    @property
    def runtime(self) -> Runtime:
        """What runs it, and why; also why the complete body runs, where it cannot be cut."""
        found = self.full.runtime
        return replace(found, reason="; ".join(filter(None, [found.reason, self._reason])))

    def choose(self, backend: str = "auto", count: int = 1, few: Callable[[], Batch | None] = lambda: None) -> str:
        """Pick the form of the complete body, as `FrozenBody.choose`."""
        form = self.full.choose(backend, count, few)
        with self._lock:
            if form != self._form:
                self._form, self._running, self._reason = form, None, ""
        return form

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths of the selected blocks) float32 of a batch of n items.

        Raises:
            MemoryError: if the batch does not fit into memory.
            SourceError: if the items have another shape than the body was converted for.
            HeadstartError: if the cached form was removed and cannot be recreated.
        """
        running = self._running or self._open(batch)
        rows = running(batch)
        if running != self._columns:  # the complete body counts its items itself
            self.full.count_down(count_items(batch))
        return rows

    def release(self) -> bool:
        """Close it until the next batch, as `FrozenBody.release`; returns whether it is closed."""
        with self._lock:
            if not self.full.recipe.lasting:
                return False
            self._running = None
        return self.full.release()

    def _open(self, batch: Batch) -> Callable[[Batch], FeatureMatrix]:
        if not self._form:  # nobody called choose: compare on this batch
            self.choose("auto", count_items(batch), lambda: first_items(batch, COMPARED_ITEMS))
        with self._lock:
            if self._running is None:
                try:
                    self._running = self._cut()
                except Refused as refused:
                    self._reason = f"all blocks run, although only some are read: {refused}"
                    self._running = self._columns
            return self._running

    def _columns(self, batch: Batch) -> FeatureMatrix:
        return take_columns(self.full(batch), self.selection.ranges)

    def _cut(self) -> Backend:
        """The body without what the selected blocks do not need; raises `Refused` unless its rows are equal."""
        known = recipe_key(record_name(self.full.backend), self._form, self.selection.positions)
        name = f"selected-{known[:16]}"
        record = self.full.cache.read(name)
        if record is not None and not record["same"]:
            raise Refused(OTHER_ROWS)
        try:
            cut = self.full.open_selected(self.selection)
            same = cut is not None and (record is not None or self._is_same(cut))
        except (RuntimeError, ValueError, IndexError, AttributeError, TypeError, KeyError, SourceError) as error:
            # a body of a library that cannot run without its upper layers
            raise Refused(f"without its upper layers it fails ({' '.join(str(error).split())[:200]})") from error
        if cut is None:
            raise Refused("its converted form cannot be cut at its blocks")
        if record is None:
            self.full.cache.write(name, {"same": same})
        if not same:
            raise Refused(OTHER_ROWS)
        return cut

    def _is_same(self, cut: Backend) -> bool:
        example = first_items(self.recipe.example(), COMPARED_ITEMS)
        with self.full.opened_briefly():
            wanted = self._columns(example)
        return np.array_equal(cut(example), wanted)
