"""What the routes of one application share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from headstart.errors import HeadstartError, UsageError
from headstart.model.files.version_files import FEEDBACK_FILE
from headstart.model.versions import current_version
from headstart.serve.batching.annotator import Served, ServedAnnotator
from headstart.serve.batching.batcher import Batcher
from headstart.serve.batching.calls import Answer, BusyError, ClosedError
from headstart.serve.batching.lanes import Lane
from headstart.serve.batching.served import AnswerOptions, ServedModel
from headstart.serve.batching.slot import Slot
from headstart.serve.http.errors import RequestError
from headstart.serve.http.meters import Meters
from headstart.serve.items.reading import converter, item_of
from headstart.serve.options import ServeOptions
from headstart.serve.store.events import FeedbackStore
from headstart.serve.teaching.opening import open_version, pointer_stamp, store_name
from headstart.serve.teaching.pool import LabelPool

__all__ = ["Serving"]

P = ParamSpec("P")
T = TypeVar("T")
LOG = logging.getLogger("headstart.serve")
FOLLOW_SECONDS = 0.25  # between looks at the pointer to the version in force; one takes microseconds
LONG = 600.0  # seconds for what changes the model
EXPLAINING = 2  # threads
KNOWN = "this one annotates items: correct the annotations in a file, and fit again."


@dataclass(eq=False)
class Serving:
    """One application: its model, its batcher and its settings.

    Attributes:
        run: the run folder.
        options: of the server.
        slot: the version that answers.
        batcher: what runs the items.
        meters: what is counted.
        problem: why the newest version could not be loaded; empty if it could.
        pool: the items of which labels are asked for; None without.
        lessons: what is being taught in the background.

    Examples:
        >>> from headstart import zero_shot
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> batcher = Batcher(most_items=8, wait=0.0, queue=1000)
        >>> serving = Serving(Path("run"), ServeOptions(), Slot(served), batcher, Meters())
        >>> asyncio.run(serving.answers(served, ["a parcel"], AnswerOptions(top=1)))[0]["label"]
        'parcel'
        >>> serving.close()
    """

    run: Path
    options: ServeOptions
    slot: Slot
    batcher: Batcher
    meters: Meters
    problem: str = ""
    pool: LabelPool | None = None
    lessons: set[asyncio.Task[None]] = field(default_factory=set)
    _stamp: tuple[int, int, int] = (0, 0, 0)
    _following: Lock = field(default_factory=Lock)
    _opening: Lock = field(default_factory=Lock)
    _store: FeedbackStore | None = None
    _explaining: Lane = field(default_factory=lambda: Lane("explain", EXPLAINING))
    _storing: Lane = field(default_factory=lambda: Lane("store", 1))
    _changing: Lane = field(default_factory=lambda: Lane("change", 1))
    _checking: Lane = field(default_factory=lambda: Lane("check", 1))
    _queueing: Lane = field(default_factory=lambda: Lane("queue", 2))

    @classmethod
    def open(cls, run: Path, options: ServeOptions) -> Serving:
        """Load the model of a run folder, and start what answers.

        Raises:
            NoModelError: if the folder is not a model.
            ModelFolderError: if it is damaged.
            UsageError: if the store of feedback cannot be opened, or a model that annotates is to be taught.
        """
        limits, meters, stamp = options.limits, Meters(), pointer_stamp(run)
        served = open_version(run, options.engine)
        _check_options(run, served, options)
        batcher = Batcher(most_items=limits.batch, wait=limits.wait / 1000, queue=limits.queue, observe=meters.batch)
        meters.watch(lambda: batcher.depth)
        meters.version(served.version)
        serving = cls(run, options, Slot(served), batcher, meters, _stamp=stamp)
        if options.store is not None:
            _ = serving.store  # a wrong place is reported before the first request
        if options.pool is not None:
            serving.pool = LabelPool(options.pool, serving.answering("asks for labels"), limits)
        return serving

    def answering(self, what: str, status: int = 409) -> ServedModel:
        """The version in force, for what needs one answer for each item.

        Args:
            what: the server is asked to do, such as ``"keeps feedback"``.
            status: of the refusal.

        Raises:
            RequestError: if it is a model that annotates items.
        """
        served = self.slot.current
        if isinstance(served, ServedAnnotator):
            raise RequestError(status, f"The server {what} only for models with one answer for each item; {KNOWN}")
        return served

    @property
    def store(self) -> FeedbackStore:
        """Where feedback is kept; made on first use, so that a server that only answers writes nothing.

        Raises:
            UsageError: if it cannot be opened.
        """
        from headstart.serve.store.sql import open_store

        with self._opening:  # threads of several lanes ask for it
            if self._store is None:
                place = self.run / FEEDBACK_FILE if self.options.store is None else self.options.store
                self._store = open_store(place, store_name(self.run))
            return self._store

    @property
    def has_store(self) -> bool:
        """Whether there is a store already, so that looking into it writes nothing."""
        return self._store is not None or self.options.store is not None or (self.run / FEEDBACK_FILE).is_file()

    def close(self) -> None:
        """Answer what waits, and end."""
        self.batcher.close()
        for lane in (self._explaining, self._storing, self._changing, self._checking, self._queueing):
            lane.close()
        if self._store is not None:
            self._store.close()

    @property
    def name(self) -> str:
        """The model's name in URLs: that of its run folder."""
        return self.run.resolve().name or "model"

    def follow(self) -> None:
        """Serve the version in force, if it is another one; blocks, so not in the event loop.

        Requests that were taken by the version before are answered by it.

        Raises:
            HeadstartError: if it cannot be opened; the version before goes on.
        """
        with self._following:
            stamp, served = pointer_stamp(self.run), self.slot.current
            if stamp == self._stamp:
                return
            if str(current_version(self.run)) != served.version:
                self.slot.swap(open_version(self.run, self.options.engine, like=served))
                self.meters.version(self.slot.current.version)
            self._stamp, self.problem = stamp, ""

    async def watch(self) -> None:
        """Follow the pointer to the version in force, which another process may move; never returns."""
        failed: tuple[int, int, int] | None = None
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            stamp = pointer_stamp(self.run)
            if stamp in (self._stamp, failed):
                continue
            try:
                await asyncio.to_thread(self.follow)
            except Exception as error:  # noqa: BLE001 (whatever it is, later versions must still be followed)
                failed, self.problem = stamp, str(error) or type(error).__name__
                LOG.error("The version in force cannot be served: %s", error)

    async def explaining(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what takes seconds in a thread."""
        return await self._in_lane(self._explaining, self.options.limits.deadline, function, *args, **kwargs)

    async def storing(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what reads or writes the store in a thread."""
        return await self._in_lane(self._storing, self.options.limits.deadline, function, *args, **kwargs)

    async def checking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what may calibrate the model in a thread: it takes seconds, once for each version."""
        return await self._in_lane(self._checking, self.options.limits.deadline, function, *args, **kwargs)

    async def queueing(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what waits for the pool of items in a thread."""
        return await self._in_lane(self._queueing, self.options.limits.deadline, function, *args, **kwargs)

    async def changing(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what changes the model in a thread; one at a time, with a longer deadline."""
        return await self._in_lane(self._changing, LONG, function, *args, **kwargs)

    async def _in_lane(
        self, lane: Lane, deadline: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            return await lane.run(deadline, function, *args, **kwargs)
        except TimeoutError:
            raise RequestError(504, f"There was no answer within {deadline:g} seconds.", {"Retry-After": "5"}) from None
        except BusyError as busy:
            after = {"Retry-After": str(busy.seconds)}
            raise RequestError(503, "The server is busy; try again.", after) from None
        except HeadstartError as error:  # such as a version or a store that is damaged
            raise RequestError(500, str(error)) from None

    async def answers(self, served: Served, items: Sequence[Any], options: AnswerOptions) -> list[Answer]:
        """The answers of items as a client sent them, in their order.

        Raises:
            RequestError: 400 for options that the model cannot satisfy, 413 for too many items, 503 with
                ``Retry-After`` if they do not fit into the queue, 504 if the deadline passes.
        """
        limits = self.options.limits
        if len(items) > limits.items:
            raise RequestError(413, f"A request may hold at most {limits.items} items. Got {len(items)}.")
        try:
            if not served.is_checked(options):
                await self.checking(_check, served, options)
        except HeadstartError as error:
            raise RequestError(400, str(error)) from None
        read = [item_of(item, served, limits) for item in items]
        try:
            async with asyncio.timeout(limits.deadline):
                found = await self.batcher.answer(served, read, options, convert=converter(served, limits))
        except TimeoutError:
            raise RequestError(
                504, f"There was no answer within {limits.deadline:g} seconds.", {"Retry-After": "5"}
            ) from None
        except BusyError as busy:
            after = {"Retry-After": str(busy.seconds)}
            raise RequestError(503, "The server is busy: too many items wait; try again.", after) from None
        except ClosedError as closed:
            raise RequestError(503, str(closed), {"Retry-After": "5"}) from None
        self._count(found)
        return found

    def _count(self, found: Sequence[Answer]) -> None:
        self.meters.items(
            given=len(found),
            failed=sum("error" in answer for answer in found),
            abstained=sum(answer.get("abstained", False) for answer in found),
            novel=sum(answer.get("novel", False) for answer in found),
        )


def _check_options(run: Path, served: Served, options: ServeOptions) -> None:
    """Raise if the server is to teach a model that cannot be taught."""
    if not isinstance(served, ServedAnnotator):
        return
    asked = {"--pool": options.pool is not None, "--teach-every": options.teach_every is not None}
    for name in [name for name, is_asked in asked.items() if is_asked]:
        raise UsageError(
            f"The model '{run}' annotates items, and is not taught by a server; use 'headstart update', and leave "
            f"{name} out."
        )


def _check(served: Served, options: AnswerOptions) -> None:
    try:
        served.check(options)
    except HeadstartError as error:
        raise RequestError(400, str(error)) from None
