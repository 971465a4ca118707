"""A frozen body as the sources use it: arrays in, feature rows out, on the fastest backend of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headstart.engine.backends.allocator import return_freed_memory
from headstart.engine.backends.choice import KINDS, availability_error, candidates, converting_pays, record_name
from headstart.engine.backends.interface import Backend, BodyAccess, Refused
from headstart.engine.body.agreement import Reference, measure_reference, reference_of
from headstart.engine.body.arrays import count_items, first_items
from headstart.engine.body.machine import package_version
from headstart.engine.body.recipe import Batch, Forward, Recipe
from headstart.engine.body.selection import Selection
from headstart.engine.cache.bodies import BodyCache
from headstart.engine.cache.forks import ForkSafeLock, abandon, is_forked, limit_threads_in_fork, renew_after_fork
from headstart.engine.capabilities import Runtime
from headstart.errors import HeadstartError, SaveError, SourceError
from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    from torch import nn

__all__ = ["GPUS", "FrozenBody"]

COMPARED_ITEMS = 8
GPUS = ("cuda", "mps")


class FrozenBody:
    """A body that only encodes, in the fastest form that agrees with the plain module.

    The form of a body is its backend together with its number format, such as ``"openvino bf16"``. The first time that
    a body runs on a backend, its features for a few items are compared with those of the plain module in fp32. bf16
    (fp16 on Apple's GPU) is used only if the cosine similarity of every item's features in every block is at least
    0.999, and OpenVINO only if it is at least 0.99999 in fp32. The outcome is cached with the converted body, so a
    later process needs neither the comparison nor torch.

    Stored rows belong to one form. With ``"auto"``, the form of a body that later processes can open therefore does not
    depend on the number of items: the decision that a conversion does not pay is cached too. The form is chosen again
    after an update of torch or OpenVINO, on another CPU or GPU, and once the backend ``"openvino"`` has been requested
    by name. Temporary failures are not cached: no room for temporary files, or not enough memory on the GPU.

    Args:
        recipe: how the body is made and run.

    Attributes:
        recipe: the same.
        backend: ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``; empty before `choose`.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"``; empty before `choose`.
        streams: how many threads may call the body at once.
        cache: its folder in the body cache.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.body.recipe import recipe_key
        >>> def build():
        ...     return torch.nn.Linear(3, 2), lambda module, x: [module(x)]
        >>> recipe = Recipe(recipe_key("line"), build, lambda: np.ones((4, 3), np.float32), lasting=False)
        >>> body = FrozenBody(recipe)
        >>> body(np.ones((5, 3), np.float32)).shape, body.backend
        ((5, 2), 'torch')
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.backend = ""
        self.precision = ""
        self.streams = 1
        self.cache = BodyCache(recipe.key if recipe.lasting else None)
        self._access = BodyAccess(self.built, recipe.example, self.cache, lambda: self._expected, direct=recipe.direct)
        self._lock = ForkSafeLock()
        self._expected = 0
        self._built: tuple[nn.Module, Forward] | None = None
        self._facts: dict[str, Any] | None = None
        self._records: dict[str, dict[str, Any]] = {}
        self._running: Backend | None = None
        self._notes: list[str] = []
        self._advice = ""
        self._measured: Reference | None = None
        self._plain: tuple[float, int] | None = None  # seconds per item and bytes of weights of the plain module
        renew_after_fork(self)

    def after_fork(self) -> None:
        """In a forked child, reopen the backend on first use: the old one would wait for threads that do not exist."""
        if self._running is not None:
            abandon(self._running)
            self._running = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the recipe only: another process opens the body again, because a running backend cannot be sent."""
        return FrozenBody, (self.recipe,)

    @property
    def full(self) -> FrozenBody:
        """The body itself, which has all its blocks; `SelectedBody` has the same property."""
        return self

    @property
    def note(self) -> str:
        """Why it runs in this form, and what was unavailable."""
        return "; ".join(filter(None, [self.reason, self.hint]))

    @property
    def reason(self) -> str:
        """Why it runs in this form."""
        own = self._running.note if self._running else self._records.get(self.backend, {}).get("note", "")
        return "; ".join(filter(None, [*self._notes, own]))

    @property
    def hint(self) -> str:
        """What was unavailable and the user can install or fix."""
        return "; ".join(filter(None, [self._advice, self.cache.problem]))

    def choose(self, backend: str = "auto", count: int = 1, few: Callable[[], Batch | None] = lambda: None) -> str:
        """Pick the backend and the number format; the cached outcome of an earlier process is reused.

        Args:
            backend: ``"auto"``, or the name of one.
            count: roughly how many items there are to encode, which decides whether a conversion pays.
            few: returns a few items of the real data, or None; called only if the body is compared.

        Returns:
            The form, such as ``"openvino bf16"``; rows of the same form may be mixed.

        Raises:
            UsageError: if the named backend is not available here.
            SourceError: if it cannot run this body.
            MissingExtraError: if it is not installed.
            MemoryError: if the body does not fit.
            SaveError: if the named backend has no room for temporary files.
        """
        with self._lock:
            self._expected = count  # __call__ counts it down, so that compiling knows how many items are to come
            self._notes, self._advice = [], ""
            # From the fastest to the slowest; torch on the CPU is last and refuses no body.
            for name in candidates(backend):
                named = backend != "auto"
                record = self._record(name, named=named) or self._examine(name, count, few, named=named)
                if "refused" not in record:
                    if (backend, name) == ("auto", "torch") and not package_version("openvino"):
                        self._advice = "openvino would run it faster: pip install 'headstart[openvino]'"
                    return self._take(name, record)
                if named:
                    raise SourceError(f"The backend '{name}' cannot run this body: {record['refused']}.")
                if record["refused"]:
                    self._notes.append(f"{name} was refused: {record['refused']}")
            raise AssertionError("torch runs every body")

    @property
    def runtime(self) -> Runtime:
        """What runs it, and why; reading it chooses and loads nothing."""
        return Runtime(self.backend, self.precision, self.reason, self.hint, self.streams)

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths) float32 of a batch of n items, blocks side by side on the last axis.

        Raises:
            MemoryError: if the batch does not fit into memory.
            SourceError: if the items have another shape than the body was converted for.
            HeadstartError: if the cached form was removed and cannot be recreated.
        """
        running = self._running or self._load(batch)
        count = count_items(batch)
        rows = running(batch)
        self.count_down(count)
        return rows

    def open_selected(self, selection: Selection) -> Backend | None:
        """Another instance of the chosen form that computes only some blocks; None if that form is not cached.

        Raises:
            MemoryError: if it does not fit.
            HeadstartError: in a forked process, on a GPU.
        """
        self._check_fork()
        with self._lock:
            access = replace(self._access, built=selection.build, selection=selection)
            return KINDS[self.backend].open_known(access, self._records[self.backend])

    @contextmanager
    def opened_briefly(self) -> Iterator[None]:
        """Close the backend in the end, unless it was open before."""
        before = self._running
        try:
            yield
        finally:
            self._running = before

    def release(self) -> bool:
        """Close the backend and free its memory; the next batch opens it again from the cache.

        Returns:
            Whether it is closed; a body that no cache holds stays open.
        """
        if not self.recipe.lasting or "unkept" in self._records.get(self.backend, {}):
            return False
        with self._lock:
            self._running = self._built = None
        return_freed_memory()
        return True

    def count_down(self, count: int) -> None:
        """Note that ``count`` of the expected items are done."""
        self._expected = max(0, self._expected - count)

    def built(self) -> tuple[nn.Module, Forward]:
        """The module and its forward function; built once, and released when a backend no longer needs them.

        Raises:
            SourceError: or another error of ``recipe.build``, if the body cannot be built.
        """
        with self._lock:
            if self._built is None:
                self._built = self.recipe.build()
            return self._built

    @property
    def access(self) -> BodyAccess:
        """What a backend needs to open it."""
        return self._access

    def facts(self, measure: Callable[[nn.Module, Forward], dict[str, Any]]) -> dict[str, Any]:
        """Plain JSON values about the body that require loading it; measured once, and cached if ``recipe.lasting``.

        Args:
            measure: returns them; called only if they are not cached.

        Raises:
            SourceError: or another error of ``recipe.build`` or ``measure``; nothing is cached then.
            TypeError: if a value is not plain JSON.
        """
        with self._lock:
            if self._facts is None:
                self._facts = self.cache.read("facts")
            if self._facts is None:
                found: dict[str, Any] = json.loads(json.dumps(measure(*self.built())))
                self.cache.write("facts", found)
                self._facts = found
            return self._facts

    def _record(self, name: str, *, named: bool) -> dict[str, Any] | None:
        """The record of a backend from an earlier call or process; "does not pay" counts only for ``"auto"``."""
        record = self._records.get(name) or self.cache.read(record_name(name))
        if record is None or (named and record.get("unpaid")):
            return None
        self._records[name] = record
        return record

    def _examine(self, name: str, count: int, few: Callable[[], Batch | None], *, named: bool) -> dict[str, Any]:
        """Open the body on a backend for the first time; the refusal is empty if it is unavailable or does not pay."""
        problem = availability_error(name)
        if problem is not None:
            if named:
                raise problem
            return {"refused": ""}
        if name == "openvino" and not named and not self._pays(count, few):
            if not self.recipe.lasting:  # its rows are never cached, so another count may decide differently
                return {"refused": ""}
            reason = f"converting did not pay for the first {count} items; to convert it, ask for this backend by name"
            return self._keep(name, {"refused": reason, "unpaid": True})
        reference = self._reference(few)
        try:
            self._running, record = KINDS[name].open_new(self._access, reference)
        except Refused as refused:
            record = {"refused": str(refused)}
        except MemoryError:
            if named or name == "torch":
                raise
            return {"refused": "the body does not fit into its memory"}
        except OSError as error:
            if named or name == "torch":
                raise SaveError(f"There is no room for a converted body: {error}; free space in TMPDIR.") from error
            return {"refused": f"there is no room for temporary files ({error})"}
        return self._keep(name, record)

    def _keep(self, name: str, record: dict[str, Any]) -> dict[str, Any]:
        self._records[name] = record
        if "unkept" not in record:  # otherwise a later process would find the record but no body
            self.cache.write(record_name(name), record)
        return record

    def _take(self, name: str, record: dict[str, Any]) -> str:
        if self._running is not None and self._running.name != name:
            self._running = None
        if self._running is not None:
            self._built = None  # the backend has its own copy
        self._measured = None
        self.backend, self.precision, self.streams = name, str(record["precision"]), KINDS[name].streams()
        return _form(name, record)

    def _load(self, batch: Batch) -> Backend:
        """The chosen backend, opened from the cache, or examined again if its files were removed."""
        self._check_fork()
        with self._lock:
            if self._running is None and not self.backend:  # nobody called choose: compare on this batch
                self.choose("auto", count_items(batch), lambda: first_items(batch, COMPARED_ITEMS))
            if self._running is None:
                self._running = KINDS[self.backend].open_known(self._access, self._records[self.backend])
            if self._running is None:
                self._running = self._open_again()
            self._built = None
            return self._running

    def _check_fork(self) -> None:
        limit_threads_in_fork()
        if is_forked() and self.backend in GPUS:
            raise HeadstartError(
                f"The backend '{self.backend}' does not work in a forked process; start workers with 'spawn' and load "
                "the model in each of them, or use the backend 'torch'."
            )

    def _open_again(self) -> Backend:
        reason = ""
        try:
            running, record = KINDS[self.backend].open_new(self._access, self._reference(lambda: None))
            # Stored rows belong to the old form; rows of another form must not be mixed with them.
            if _form(self.backend, record) == _form(self.backend, self._records[self.backend]):
                return running
        except (Refused, OSError) as refused:
            reason = f": {refused}"
        self.cache.remove(record_name(self.backend))
        form = f"{self.backend} {self.precision}"
        raise HeadstartError(f"The body was cached as '{form}' and cannot be recreated{reason}; run it again.")

    def _reference(self, few: Callable[[], Batch | None]) -> Reference:
        """The plain module's features for the recipe's example and, if they are finite, for real items."""
        if self._measured is None:
            real = few()
            batches = [self.recipe.example(), *([] if real is None else [real])]
            batches, direct = [first_items(batch, COMPARED_ITEMS) for batch in batches], self.recipe.direct
            reference = (
                measure_reference(*self.built(), batches) if direct is None else reference_of(direct.blocks, batches)
            )
            kept = [k for k in range(len(batches)) if k == 0 or reference.is_finite(k)]
            self._measured = Reference(
                tuple(reference.batches[k] for k in kept), tuple(reference.blocks[k] for k in kept), reference.seconds
            )
        return self._measured

    def _pays(self, count: int, few: Callable[[], Batch | None]) -> bool:
        if self._plain is None:
            self._plain = self._reference(few).seconds, self._weight_bytes()
        return converting_pays(count, *self._plain, lasting=self.recipe.lasting)

    def _weight_bytes(self) -> int:
        if self.recipe.direct is not None:
            return self.recipe.direct.weight_bytes
        return sum(parameter.numel() * parameter.element_size() for parameter in self.built()[0].parameters())


def _form(name: str, record: Mapping[str, Any]) -> str:
    exact = record.get("exact_convolutions")
    return f"{name} {record['precision']}" + (f", {exact} convolutions in fp32" if exact else "")
