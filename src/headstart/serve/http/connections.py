"""uvicorn as it is used here: connections whose headers do not arrive are closed, and signals end it quietly."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["QuietServer", "protocol_of"]


class QuietServer(uvicorn.Server):
    """A server that finishes its requests on SIGINT and SIGTERM, and then returns; a second SIGINT ends it at once.

    Attributes:
        signal: the number of the signal that ended it; 0 before.

    Examples:
        >>> QuietServer(uvicorn.Config(None)).signal
        0
    """

    signal = 0

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while it serves; unlike uvicorn's, it does not raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal, and finish."""
        self.signal = self.signal or sig
        super().handle_exit(sig, frame)


class _Timed(H11Protocol):
    """HTTP/1.1 with a bound on the time until the headers of a request are complete."""

    seconds = 20.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._start()  # a part of the headers, or of a body that nobody reads any more
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.seconds, self._close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and not self.transport.is_closing():
            self.transport.abort()


def protocol_of(seconds: float) -> type[Any]:
    """The protocol of uvicorn that closes connections whose headers take longer than this.

    Args:
        seconds: from the connection, or the first byte of a further request, to the end of its headers.

    Examples:
        >>> protocol_of(5.0).seconds
        5.0
    """
    return type("TimedH11", (_Timed,), {"seconds": seconds})
