"""Requests that another process answers: each is read whole, within the bounds of the guard, and sent on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headstart.serve.http.errors import RequestError
from headstart.serve.http.guard import HEADERS

__all__ = ["Forwarding", "WholeAnswer", "WholeRequest", "answered_by"]

LONG_PATHS = ("/teach", "/rollback")  # they change the model
SECRET = b"authorization"  # checked by the guard, and not sent on
GRACE = 5.0  # seconds beyond a deadline that the other process itself keeps


@dataclass(frozen=True)
class WholeRequest:
    """A request, read to its end.

    Attributes:
        method: of HTTP.
        path: without the query, decoded.
        query: as it was sent.
        headers: names in lower case, and values.
        body: all of it.
        scheme: ``"http"``, or that of the proxy.

    Examples:
        >>> WholeRequest("GET", "/health").body
        b''
    """

    method: str
    path: str
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    scheme: str = "http"


@dataclass(frozen=True)
class WholeAnswer:
    """An answer.

    Attributes:
        status: of HTTP.
        headers: names in lower case, and values.
        body: all of it.

    Examples:
        >>> WholeAnswer(200).headers
        ()
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


async def answered_by(app: ASGIApp, asked: WholeRequest) -> WholeAnswer:
    """The answer of an application to a request.

    Args:
        app: an ASGI application.
        asked: the request.

    Examples:
        >>> from starlette.responses import PlainTextResponse
        >>> asyncio.run(answered_by(PlainTextResponse("hello"), WholeRequest("GET", "/"))).body
        b'hello'
    """
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": asked.method, "path": asked.path,
        "raw_path": asked.path.encode("utf-8", "replace"), "query_string": asked.query, "root_path": "",
        "headers": list(asked.headers), "scheme": asked.scheme, "client": None, "server": None,
    }  # fmt: skip
    given: list[Message] = [{"type": "http.request", "body": asked.body, "more_body": False}]
    status, headers, parts = 0, (), []

    async def receive() -> Message:
        return given.pop() if given else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], tuple(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            parts.append(bytes(message.get("body", b"")))

    await app(scope, receive, send)
    return WholeAnswer(status, headers, b"".join(parts))


class Forwarding:
    """An ASGI application that has each request answered elsewhere.

    Args:
        call: gives the answer; raises a `RequestError` where there is none.
        deadline: seconds until a request is given up with 504.
        long: the same for what changes the model.

    Examples:
        >>> async def call(asked):
        ...     return WholeAnswer(200, body=asked.path.encode())
        >>> asyncio.run(answered_by(Forwarding(call, deadline=5.0, long=60.0), WholeRequest("GET", "/health"))).body
        b'/health'
    """

    def __init__(self, call: Callable[[WholeRequest], Awaitable[WholeAnswer]], *, deadline: float, long: float) -> None:
        self.call, self.deadline, self.long = call, deadline, long

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        headers = tuple((name, value) for name, value in scope["headers"] if name != SECRET)
        asked = WholeRequest(
            scope["method"], scope["path"], scope["query_string"], headers, await _body(receive), scope["scheme"]
        )
        seconds = self.long if asked.path in LONG_PATHS else self.deadline
        try:
            async with asyncio.timeout(seconds + GRACE):
                told = await self.call(asked)
        except TimeoutError:
            raise RequestError(504, f"There was no answer within {seconds:g} seconds.", {"Retry-After": "5"}) from None
        added = {name for name, _ in HEADERS}  # by the guards of both processes
        kept = [(name, value) for name, value in told.headers if name not in added]
        await send({"type": "http.response.start", "status": told.status, "headers": kept})
        await send({"type": "http.response.body", "body": told.body})


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _live(receive: Receive, send: Send) -> None:
    """Start and end at once: there is nothing to prepare."""
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})
