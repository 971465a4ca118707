"""A process of its own: signals end it in a sentence whenever they come, and nothing prints a traceback at its end."""

# Nothing heavy is imported here: until this has run, Ctrl-C shows a traceback.
from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from types import FrameType
from typing import TextIO

__all__ = ["Terminated", "own_process", "process_ends", "show_details", "silence"]

INTERRUPTED = 130
SHOW_CURSOR = "\x1b[?25h"


class Terminated(BaseException):
    """Somebody asked this process to end.

    Args:
        number: the signal.

    Examples:
        >>> Terminated(signal.SIGTERM).exit_code
        143
    """

    def __init__(self, number: int) -> None:
        self.name, self.exit_code = signal.Signals(number).name, 128 + number
        super().__init__(self.name)


class _State:
    """Whether the next Ctrl-C raises an exception, or ends the process at once: what is being done is ending."""

    ending = False
    verbose = False


def own_process() -> None:
    """Let signals end this process in a sentence, where nobody else has said what they do.

    Ctrl-C raises KeyboardInterrupt, and the next one ends the process at once. SIGTERM, and SIGHUP of a terminal that
    is closed, raise `Terminated`.

    Examples:
        >>> own_process()     # doctest: +SKIP
    """
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may say it
    _State.ending = False
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    for number in _ends():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    _State.verbose = False
    warnings.showwarning = _warned
    sys.unraisablehook = _unraisable
    threading.excepthook = _in_a_thread
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=_like_any_child)


def show_details() -> None:
    """From here on warnings that libraries give their programmers are shown, each in a line.

    Examples:
        >>> show_details()
        >>> _State.verbose
        True
    """
    _State.verbose = True


def process_ends() -> None:
    """From here on Ctrl-C ends the process at once, without a word: all has been said.

    Examples:
        >>> process_ends()
        >>> _State.ending
        True
    """
    _State.ending = True


def silence() -> None:
    """Let what is still to be written go nowhere: whoever read it has gone, or its disk is full.

    Examples:
        >>> silence()     # doctest: +SKIP
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            _to_nowhere(stream)


def _to_nowhere(stream: TextIO) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return


def _ends() -> tuple[signal.Signals, ...]:
    """The signals that ask a process to end."""
    return (signal.SIGTERM,) if sys.platform == "win32" else (signal.SIGTERM, signal.SIGHUP)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    if _State.ending:
        _leave()
    _State.ending = True
    raise KeyboardInterrupt


def _terminated(number: int, _frame: FrameType | None) -> None:
    if _State.ending:
        os._exit(128 + number)
    _State.ending = True
    raise Terminated(number)


def _leave() -> None:
    """End at once; a progress bar may have hidden the cursor."""
    try:
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
    finally:
        os._exit(INTERRUPTED)


def _like_any_child() -> None:
    """A forked child is nobody's command: signals do there what they do anywhere."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _ends():
        if signal.getsignal(number) is _terminated:
            signal.signal(number, signal.SIG_DFL)


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """An interruption that hit a destructor or a callback of a library: nobody can catch it, so it ends here."""
    if issubclass(found.exc_type, KeyboardInterrupt | Terminated):
        _say("interrupted; nothing was written")
        _leave()
    if os.environ.get("HEADSTART_DEBUG"):
        sys.__unraisablehook__(found)


def _warned(message: Warning | str, category: type[Warning], *_where: object, **_more: object) -> None:
    """A warning of a library: meant for whoever calls it, so that only somebody who asked for details reads it."""
    if _State.verbose or os.environ.get("HEADSTART_DEBUG"):
        _say(f"{category.__name__}: {message}", kind="warning")


def _in_a_thread(found: threading.ExceptHookArgs) -> None:
    """A thread that failed: in a sentence."""
    if os.environ.get("HEADSTART_DEBUG"):
        threading.__excepthook__(found)
    elif not issubclass(found.exc_type, SystemExit | BrokenPipeError):
        _say(f"a thread failed with {found.exc_type.__name__}: {found.exc_value} (HEADSTART_DEBUG=1 shows where)")


def _say(text: str, kind: str = "error") -> None:
    from headstart.reporting.terminal import write
    from headstart.reporting.text import one_line

    try:
        write(f"headstart: {kind}: {one_line(text)}", sys.stderr)
    except (OSError, ValueError):
        return
