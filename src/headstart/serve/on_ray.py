"""The application as replicas on a Ray cluster, by Ray Serve; each replica has its own model.

The replicas share the run folder and the store of feedback. On one machine the default store will do; replicas on
several machines need the run folder under the same path and a database that all of them reach (``--store URL``).
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

from headstart.engine.ray.session import ray_session
from headstart.errors import HeadstartError, MissingExtraError, UsageError
from headstart.model.files.version_files import version_folder
from headstart.serve.options import ServeOptions

__all__ = ["deployment_of", "serve_on_ray"]

NAME = "headstart"
ONGOING = 256  # requests that a replica has at once, of which batches are made
POLL = 0.5  # seconds between looks for a signal


def deployment_of(run: Path, options: ServeOptions) -> Any:
    """The application of Ray Serve; any Ray Serve can run it, as with ``serve.run(deployment_of(run, options))``.

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

    def build() -> Any:
        from headstart.serve.application import create_app

        return create_app(run, options)

    ingress = serve.ingress(build)()
    settings = serve.deployment(
        name=NAME,
        num_replicas=options.workers,
        max_ongoing_requests=ONGOING,
        ray_actor_options={"num_cpus": 1},
        graceful_shutdown_timeout_s=options.limits.deadline,
    )
    return settings(ingress).bind()


def serve_on_ray(run: Path, options: ServeOptions, address: str, port: int, ready: Callable[[], None]) -> int:
    """Deploy the application on a Ray cluster, and keep it there until a signal comes.

    Args:
        run: the run folder, under the same path on all machines.
        options: how it is served.
        address: of the cluster, as in `headstart.engine.ray.session.ray_session`.
        port: on which the proxy of Ray Serve listens.
        ready: called when all replicas have loaded the model.

    Returns:
        The number of the signal.

    Raises:
        NoModelError: if the folder is not a model.
        SourceError: if there is no cluster at the address.
        UsageError: if the cluster serves such an application already.
        HeadstartError: if the replicas cannot be started.

    Examples:
        >>> serve_on_ray(Path("no-such-run"), ServeOptions(), "auto", 8000, print)
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'no-such-run' is not a model folder (it has no config.json); ...
    """
    if not (version_folder(run) / "config.json").is_file():
        version_folder(run, 2)  # raises: it is not a model folder
    run, ended, numbers = run.resolve(), Event(), []

    def end(number: int, _frame: FrameType | None) -> None:
        numbers.append(number)
        ended.set()

    with ray_session(address, options.workers):
        application = deployment_of(run, options)
        from ray import serve as api

        serve: Any = api  # parts of it have no types
        logging.getLogger("ray.serve").setLevel(logging.CRITICAL)
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            serve.start(http_options={"host": options.host, "port": port})
            with deployed(serve, application):
                if not ended.is_set():
                    ready()
                while not ended.wait(POLL):
                    pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return numbers[0] if numbers else 0


@contextmanager
def deployed(serve: Any, application: Any) -> Iterator[None]:
    """Keep an application on a cluster while the block runs; other applications there go on.

    Args:
        serve: the module ``ray.serve``, started.
        application: of `deployment_of`.

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
            serve.run(application, name=NAME, route_prefix="/")
        except Exception as error:  # whatever Ray or a replica raises
            reason = " ".join(str(error).split())[:300]
            raise HeadstartError(f"The replicas on Ray did not start: {reason}") from error
        yield
    finally:
        with suppress(Exception):  # the cluster may be gone
            serve.delete(NAME)
            if not serve.status().applications:
                serve.shutdown()
