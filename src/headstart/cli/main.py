"""Parse, run, and turn every error into one sentence and a stable exit code."""

# Only what stops a process in a sentence is imported here: the import of anything else may be interrupted.
from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.cli.process import INTERRUPTED, Terminated, own_process, process_ends, show_details, silence

if TYPE_CHECKING:
    from headstart.cli.parser.base import Parser

__all__ = ["build_parser", "main"]

UNREAD = 141  # 128 + SIGPIPE, as of any program whose output nobody reads further
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Without ``argv`` the process is the command's own: signals end it in a sentence, whenever they come.

    Args:
        argv: the words after ``headstart``; default: the process's own.

    Returns:
        0 done; 1 failed; 2 usage or bad input; 130 interrupted; 141 nobody read its answers to the end; 143 terminated.

    Raises:
        SystemExit: with 0 behind a help text, with 2 for words that cannot be understood.

    Examples:
        >>> main(["sources", "show", "vector", "--json"])     # doctest: +ELLIPSIS
        {"name": "vector", "modality": "vector", ...}
        0
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        if argv is None:
            own_process()
        try:
            code = _run(words)
        finally:
            _flush()
    except BrokenPipeError:  # of a command whose answers are its output: what was not read is lost
        silence()
        return UNREAD
    except (Exception, KeyboardInterrupt, Terminated) as error:  # noqa: BLE001 (a traceback reaches no user)
        return _fail(error, as_json=_wants_json(words))
    finally:
        if argv is None:
            process_ends()
    return code


def _flush() -> None:
    """Write what is left; nobody may read it any more, which undoes nothing of what the command has done."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        silence()


def build_parser() -> Parser:
    """The parser with all commands.

    Examples:
        >>> build_parser().parse_args(["doctor", "--verbose"]).verbose
        True
    """
    from headstart.cli.parser import build_parser as build

    return build()


def _run(words: Sequence[str]) -> int:
    from importlib import import_module

    from headstart.reporting.terminal import never_fail

    never_fail(sys.stdout)
    never_fail(sys.stderr)
    from headstart.cli.parser.base import UsageExit

    parser = build_parser()
    if not words:
        parser.print_help()
        return 0
    try:
        args = parser.parse_args(words)
    except UsageExit as refused:
        if _wants_json(words):
            _write_failure("UsageError", refused.message, 2)
        raise
    if args.verbose:
        show_details()
    if args.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    return int(import_module(f"headstart.cli.{args.verb}").run(args))


def _wants_json(words: Sequence[str]) -> bool:
    return any(len(word) > 2 and "--json".startswith(word) for word in words)


def _fail(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong, in one sentence; under ``--json`` also as an object on standard output."""
    from headstart.reporting.terminal import write_error

    message, code = _sentence(error)
    try:
        if as_json:
            _write_failure(error.name if isinstance(error, Terminated) else type(error).__name__, message, code)
        write_error("headstart", message)
    except (OSError, ValueError):  # nobody reads it
        silence()
    return code


def _write_failure(kind: str, message: str, code: int) -> None:
    import json

    from headstart.reporting.text import sentence

    if sys.stdout is not None:
        error = {"type": kind, "message": sentence(message), "exit_code": code}
        sys.stdout.write(json.dumps({"error": error}) + "\n")
        sys.stdout.flush()


def _sentence(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and the exit code."""
    from headstart.errors import HeadstartError

    if isinstance(error, KeyboardInterrupt):
        return "interrupted; nothing was written", INTERRUPTED
    if isinstance(error, Terminated):
        return f"terminated by {error.name}; nothing was written", error.exit_code
    if isinstance(error, HeadstartError):
        return str(error), error.exit_code
    return _of_the_machine(error) or _unexpected(error), 1


def _of_the_machine(error: BaseException) -> str:
    """What to say of an error that memory, the system or the install made; empty for another."""
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY):
        return "out of memory; nothing was written: close other programs or give fewer items"
    from pathlib import Path

    from headstart.io import disk_is_full, write_reason

    place = Path(str(getattr(error, "filename", None) or Path.cwd()))
    if disk_is_full(error, place):
        return f"{write_reason(error, place)}; nothing was written: free space or name another disk"
    if isinstance(error, RecursionError):
        return "the input is nested too deeply to be read; nothing was written: give flat rows, texts or files"
    if isinstance(error, OSError):
        what = f"cannot read or write '{error.filename}'" if error.filename else "the system refused to read or write"
        reason = error.strerror or str(error) or type(error).__name__
        return f"{what}: {reason}; check that it is there, who may read and write it, and the free space"
    if isinstance(error, ImportError):
        return f"the install is incomplete: {error}; install it again: pip install --force-reinstall headstart"
    return ""


def _unexpected(error: BaseException) -> str:
    if os.environ.get("HEADSTART_DEBUG"):
        import traceback

        traceback.print_exception(error)
    text = f"unexpected {type(error).__name__}: {error}; this is a defect of headstart, please report it"
    return f"{text} (HEADSTART_DEBUG=1 shows where)"
