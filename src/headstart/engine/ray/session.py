"""A quiet connection to Ray, without telemetry: to a running cluster, or to a temporary one on this machine."""

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

# Ray reads these when it is imported or started; values that the user has set are kept.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no usage statistics are sent
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # else Ray prints to standard output when a worker dies, which breaks --json
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
LOGGERS = ("ray", "ray.data")
ANSWER_SECONDS = 5.0

# The sessions that the outermost `keep_ray_open` closes.
_kept: ContextVar[ExitStack | None] = ContextVar("kept", default=None)


@contextmanager
def keep_ray_open() -> Iterator[None]:
    """Share one connection: the first `ray_session` inside the block stays open until the block ends.

    If there is none, nothing is opened.

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

    A session that this process has opened already is used and left open. A session that is opened inside
    `keep_ray_open` ends with that block.

    Args:
        address: ``"auto"`` for the cluster that is named by the environment variable RAY_ADDRESS or was started by
            ``ray start`` on this machine, else one that is started here and stopped afterwards; or a cluster's
            address, ``host:port``.
        workers: CPUs of a cluster that is started here; None for all of this machine.

    Yields:
        The module.

    Raises:
        MissingExtraError: if Ray is not installed.
        SourceError: if there is no cluster at the address.

    Examples:
        >>> with ray_session("nowhere", 2):
        ...     pass
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster at 'nowhere' (nothing answers there); ...
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
    """Whether a cluster is running at the address; for ``"auto"``, any cluster that this machine knows of.

    Raises:
        SourceError: if an address was named and nothing answers; Ray itself would wait for minutes.
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
        f"There is no Ray cluster at '{address}' ({reason}); give the address of its head node as host:port, or 'auto' "
        "for the one that runs on this machine."
    )


def _last_started() -> str:
    """The address that ``ray start`` recorded on this machine, or an empty string; the cluster may be gone."""
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or tempfile.gettempdir()
    path = Path(folder) / "ray" / "ray_current_cluster"
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return ""  # another user's cluster could run its code as this user
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _answers(address: str) -> bool:
    """Whether anything listens at ``host:port``."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS):
            return True
    except (OSError, ValueError, OverflowError):
        return False


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Restore the handler of SIGTERM, which Ray replaces and never restores."""
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
    """Silence standard error, to which Ray's C++ core prints the log level that it was given."""
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
