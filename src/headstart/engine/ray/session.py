"""A quiet connection to Ray, without telemetry: to a cluster that runs, or one of this machine for the time of work."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from headstart.errors import MissingExtraError, SourceError

__all__ = ["keep_ray_open", "ray_session"]

# Read by Ray when it is imported or started; what the user has set himself stays.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # Ray prints on standard output when a worker dies, in the middle of --json
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
LOGGERS = ("ray", "ray.data")
ANSWER_SECONDS = 5.0

_kept: ContextVar[ExitStack | None] = ContextVar("kept", default=None)  # what ends with the outermost `keep_ray_open`


@contextmanager
def keep_ray_open() -> Iterator[None]:
    """Several works, one connection: what the first `ray_session` within opens stays open until the end of this.

    Without any, nothing is opened.

    Examples:
        >>> with keep_ray_open():
        ...     pass
    """
    with ExitStack() as stack:
        token = _kept.set(_kept.get() or stack)
        stack.callback(lambda: _kept.reset(token))
        yield


@contextmanager
def ray_session(address: str, workers: int | None) -> Iterator[Any]:
    """The module ``ray``, connected.

    A session that this process has opened already is used as it is and left open; one that is opened within
    `keep_ray_open` ends with that.

    Args:
        address: ``"auto"`` for the cluster that the environment variable RAY_ADDRESS or ``ray start`` on this machine
            tells of, else one that is started here and stopped afterwards; or a cluster's address, ``host:port``.
        workers: CPUs of a cluster that is started here; None for those of this machine.

    Yields:
        The module.

    Raises:
        MissingExtraError: if Ray is not installed.
        SourceError: if there is no cluster at the address.

    Examples:
        >>> with ray_session("nowhere", 2):
        ...     pass
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster to be had at 'nowhere' (nothing answers there); ...
    """
    running = _find(address)
    if find_spec("ray") is None:
        raise MissingExtraError("Spreading the work over Ray", "ray")
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    with ExitStack() as stack:
        if not ray.is_initialized():
            lasting = _kept.get() or stack
            lasting.enter_context(_sigterm_kept())
            with _standard_error_closed():
                _connect(ray, address if running else "", workers)
            lasting.callback(ray.shutdown)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Ray 2.60 sets a setting that it calls deprecated
            import ray.data

            ray.data.DataContext.get_current()
        stack.enter_context(_loggers_quiet())
        yield ray


def _find(address: str) -> bool:
    """Whether a cluster runs at the address, or for ``"auto"`` anywhere that this machine knows of.

    Raises:
        SourceError: where one was named and nothing answers: Ray itself would wait for minutes.
    """
    named = os.environ.get("RAY_ADDRESS") if address == "auto" else address
    if named and not _answers(named):
        raise _no_cluster(named, "nothing answers there")
    return bool(named) or _answers(_last_started())


def _connect(ray: ModuleType, address: str, workers: int | None) -> None:
    options = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if not address:
        ray.init(address="local", num_cpus=workers, include_dashboard=False, **options)
        return
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, " ".join(str(error).split())[:300]) from None


def _no_cluster(address: str, reason: str) -> SourceError:
    return SourceError(
        f"There is no Ray cluster to be had at '{address}' ({reason}); give the address of its head as host:port, or "
        "'auto' for the one that runs on this machine."
    )


def _last_started() -> str:
    """The address that ``ray start`` left on this machine, or nothing; the cluster may be gone."""
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or tempfile.gettempdir()
    path = Path(folder) / "ray" / "ray_current_cluster"
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return ""  # what another user's cluster sends back must not run as this one
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _answers(address: str) -> bool:
    """Whether somebody listens at ``host:port``."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS):
            return True
    except (OSError, ValueError, OverflowError):
        return False


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Ray takes over SIGTERM and never gives it back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _standard_error_closed() -> Iterator[None]:
    """Ray's C++ part says on standard error which level of messages it was told to keep silent about."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _loggers_quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
