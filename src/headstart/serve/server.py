"""The process of a server: uvicorn, slow clients, signals."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from headstart.errors import HeadstartError, UsageError
from headstart.serve.application import check_extra, create_app
from headstart.serve.on_ray import serve_on_ray
from headstart.serve.options import ServeOptions
from headstart.serve.workers import run_workers

if TYPE_CHECKING:
    from headstart.serve.http.connections import QuietServer

__all__ = ["bound_socket", "serve", "server_of"]

HEADER_BYTES = 16 * 1024
GRACE = 10  # seconds beyond the deadline of requests that a shutdown waits for them
KEEP_ALIVE = 15  # seconds that an idle connection stays open


def bound_socket(options: ServeOptions) -> socket.socket:
    """A socket that is bound to the host and port.

    Raises:
        UsageError: if the port is taken, or the host is not one of this machine.

    Examples:
        >>> with bound_socket(ServeOptions(port=0)) as found:
        ...     found.getsockname()[0]
        '127.0.0.1'
    """
    try:
        family, kind, number, _, place = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, number)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(place)
        except OSError:
            found.close()
            raise
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"Cannot listen on {options.host}, port {options.port}: {reason}; choose another with --port or --host."
        ) from error
    return found


def server_of(app: Any, options: ServeOptions) -> QuietServer:
    """The server of an application, with bounds on headers, connections and slow clients.

    Args:
        app: an ASGI application.
        options: host, port and limits.

    Examples:
        >>> server_of(None, ServeOptions()).config.h11_max_incomplete_event_size
        16384
    """
    import uvicorn

    from headstart.serve.http.connections import QuietServer, protocol_of

    limits = options.limits
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        http=protocol_of(limits.read),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        backlog=limits.connections,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(limits.deadline) + GRACE,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
    return QuietServer(config)


def serve(run: str | Path, options: ServeOptions | None = None, *, ready: Callable[[str], None] = print) -> int:
    """Serve the model of a run folder until the process is interrupted or terminated; requests in flight are answered.

    Returns:
        The number of the signal that ended it.

    Args:
        run: the run folder.
        options: how it is served; default: on this machine alone.
        ready: called with the URL when the model is loaded and the port is open.

    Raises:
        NoModelError: if the folder is not a model.
        UsageError: if the port is taken.
        MissingExtraError: without the extra ``serve``.

    Examples:
        >>> serve("no-such-run")
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'no-such-run' is not a model folder (there is no such folder); ...
    """
    options = options or ServeOptions()
    check_extra()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    with bound_socket(options) as found:

        def listen(app: Any) -> int:
            server = server_of(app, options)
            found.listen(options.limits.connections)  # from now on clients are not refused, but wait
            ready(url_of(found))
            server.run(sockets=[found])
            return server.signal

        if options.ray is not None:
            return serve_on_ray(Path(run), options, options.ray, listen)
        if options.workers > 1:
            found.listen(options.limits.connections)
            return run_workers(Path(run), options, found, work=serve_in_process, ready=lambda: ready(url_of(found)))
        return listen(create_app(run, options))


def serve_in_process(run: Path, options: ServeOptions, found: socket.socket, pipe: Connection) -> None:
    """What one of several processes does.

    Args:
        run: the run folder.
        options: how it is served.
        found: the bound socket that the processes share.
        pipe: receives an empty message when the model is loaded, or the reason why it could not be.

    Examples:
        >>> from multiprocessing import Pipe
        >>> here, there = Pipe(duplex=False)
        >>> with socket.socket() as found:
        ...     serve_in_process(Path("no-such-run"), ServeOptions(), found, there)
        >>> here.recv_bytes()[:37]
        b"'no-such-run' is not a model folder ("
    """
    _follow_parent()
    try:
        server = server_of(create_app(run, options), options)
    except HeadstartError as error:
        pipe.send_bytes(str(error).encode())
        return
    pipe.send_bytes(b"")
    pipe.close()
    server.run(sockets=[found])


def _follow_parent() -> None:
    """Leave Ctrl-C to the process that started this one, and end when that one does, however it ends."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="headstart-parent", daemon=True).start()


def url_of(found: socket.socket) -> str:
    """Where a bound socket is reached."""
    host, port = found.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
