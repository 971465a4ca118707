"""The process of a command: signals, warnings and uncaught errors each give one sentence, never a traceback."""

# Nothing heavy is imported here: until the handlers are installed, Ctrl-C prints a traceback.
from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from types import FrameType
from typing import TextIO

__all__ = ["Terminated", "began", "discard_output", "install_handlers", "mark_ending", "show_warnings"]

FIRST = time.perf_counter()  # this is the first module that a command imports
INTERRUPTED = 130  # 128 + SIGINT (2)
SHOW_CURSOR = "\x1b[?25h"  # the escape sequence DECTCEM, which undoes the hiding of the cursor by a progress bar


class Terminated(BaseException):
    """A signal asked this process to end. Not an `Exception`, so that no ``except Exception`` of a library stops it.

    Args:
        number: of the signal; the exit code is 128 plus it.

    Examples:
        >>> Terminated(signal.SIGTERM).exit_code
        143
    """

    def __init__(self, number: int) -> None:
        self.name, self.exit_code = signal.Signals(number).name, 128 + number
        super().__init__(self.name)


class _State:
    """Shared by the handlers, which take no arguments of ours.

    Attributes:
        ending: whether the process is about to end, so that a further signal ends it at once.
        verbose: whether warnings of libraries are shown.
        own: whether the command owns the process.
    """

    ending = False
    verbose = False
    own = False


def began() -> float:
    """When the command began, as `time.perf_counter` counts: now, unless it owns the process, whose imports count.

    Examples:
        >>> began() <= time.perf_counter()
        True
    """
    own, _State.own = _State.own, False  # a later command in this process began later
    return FIRST if own else time.perf_counter()


def install_handlers() -> None:
    """Handle signals, warnings and errors of threads in this process; a signal that has a handler keeps it.

    The first Ctrl-C raises KeyboardInterrupt, the second ends the process at once. SIGTERM raises `Terminated`, as does
    SIGHUP, which a terminal sends when it is closed.

    Examples:
        >>> install_handlers()     # doctest: +SKIP
    """
    if threading.current_thread() is not threading.main_thread():
        return  # Python lets only the main thread set handlers
    _State.ending, _State.own = False, True
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    for number in _termination_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    _State.verbose = False
    warnings.showwarning = _warned
    sys.unraisablehook = _unraisable
    threading.excepthook = _in_a_thread
    if sys.platform != "win32":  # Windows has no fork
        os.register_at_fork(after_in_child=_restore_in_child)


def show_warnings() -> None:
    """Show warnings of libraries from now on, one line each.

    Examples:
        >>> show_warnings()
        >>> _State.verbose
        True
    """
    _State.verbose = True


def mark_ending() -> None:
    """Let Ctrl-C end the process at once and silently from now on: the command has reported its result.

    Examples:
        >>> mark_ending()
        >>> _State.ending
        True
    """
    _State.ending = True


def discard_output() -> None:
    """Discard what is still to be written to a stream whose reader has gone or whose disk is full.

    Python flushes both streams when it exits; without this, that flush would fail and print a traceback.

    Examples:
        >>> discard_output()     # doctest: +SKIP
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            _redirect_to_null(stream)


def _redirect_to_null(stream: TextIO) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return


def _termination_signals() -> tuple[signal.Signals, ...]:
    """The signals that ask a process to end."""
    return (signal.SIGTERM,) if sys.platform == "win32" else (signal.SIGTERM, signal.SIGHUP)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    if _State.ending:
        _leave()
    _State.ending = True
    raise KeyboardInterrupt


def _terminated(number: int, _frame: FrameType | None) -> None:
    if _State.ending:
        os._exit(128 + number)  # without clean-up by Python, which may be what hangs
    _State.ending = True
    raise Terminated(number)


def _leave() -> None:
    """End at once; a progress bar may have hidden the cursor."""
    try:
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
    finally:
        os._exit(INTERRUPTED)


def _restore_in_child() -> None:
    """Restore the default handlers in a forked child, which runs no command and has nothing to report."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _termination_signals():
        if signal.getsignal(number) is _terminated:
            signal.signal(number, signal.SIG_DFL)


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """End the process if a signal arrived inside a destructor or callback, where Python drops exceptions."""
    if issubclass(found.exc_type, KeyboardInterrupt | Terminated):
        _write("interrupted; nothing was written")
        _leave()
    if os.environ.get("HEADSTART_DEBUG"):
        sys.__unraisablehook__(found)


def _warned(message: Warning | str, category: type[Warning], *_where: object, **_more: object) -> None:
    """Show a warning of a library only under ``--verbose``: it is meant for programmers who call that library."""
    if _State.verbose or os.environ.get("HEADSTART_DEBUG"):
        _write(f"{category.__name__}: {message}", kind="warning")


def _in_a_thread(found: threading.ExceptHookArgs) -> None:
    """Report an error that ended a thread, in one sentence."""
    if os.environ.get("HEADSTART_DEBUG"):
        threading.__excepthook__(found)
    elif not issubclass(found.exc_type, SystemExit | BrokenPipeError):
        _write(f"a thread failed with {found.exc_type.__name__}: {found.exc_value} (HEADSTART_DEBUG=1 shows where)")


def _write(text: str, kind: str = "error") -> None:
    from headstart.reporting.terminal import write
    from headstart.reporting.text import one_line

    try:
        write(f"headstart: {kind}: {one_line(text)}", sys.stderr)
    except (OSError, ValueError):
        return
