"""One request while it waits for its answers, and the items of it that wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from headstart.serve.batching.annotator import Served
from headstart.serve.batching.served import AnswerOptions

__all__ = ["Answer", "BusyError", "Call", "ClosedError", "Ticket"]

Answer = dict[str, Any]
"""What the model says of an item; ``{"error": reason}`` if it cannot be read."""


class BusyError(Exception):
    """There is no room for the items of a request; it may be sent again after a while.

    Args:
        seconds: until there may be room.

    Examples:
        >>> BusyError(2).seconds
        2
    """

    def __init__(self, seconds: int) -> None:
        super().__init__("The server is busy.")
        self.seconds = seconds


class ClosedError(Exception):
    """The server is shutting down and takes no more requests.

    Examples:
        >>> print(ClosedError("closing"))
        closing
    """


@dataclass(eq=False)
class Call:
    """A request with n items.

    Attributes:
        served: the version that answers all of its items.
        options: what its answers hold.
        answers: (n,) the answers so far, by position.
        future: resolved when all answers are there.
        loop: the event loop of the future.
        dropped: whether nobody waits for it any more.
        remaining: how many answers are missing.

    Examples:
        >>> async def answered():
        ...     call = Call.of(served=None, options=AnswerOptions(), count=2)
        ...     call.take(1, {"label": "down"})
        ...     call.take(0, {"label": "up"})
        ...     return await call.future
        >>> asyncio.run(answered())
        [{'label': 'up'}, {'label': 'down'}]
    """

    served: Served
    options: AnswerOptions
    answers: list[Answer | None]
    future: asyncio.Future[list[Answer]]
    loop: asyncio.AbstractEventLoop
    dropped: bool = False
    remaining: int = 0

    @classmethod
    def of(cls, served: Served, options: AnswerOptions, count: int) -> Call:
        """A call with ``count`` items, in the running event loop."""
        loop = asyncio.get_running_loop()
        return cls(served, options, [None] * count, loop.create_future(), loop, remaining=count)

    def take(self, position: int, answer: Answer) -> None:
        """Keep the answer of one item; in the event loop only."""
        if self.answers[position] is not None:
            raise AssertionError("an item was answered twice")
        self.answers[position] = answer
        self.remaining -= 1
        if self.remaining == 0 and not self.future.done():
            self.future.set_result([one for one in self.answers if one is not None])


@dataclass(eq=False)
class Ticket:
    """One item that waits.

    Attributes:
        number: unique among all items of this process; its answer is keyed by it.
        call: the request that it belongs to.
        position: its place among the items of the request.
        item: the item as it was sent, or as the body reads it.
        is_prepared: which of the two.
        bucket: items of the same bucket run together best: the padded length of a text, once it is prepared.
        since: when it began to wait, in seconds of the monotonic clock.

    Examples:
        >>> Ticket(0, None, 0, "a text", is_prepared=False).bucket
        0
    """

    number: int
    call: Call
    position: int
    item: Any
    is_prepared: bool
    bucket: int = 0
    since: float = field(default_factory=monotonic)
