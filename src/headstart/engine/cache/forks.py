"""Safety after a fork: a child has its parent's memory but none of its threads, so waiting for a thread would hang."""

from __future__ import annotations

import ctypes
import os
from threading import RLock
from types import TracebackType
from typing import Protocol
from weakref import WeakSet

__all__ = ["ForkSafeLock", "Forked", "abandon", "is_forked", "limit_threads_in_fork", "renew_after_fork"]


class Forked(Protocol):
    """An object with threads, or with locks that other threads may hold.

    Examples:
        >>> class Pool:
        ...     def after_fork(self) -> None: ...
        >>> pool: Forked = Pool()
    """

    def after_fork(self) -> None:
        """Reset the object in a child; called before anything else runs there."""


_held: WeakSet[Forked] = WeakSet()  # objects to reset in a child
_limited = False  # whether OpenMP was limited in this process
_child = False  # whether this process is a forked child


def renew_after_fork(holder: Forked) -> None:
    """Have ``holder.after_fork`` called in each child that is forked while the holder lives.

    Args:
        holder: the object; only a weak reference to it is kept.

    Examples:
        >>> import threading
        >>> class Pool:
        ...     def after_fork(self) -> None:
        ...         self.lock = threading.Lock()
        >>> renew_after_fork(Pool())
    """
    _held.add(holder)


class ForkSafeLock:
    """A reentrant lock that is free in a forked child, whichever thread of the parent held it.

    Examples:
        >>> lock = ForkSafeLock()
        >>> with lock, lock:
        ...     print("held twice by one thread")
        held twice by one thread
    """

    def __init__(self) -> None:
        self._lock = RLock()
        renew_after_fork(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def after_fork(self) -> None:
        """Replace the lock: a thread that does not exist here may hold it."""
        self._lock = RLock()


def is_forked() -> bool:
    """Whether this process was forked after this module was imported.

    Examples:
        >>> is_forked()
        False
    """
    return _child


def abandon(value: object) -> None:
    """Never destroy a value, not even at exit: its destructor would wait for threads that do not exist.

    Args:
        value: an object that a child has inherited from its parent.

    Examples:
        >>> import sys
        >>> value = []
        >>> before = sys.getrefcount(value)
        >>> abandon(value)
        >>> sys.getrefcount(value) - before
        1
    """
    # A reference that nobody releases: the count never reaches zero.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


def limit_threads_in_fork() -> None:
    """In a forked child, limit OpenMP to one thread; elsewhere do nothing.

    GNU OpenMP, which torch and scikit-learn use, would hand work to the threads of the parent's pool and hang.

    References:
        https://gcc.gnu.org/bugzilla/show_bug.cgi?id=58378

    Examples:
        >>> limit_threads_in_fork()
    """
    global _limited  # noqa: PLW0603 - once per process
    if _child and not _limited:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

        threadpool_limits(1, user_api="openmp")
        _limited = True


def _after_fork_in_child() -> None:
    global _child, _limited
    _child, _limited = True, False
    for holder in list(_held):
        holder.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
