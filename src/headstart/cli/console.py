"""What the user sees: lines of results, one JSON object, and the reporter that a command talks to."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import numpy as np

from headstart.reporting import ConsoleReporter
from headstart.reporting.terminal import columns, write
from headstart.reporting.text import display_width, printable, wrap

__all__ = ["ConsoleReporter", "json_text", "reporter_of", "write_line", "write_pair"]


def reporter_of(args: argparse.Namespace, stream: TextIO | None = None) -> ConsoleReporter:
    """The reporter of a command: standard output, but under ``--json`` standard error.

    Args:
        args: of the command line, with ``json`` and ``verbose``.
        stream: where lines go whatever ``--json`` says.

    Examples:
        >>> reporter_of(argparse.Namespace(json=False, verbose=False)).line("data", "400 images")
        data               400 images
    """
    return ConsoleReporter(stream or (sys.stderr if args.json else sys.stdout), verbose=args.verbose)


def write_line(text: str = "", *, stream: TextIO | None = None) -> None:
    """Write one line to standard output, or to ``stream``; nothing in it can steer a terminal.

    Examples:
        >>> write_line("done")
        done
    """
    write(text, stream or sys.stdout)


def write_pair(label: str, text: object, *, room: int = 14) -> None:
    """Write a fact: its name, and beside it the value with a hanging indent.

    Args:
        label: the name.
        text: the value.
        room: columns for the name.

    Examples:
        >>> write_pair("device", "cpu")
        device         cpu
    """
    begin = printable(label)
    begin += " " * max(1, room + 1 - display_width(begin))
    lines = wrap(printable(text), columns(sys.stdout), first=display_width(begin), indent=room + 1)
    write_line(begin + lines[0] if lines[0] else begin.rstrip())
    for line in lines[1:]:
        write_line(line)


def json_text(value: Mapping[str, Any]) -> str:
    r"""One JSON object on one line; numbers that are not finite become null, and what steers a terminal its escape.

    Where standard output lacks letters, all that are not ASCII are escaped too, so that the text stays JSON.

    Examples:
        >>> json_text({"value": float("nan"), "n": np.int64(3), "item": "a\x9b"})
        '{"value": null, "n": 3, "item": "a\\u009b"}'
    """
    plain = _plain(value)
    encoding = (sys.stdout.encoding if sys.stdout is not None else None) or "utf-8"
    if not encoding.lower().replace("_", "-").startswith("utf"):
        return json.dumps(plain)
    text = json.dumps(plain, ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
