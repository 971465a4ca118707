"""The entry point: parse the command line, run the command, turn every error into one sentence and an exit code."""

# Only what handles signals is imported here: Ctrl-C during a longer import would end in a traceback.
from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.cli.process import (
    INTERRUPTED,
    Terminated,
    discard_output,
    install_handlers,
    mark_ending,
    show_warnings,
)

if TYPE_CHECKING:
    from headstart.cli.parser.base import Parser

__all__ = ["build_parser", "main"]

UNREAD = 141  # 128 + SIGPIPE (13), which a shell reports for a program that writes to a closed pipe
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Without ``argv`` the command owns the process: a signal ends it with one sentence, at any time.

    Args:
        argv: the arguments after ``headstart``; default: those of this process.

    Returns:
        0 done; 1 failed; 2 usage or bad input; 130 interrupted; 141 the pipe of its output was closed early; 143
        terminated.

    Raises:
        SystemExit: with 0 after a help text, with 2 for a command line that cannot be parsed.

    Examples:
        >>> main(["sources", "show", "vector", "--json"])     # doctest: +ELLIPSIS
        {"name": "vector", "modality": "vector", ...}
        0
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        if argv is None:
            install_handlers()
        try:
            code = _run(words)
        finally:
            _flush()
    except BrokenPipeError:  # raised while the command was writing its results, so a part of them is lost
        discard_output()
        return UNREAD
    except (Exception, KeyboardInterrupt, Terminated) as error:  # noqa: BLE001 (a traceback reaches no user)
        return _fail(error, as_json=_wants_json(words))
    finally:
        if argv is None:
            mark_ending()
    return code


def _flush() -> None:
    """Flush standard output. A pipe that is closed only now does not change the exit code: the command is done."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        discard_output()


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
    from headstart.cli.input.config_file import as_yaml, parse_configured

    verb = parser.actions.get(words[0], parser)
    try:
        args = parse_configured(parser, verb, words)
    except UsageExit as refused:
        if _wants_json(words):
            _write_failure("UsageError", refused.message, 2)
        raise
    if vars(args).get("print_config"):
        sys.stdout.write(as_yaml(verb, args))
        return 0
    if args.verbose:
        show_warnings()
    if args.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # huggingface_hub reads it once, when a command imports it
    return int(import_module(f"headstart.cli.{args.verb}").run(args))


def _wants_json(words: Sequence[str]) -> bool:
    # asked before parsing, which may fail; like argparse, it accepts an abbreviation such as --js
    return any(len(word) > 2 and "--json".startswith(word) for word in words)


def _fail(error: BaseException, *, as_json: bool) -> int:
    """Report an error in one sentence; under ``--json`` also as an object on standard output."""
    from headstart.reporting.terminal import write_error

    message, code = _message_and_code(error)
    try:
        if as_json:
            _write_failure(error.name if isinstance(error, Terminated) else type(error).__name__, message, code)
        write_error("headstart", message)
    except (OSError, ValueError):  # the stream is closed
        discard_output()
    return code


def _write_failure(kind: str, message: str, code: int) -> None:
    import json

    from headstart.reporting.text import sentence

    if sys.stdout is not None:
        error = {"type": kind, "message": sentence(message), "exit_code": code}
        sys.stdout.write(json.dumps({"error": error}) + "\n")
        sys.stdout.flush()


def _message_and_code(error: BaseException) -> tuple[str, int]:
    """The message of an error, and the exit code."""
    from headstart.errors import HeadstartError

    written = next(iter(getattr(error, "__notes__", ())), "nothing was written")  # such as the journal of a search
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; {written}", INTERRUPTED
    if isinstance(error, Terminated):
        return f"terminated by {error.name}; {written}", error.exit_code
    if isinstance(error, HeadstartError):
        return str(error), error.exit_code
    return _system_message(error) or _unexpected(error), 1


def _system_message(error: BaseException) -> str:
    """The message of an error of memory, the operating system or the installation; empty for any other."""
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY):
        return "out of memory; nothing was written: close other programs or give fewer items"
    from pathlib import Path

    from headstart.io import disk_is_full, write_reason

    place = Path(str(getattr(error, "filename", None) or Path.cwd()))
    if disk_is_full(error, place):
        return f"{write_reason(error, place)}; nothing was written: free space or name another disk"
    if isinstance(error, RecursionError):  # raised by parsers of JSON and the like
        return "the input is nested too deeply to be read; nothing was written: give flat rows, texts or files"
    if isinstance(error, OSError):
        what = f"cannot read or write '{error.filename}'" if error.filename else "the system refused to read or write"
        reason = error.strerror or str(error) or type(error).__name__
        return f"{what}: {reason}; check that it exists, its permissions and the free space"
    if isinstance(error, ImportError):
        return f"the installation is incomplete: {error}; reinstall it: pip install --force-reinstall headstart"
    return ""


def _unexpected(error: BaseException) -> str:
    if os.environ.get("HEADSTART_DEBUG"):
        import traceback

        traceback.print_exception(error)
    text = f"unexpected {type(error).__name__}: {error}; this is a bug in headstart, please report it"
    return f"{text} (HEADSTART_DEBUG=1 shows where)"
