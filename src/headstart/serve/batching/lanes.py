"""Work that takes long, in threads of its own: the event loop goes on, and only so much waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from headstart.serve.batching.calls import BusyError

__all__ = ["Lane"]

P = ParamSpec("P")
T = TypeVar("T")
MOST_WAITING = 32


class Lane:
    """A few threads, and a bound on what waits for them.

    Args:
        name: of the threads.
        threads: how many.

    Examples:
        >>> lane = Lane("sums", 1)
        >>> asyncio.run(lane.run(5.0, sum, [1, 2]))
        3
        >>> lane.close()
    """

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"headstart-{name}")
        self._pending = 0

    async def run(self, deadline: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a function; after the deadline nobody waits for it, but it runs to its end.

        Raises:
            BusyError: if too much waits.
            TimeoutError: after the deadline, in seconds.
        """
        if self._pending >= MOST_WAITING:
            raise BusyError(5)
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))
        future.add_done_callback(self._done)
        async with asyncio.timeout(deadline):
            return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[T]) -> None:
        self._pending -= 1
        if not future.cancelled():
            future.exception()  # is looked at, so that none is reported as never retrieved

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown(cancel_futures=True)
