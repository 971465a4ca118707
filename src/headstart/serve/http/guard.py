"""The first to see a request: who may send it, how large and how slow it may be, and what becomes of an error."""

from __future__ import annotations

import asyncio
import hmac
import logging
from time import monotonic, perf_counter
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headstart.serve.http.errors import RequestError
from headstart.serve.http.meters import Meters
from headstart.serve.options import LOOPBACK, ServeOptions

__all__ = ["Guard", "host_name"]

LOG = logging.getLogger("headstart.serve")
OPEN_PATHS = (
    "/",
    "/health",
    "/ping",
    "/v2/health/live",
    "/v2/health/ready",
)  # they tell nothing about the model's data
OPEN_FOLDER = "/page/"
SAFE_METHODS = ("GET", "HEAD")
MOST_DIGITS = 20  # of Content-Length that are read: more are too many bytes, too
UNKNOWN = "unmatched"  # the route, for metrics, of a path that there is none for
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
CLOSE = ((b"connection", b"close"),)


def host_name(value: str) -> str:
    """The name in a Host header, without its port, in lower case; empty if it is not valid.

    Examples:
        >>> host_name("LOCALHOST:8000"), host_name("[::1]:8000"), host_name("a@b")
        ('localhost', '::1', '')
    """
    try:
        parts = urlsplit(f"//{value}")
        parts.port  # noqa: B018 (raises for an invalid one)
        return "" if "@" in value or parts.path or parts.query else (parts.hostname or "")
    except ValueError:
        return ""


class _Exchange:
    """The state of one request: what was received of it, and what was answered."""

    def __init__(self) -> None:
        self.status = 0
        self.received = 0
        self.is_read = False
        self.is_late = False
        self.began = monotonic()


class Guard:
    """ASGI middleware around the application.

    Args:
        app: the application.
        options: of the server.
        meters: what counts requests.

    Examples:
        >>> from starlette.applications import Starlette
        >>> from starlette.testclient import TestClient
        >>> app = Guard(Starlette(), options=ServeOptions(), meters=Meters())
        >>> TestClient(app, base_url="http://evil.com").get("/health").json()
        {'error': "The host 'evil.com' is not served here; open it as 127.0.0.1, or allow it with --host-name."}
    """

    def __init__(self, app: ASGIApp, *, options: ServeOptions, meters: Meters) -> None:
        self.app, self.options, self.meters = app, options, meters
        self.held = 0  # bytes of all bodies
        self._token = b"Bearer " + options.token.encode()
        self._hosts = {*LOOPBACK, options.host.lower(), *(host.lower() for host in options.hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        began, exchange = perf_counter(), _Exchange()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), *HEADERS, *(CLOSE if exchange.is_late else ())]
            await send(message)

        try:
            self._admit(scope)
            await self.app(scope, self._bounded(exchange, receive), answer)
        except RequestError as error:
            await self._refuse(error, exchange, scope, receive, answer)
        except ClientDisconnect:
            exchange.status = exchange.status or 499
        except Exception as error:  # noqa: BLE001 (no traceback reaches a client)
            LOG.error("%s of %s failed: %s: %s", scope["method"], _route(scope), type(error).__name__, error)
            failed = RequestError(500, "The server failed on this request; its log says why.")
            await self._refuse(failed, exchange, scope, receive, answer)
        finally:
            self.held -= exchange.received
            self.meters.answered(_route(scope), exchange.status, perf_counter() - began)

    async def _refuse(
        self, error: RequestError, exchange: _Exchange, scope: Scope, receive: Receive, answer: Send
    ) -> None:
        if exchange.status:  # too late: the answer has begun
            return
        if not exchange.is_read and scope["method"] not in SAFE_METHODS:
            error.headers["Connection"] = "close"  # the rest of the body is not read
        await error.answer()(scope, receive, answer)

    def _admit(self, scope: Scope) -> None:
        """Raise unless the request may be served; by its headers alone."""
        given = {name: value.decode("latin-1") for name, value in scope["headers"]}
        self._check_host(given.get(b"host", ""))
        if scope["method"] not in SAFE_METHODS:
            self._check_origin(given)
        path = scope["path"]
        if self.options.token and not (path in OPEN_PATHS or path.startswith(OPEN_FOLDER)):
            self._check_token(given)
        length = given.get(b"content-length", "0")
        if length.isdecimal() and int(length[:MOST_DIGITS]) > self.options.limits.body_bytes:
            raise self._too_large()
        if given.get(b"content-encoding", "identity").lower() != "identity":
            raise RequestError(415, "Compressed bodies are not read; send the body as it is.")

    def _check_host(self, given: str) -> None:
        """On the loopback address, refuse other names: a page of another site could have them resolve to it."""
        if not self.options.is_local and not self.options.hosts:
            return
        if host_name(given) not in self._hosts:
            raise RequestError(
                403,
                f"The host '{given[:80]}' is not served here; open it as 127.0.0.1, or allow it with --host-name.",
            )

    def _check_origin(self, given: dict[bytes, str]) -> None:
        """Refuse what a page of another site sends: a browser names that site in Origin."""
        origin = given.get(b"origin")
        if origin is None:
            return
        if origin.partition("://")[2].lower() != given.get(b"host", "").lower():
            raise RequestError(403, "Requests from pages of other sites are not served.")

    def _check_token(self, given: dict[bytes, str]) -> None:
        sent = given.get(b"authorization", "").encode("latin-1")
        if not hmac.compare_digest(sent, self._token):
            raise RequestError(
                401, "A token is needed: send the header 'Authorization: Bearer TOKEN'.", {"WWW-Authenticate": "Bearer"}
            )

    def _too_large(self) -> RequestError:
        most = self.options.limits.body_bytes
        return RequestError(413, f"The body may have at most {most} bytes; send fewer items at a time.")

    def _bounded(self, exchange: _Exchange, receive: Receive) -> Receive:
        """``receive`` within the bounds on time and size."""
        limits = self.options.limits

        async def bounded() -> Message:
            if exchange.is_read:
                return await receive()
            left = exchange.began + limits.read - monotonic()
            try:
                async with asyncio.timeout(max(left, 0)):
                    message = await receive()
            except TimeoutError:
                exchange.is_late = True  # the rest is not waited for
                raise RequestError(408, f"The body did not arrive within {limits.read:g} seconds.") from None
            if message["type"] != "http.request":
                return message
            size = len(message.get("body", b""))
            exchange.received += size
            self.held += size
            exchange.is_read = not message.get("more_body", False)
            if exchange.received > limits.body_bytes:
                raise self._too_large()
            if self.held > limits.bodies_bytes:
                raise RequestError(503, "The server is busy with other bodies; try again.", {"Retry-After": "1"})
            return message

        return bounded


def _route(scope: Scope) -> str:
    """The path of the matched route, with its placeholders."""
    return str(getattr(scope.get("route"), "path", UNKNOWN))
