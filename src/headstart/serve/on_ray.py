"""The application as replicas on a Ray cluster, by Ray Serve; each replica has its own model.

One process in front listens, and has each request answered by a replica. So who may send what, the size of a body and
the time that it takes are bounded as on one machine, before Ray sees the request; Ray's own HTTP proxies would read
bodies without a bound. The token stays in front: neither it nor a request's header with it is sent to a replica.

The replicas share the run folder and the store of feedback. On one machine the default store will do; replicas on
several machines need the run folder under the same path and a database that all of them reach (``--store URL``).
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from headstart.engine.ray.session import ray_session
from headstart.errors import HeadstartError, MissingExtraError, UsageError
from headstart.model.files.version_files import version_folder
from headstart.serve.options import ServeOptions

if TYPE_CHECKING:
    from headstart.serve.http.forwarding import WholeAnswer, WholeRequest

__all__ = ["Replica", "deployment_of", "front_of", "replica_options", "serve_on_ray"]

NAME = "headstart"
ONGOING = 256  # requests that a replica has at once, of which batches are made
LONG = 600.0  # seconds for what changes the model
CHANGING = ("/feedback", "/teach", "/rollback", "/webhook")  # not repeated where a replica ends in the middle
TRIES = 4  # replicas that are asked


def replica_options(options: ServeOptions) -> ServeOptions:
    """The options of a replica, which the front has admitted all requests for: without the token.

    Args:
        options: of the server.

    Examples:
        >>> replica_options(ServeOptions(token="0123456789abcdef")).token
        ''
    """
    return replace(options, token="", host="0.0.0.0", open=True, hosts=())  # noqa: S104 (a replica listens nowhere)


class Replica:
    """What a process of Ray Serve runs: the application, asked by calls instead of HTTP.

    Args:
        run: the run folder.
        options: of `replica_options`.

    Examples:
        >>> import asyncio, tempfile
        >>> from headstart import zero_shot
        >>> from headstart.serve.http.forwarding import WholeRequest
        >>> run = zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp())
        >>> replica = Replica(run, replica_options(ServeOptions()))
        >>> asyncio.run(replica.answer(WholeRequest("GET", "/health"))).status
        200
    """

    def __init__(self, run: Path, options: ServeOptions) -> None:
        from headstart.serve.application import create_app

        self._app = create_app(run, options)
        self._watching: asyncio.Task[None] | None = None

    async def answer(self, asked: WholeRequest) -> WholeAnswer:
        """The answer to a request."""
        from headstart.serve.http.forwarding import answered_by

        if self._watching is None:  # a replica has no event loop of its own before
            serving = self._app.state.serving
            self._watching = asyncio.create_task(serving.watch())
            await asyncio.to_thread(serving.follow)
        return await answered_by(self._app, asked)


def deployment_of(run: Path, options: ServeOptions) -> Any:
    """The application of Ray Serve, which is asked by its handle and has no route of HTTP.

    Args:
        run: the run folder, under the same path on all machines.
        options: how it is served; ``workers`` is the number of replicas.

    Raises:
        MissingExtraError: without the extra ``ray-serve``.

    Examples:
        >>> deployment_of(Path("run"), ServeOptions()).__class__.__name__     # doctest: +SKIP
        'Application'
    """
    try:
        from ray import serve
    except ImportError as error:
        raise MissingExtraError("Serving on a Ray cluster", "ray-serve") from error

    settings = serve.deployment(
        name=NAME,
        num_replicas=options.workers,
        max_ongoing_requests=ONGOING,
        ray_actor_options={"num_cpus": 1},
        graceful_shutdown_timeout_s=options.limits.deadline,
    )
    return settings(Replica).bind(run, replica_options(options))


def front_of(handle: Any, options: ServeOptions, lost: tuple[type[Exception], ...]) -> Any:
    """The ASGI application that listens: the guard, and behind it the replicas.

    Args:
        handle: of Ray Serve.
        options: of the server.
        lost: what is raised where a replica is gone, or none is free.

    Examples:
        >>> front_of(None, ServeOptions(), ()).options.port
        8000
    """
    from headstart.serve.http.errors import RequestError
    from headstart.serve.http.forwarding import Forwarding
    from headstart.serve.http.guard import Guard
    from headstart.serve.http.meters import Meters

    async def call(asked: WholeRequest) -> Any:
        for _ in range(1 if asked.path in CHANGING else TRIES):
            with suppress(*lost):
                return await handle.answer.remote(asked)
        raise RequestError(503, "A replica of the server has ended; try again.", {"Retry-After": "1"})

    return Guard(Forwarding(call, deadline=options.limits.deadline, long=LONG), options=options, meters=Meters())


def serve_on_ray(run: Path, options: ServeOptions, address: str, listen: Callable[[Any], int]) -> int:
    """Deploy the application on a Ray cluster, and keep it there until a signal comes.

    Args:
        run: the run folder, under the same path on all machines.
        options: how it is served.
        address: of the cluster, as in `headstart.engine.ray.session.ray_session`.
        listen: called with the application in front when all replicas have loaded the model; serves it until a signal
            comes, and returns its number.

    Returns:
        The number of the signal.

    Raises:
        NoModelError: if the folder is not a model.
        SourceError: if there is no cluster at the address.
        UsageError: if the cluster serves such an application already.
        HeadstartError: if the replicas cannot be started.

    Examples:
        >>> serve_on_ray(Path("no-such-run"), ServeOptions(), "auto", id)
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'no-such-run' is not a model folder (there is no such folder); ...
    """
    if not (version_folder(run) / "config.json").is_file():
        version_folder(run, 2)  # raises: it is not a model folder
    run, numbers = run.resolve(), []

    def end(number: int, _frame: FrameType | None) -> None:
        numbers.append(number)

    with ray_session(address, options.workers):
        application = deployment_of(run, options)
        from ray import serve as api
        from ray.exceptions import RayActorError
        from ray.serve.exceptions import RayServeException

        serve: Any = api  # parts of it have no types
        logging.getLogger("ray.serve").setLevel(logging.CRITICAL)
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            serve.start(proxy_location="Disabled")  # those of a Serve that runs already have no route to this
            with deployed(serve, application) as handle:
                lost = (RayActorError, RayServeException)
                return numbers[0] if numbers else listen(front_of(handle, options, lost))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def deployed(serve: Any, application: Any) -> Iterator[Any]:
    """Keep an application on a cluster while the block runs; other applications there go on.

    Args:
        serve: the module ``ray.serve``, started.
        application: of `deployment_of`.

    Yields:
        Its handle.

    Raises:
        UsageError: if there is one already.
        HeadstartError: if its replicas cannot be started.

    Examples:
        >>> from types import SimpleNamespace
        >>> busy = SimpleNamespace(status=lambda: SimpleNamespace(applications={"headstart": None}))
        >>> with deployed(busy, None):
        ...     pass
        Traceback (most recent call last):
        headstart.errors.UsageError: An application 'headstart' runs on this Ray cluster already; ...
    """
    if NAME in serve.status().applications:
        raise UsageError(
            f"An application '{NAME}' runs on this Ray cluster already; end that server first, or name another cluster "
            "with --ray."
        )
    try:
        try:
            handle = serve.run(application, name=NAME, route_prefix=None)
        except Exception as error:  # whatever Ray or a replica raises
            reason = " ".join(str(error).split())[:300]
            raise HeadstartError(f"The replicas on Ray did not start: {reason}") from error
        yield handle
    finally:
        with suppress(Exception):  # the cluster may be gone
            serve.delete(NAME)
            if not serve.status().applications:
                serve.shutdown()
