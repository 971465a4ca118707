"""Parse, run, and turn every error into one sentence and a stable exit code."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from headstart.cli.parser import UsageExit, build_parser
from headstart.cli.parser.base import printable
from headstart.errors import HeadstartError

__all__ = ["main"]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``headstart``; default: the process's own.

    Returns:
        0 done; 1 failed; 2 usage or bad input; 130 interrupted.

    Raises:
        SystemExit: with 0 behind a help text, with 2 for words that cannot be understood.

    Examples:
        >>> main(["sources", "show", "vector", "--json"])     # doctest: +ELLIPSIS
        {"name": "vector", "modality": "vector", ...}
        0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _print_anything()
    parser = build_parser()
    if not words:
        parser.print_help()
        return 0
    try:
        args = parser.parse_args(words)
    except UsageExit as refused:
        if "--json" in words:
            _write_failure(refused.message, "UsageError", 2)
        raise
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    if args.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        return int(import_module(f"headstart.cli.{args.verb}").run(args))
    except HeadstartError as error:
        return _fail(str(error), type(error).__name__, error.exit_code, as_json=args.json)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was written", "KeyboardInterrupt", INTERRUPTED, as_json=args.json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _fail("out of memory; nothing was written: close other programs or give fewer items", "MemoryError", 1,
                     as_json=args.json)  # fmt: skip
    except Exception as error:  # noqa: BLE001 (the last line of defence: a traceback reaches no user)
        if os.environ.get("HEADSTART_DEBUG"):
            traceback.print_exc()
        text = f"unexpected {type(error).__name__}: {error}; this is a defect of headstart, please report it"
        return _fail(f"{text} (HEADSTART_DEBUG=1 shows where)", type(error).__name__, 1, as_json=args.json)


def _print_anything() -> None:
    """Show what a pipe or terminal cannot encode as escapes, instead of failing on it after all the work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _fail(message: str, kind: str, code: int, *, as_json: bool) -> int:
    message = printable(message)
    if as_json:
        _write_failure(message, kind, code)
    sys.stderr.write(f"headstart: error: {message}\n")
    return code


def _write_failure(message: str, kind: str, code: int) -> None:
    sys.stdout.write(json.dumps({"error": {"type": kind, "message": message, "exit_code": code}}) + "\n")
