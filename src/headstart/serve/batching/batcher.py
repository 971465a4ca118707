"""Dynamic batching: one thread owns the body, and runs items of several requests together.

A batch begins when the body is free. It holds at most B items, and waits for further ones for at most w milliseconds
after its first item arrived, and only while a request is being read. Items wait in a bounded queue; a request that does
not fit is refused at once. Answers find their request by the number of the item, not by its place in a batch.

References:
    Crankshaw et al., "Clipper: A Low-Latency Online Prediction Serving System", NSDI 2017.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Thread
from time import monotonic
from typing import Any

from headstart.errors import ItemError
from headstart.serve.batching.annotator import Served
from headstart.serve.batching.calls import Answer, BusyError, Call, ClosedError, Ticket
from headstart.serve.batching.running import answered, prepared_items
from headstart.serve.batching.served import AnswerOptions

__all__ = ["Batcher", "choose_batch"]

POLL = 0.5  # seconds after which the owner looks whether it is to end
MOST_PREPARING = 4  # threads
SMOOTHING = 0.2  # weight of the newest batch in the mean time of an item


def choose_batch(waiting: Sequence[Ticket], most: int) -> list[Ticket]:
    """The tickets of the next batch: all, or where too many wait the oldest, those of its bucket, and then the others.

    A batch of one bucket alone was measured to cost more: the next batches then hold fewer items of each bucket.

    Args:
        waiting: the oldest first.
        most: how many the batch may hold.

    Examples:
        >>> class Text(str):
        ...     @property
        ...     def bucket(self) -> int:
        ...         return len(self)
        >>> choose_batch([Text("aa"), Text("b"), Text("cc"), Text("dd")], 3)
        ['aa', 'cc', 'dd']
        >>> choose_batch([], 3)
        []
    """
    if len(waiting) <= most:
        return list(waiting)
    bucket = waiting[0].bucket
    alike = [ticket for ticket in waiting if ticket.bucket == bucket][:most]
    others = [ticket for ticket in waiting if ticket.bucket != bucket][: most - len(alike)]
    return alike + others


class Batcher:
    """Runs the items of all requests.

    Args:
        most_items: that a batch holds.
        wait: seconds that the first item of a batch waits for others.
        queue: items that may wait.
        observe: called with the size of each batch.

    Examples:
        >>> import asyncio
        >>> from headstart import zero_shot
        >>> from headstart.serve.batching.served import ServedModel
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> batcher = Batcher(most_items=8, wait=0.0, queue=100)
        >>> found = asyncio.run(batcher.answer(served, ["my parcel", ""], AnswerOptions(top=1)))
        >>> found[0]["label"], found[1]
        ('parcel', {'error': 'The text is empty.'})
        >>> batcher.close()
    """

    def __init__(
        self, *, most_items: int, wait: float, queue: int, observe: Callable[[int], None] = lambda _: None
    ) -> None:
        self.most_items, self.wait, self.queue, self.observe = most_items, wait, queue, observe
        self.arriving = 0  # requests that are being read, in the event loop only
        self._numbers = itertools.count()
        self._asked: dict[int, Ticket] = {}
        self._changed = Condition()
        self._waiting: deque[Ticket] = deque()
        self._reserved = 0  # items that wait or are being prepared
        self._closed = False
        self._seconds = 0.0  # that an item takes, smoothed
        self._owner: Thread | None = None
        self._streams = ThreadPoolExecutor(thread_name_prefix="headstart-stream")
        self._preparing = ThreadPoolExecutor(MOST_PREPARING, thread_name_prefix="headstart-prepare")

    @property
    def is_open(self) -> bool:
        """Whether it takes requests."""
        return not self._closed

    @property
    def depth(self) -> int:
        """How many items wait."""
        return self._reserved

    @contextmanager
    def arrival(self) -> Iterator[None]:
        """While a request is read, batches may wait for it."""
        self.arriving += 1
        try:
            yield
        finally:
            self.arriving -= 1

    async def answer(
        self,
        served: Served,
        items: Sequence[Any],
        options: AnswerOptions,
        *,
        convert: Callable[[Any], Any] | None = None,
    ) -> list[Answer]:
        """The answers of n items, in their order; cancel it to give up.

        Args:
            served: the version that answers.
            items: at most as many as the queue holds; an `ItemError` in place of one that cannot be read.
            options: checked by the version.
            convert: turns an item as it was sent into one that the model reads, or raises `ItemError`; it runs in
                the threads that prepare.

        Raises:
            BusyError: if they do not fit into the queue.
            ClosedError: after `close`.
        """
        if not items:
            return []
        self._reserve(sum(not isinstance(item, ItemError) for item in items))
        call = Call.of(served, options, len(items))
        tickets = []
        for place, item in enumerate(items):
            if isinstance(item, ItemError):
                call.take(place, {"error": str(item)})
            else:
                tickets.append(Ticket(next(self._numbers), call, place, item, is_prepared=False))
        self._asked |= {ticket.number: ticket for ticket in tickets}
        if served.prepares_in_batches and convert is None:
            self._push(tickets)
        else:
            for ticket in tickets:
                self._preparing.submit(self._prepare, ticket, convert)
        try:
            return await call.future
        finally:
            call.dropped = True
            if call.remaining:
                for ticket in tickets:
                    self._asked.pop(ticket.number, None)

    def _reserve(self, count: int) -> None:
        with self._changed:
            if self._closed:
                raise ClosedError("The server is shutting down; send the request to another one, or later.")
            if self._reserved + count > self.queue:
                raise BusyError(max(1, math.ceil(self._reserved * self._seconds)))
            self._reserved += count
            if self._owner is None:
                self._owner = Thread(target=self._own, name="headstart-owner", daemon=True)
                self._owner.start()

    def _push(self, tickets: Iterable[Ticket]) -> None:
        with self._changed:
            self._waiting.extend(tickets)
            self._changed.notify_all()

    def _release(self, count: int) -> None:
        with self._changed:
            self._reserved -= count
            self._changed.notify_all()

    def _prepare(self, ticket: Ticket, convert: Callable[[Any], Any] | None) -> None:
        """Prepare one item, in a thread of the pool."""
        if ticket.call.dropped:
            self._release(1)
            return
        try:
            item = ticket.item if convert is None else convert(ticket.item)
            found = item if ticket.call.served.prepares_in_batches else ticket.call.served.prepare([item])[0]
        except ItemError as error:
            found = error
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the item's)
            found = ItemError(f"The item cannot be read ({type(error).__name__}).")
        if isinstance(found, ItemError):
            self._release(1)
            self._deliver([(ticket, {"error": str(found)})])
            return
        ticket.item, ticket.is_prepared = found, not ticket.call.served.prepares_in_batches
        self._push([ticket])

    def _own(self) -> None:
        """The owner: begin a batch whenever the body is free and an item waits, until closed and empty."""
        while (served := self._next_model()) is not None:
            served.gate.acquire()
            batch = self._collect(served)
            if not batch:
                served.gate.release()
            elif served.streams == 1:
                self._run(served, batch)
            else:
                self._streams.submit(self._run, served, batch)

    def _next_model(self) -> Served | None:
        """The version of the oldest item that waits; None when there will be none."""
        with self._changed:
            while not self._waiting:
                if self._closed and self._reserved == 0:
                    return None
                self._changed.wait(POLL)
            return self._waiting[0].call.served

    def _collect(self, served: Served) -> list[Ticket]:
        """The next batch of a version, after the wait for further items."""
        with self._changed:
            if not self._waiting:
                return []
            until = self._waiting[0].since + self.wait
            while self.arriving and len(self._waiting) < self.most_items and (left := until - monotonic()) > 0:
                self._changed.wait(left)
            fresh = [one for one in self._waiting if one.call.served is served and not one.is_prepared]
        failed = self._prepare_together(served, fresh)
        with self._changed:
            own = [one for one in self._waiting if one.call.served is served and one.is_prepared]
            batch = choose_batch([one for one in own if not one.call.dropped], self.most_items)
            gone = [one for one in self._waiting if one.call.dropped]
            taken = {one.number for one in (*batch, *gone, *failed)}
            self._waiting = deque(one for one in self._waiting if one.number not in taken)
            self._reserved -= len(taken)
            return batch

    def _prepare_together(self, served: Served, fresh: Sequence[Ticket]) -> list[Ticket]:
        """Prepare items that are cheap to prepare; those that cannot be read are answered, and returned."""
        if not fresh:
            return []
        failed = []
        found = prepared_items(served, [ticket.item for ticket in fresh])
        for ticket, item in zip(fresh, found, strict=True):
            if isinstance(item, ItemError):
                failed.append((ticket, {"error": str(item)}))
            else:
                ticket.item, ticket.is_prepared, ticket.bucket = item, True, served.length_class(item)
        self._deliver(failed)
        return [ticket for ticket, _ in failed]

    def _run(self, served: Served, batch: Sequence[Ticket]) -> None:
        """Run a batch through the body, and deliver its answers."""
        began = monotonic()
        try:
            self.observe(len(batch))
            found = answered(served, batch)
        except Exception as error:  # noqa: BLE001 (the thread must go on, and no request may wait in vain)
            found = [{"error": f"The model failed on this batch ({type(error).__name__})."}] * len(batch)
        finally:
            served.gate.release()
        seconds = (monotonic() - began) / len(batch)
        self._seconds += (seconds - self._seconds) * (SMOOTHING if self._seconds else 1.0)
        self._deliver(list(zip(batch, found, strict=True)))

    def _deliver(self, pairs: Sequence[tuple[Ticket, Answer]]) -> None:
        """Hand answers over to the event loops of their requests, once for each loop."""
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[int, Answer]]] = defaultdict(list)
        for ticket, answer in pairs:
            by_loop[ticket.call.loop].append((ticket.number, answer))
        for loop, numbered in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._take, numbered)
            except RuntimeError:  # the loop is closed, so nobody waits
                continue

    def _take(self, numbered: Sequence[tuple[int, Answer]]) -> None:
        for number, answer in numbered:
            ticket = self._asked.pop(number, None)
            if ticket is not None:
                ticket.call.take(ticket.position, answer)

    def close(self) -> None:
        """Answer what waits, take nothing more, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._owner is not None:
            self._owner.join()
        self._streams.shutdown()
        self._preparing.shutdown()
