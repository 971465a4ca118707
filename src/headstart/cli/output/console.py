"""Console output: lines, name-value pairs, tables, one JSON object, and the reporter of a command."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from headstart.reporting import ConsoleReporter
from headstart.reporting.terminal import columns, write
from headstart.reporting.text import display_width, printable, shortened, wrap

__all__ = ["ConsoleReporter", "json_text", "reporter_of", "write_line", "write_pair", "write_table", "write_text"]

LEAST = 8  # characters that stay of a cell that is cut


def reporter_of(args: argparse.Namespace, stream: TextIO | None = None) -> ConsoleReporter:
    """The reporter of a command: it writes to standard output, or under ``--json`` to standard error.

    Args:
        args: the parsed command line, with ``json`` and ``verbose``.
        stream: where lines go, with or without ``--json``.

    Examples:
        >>> reporter_of(argparse.Namespace(json=False, verbose=False)).line("data", "400 images")
        data               400 images
    """
    return ConsoleReporter(stream or (sys.stderr if args.json else sys.stdout), verbose=args.verbose)


def write_line(text: str = "", *, stream: TextIO | None = None) -> None:
    """Write one line to standard output, or to ``stream``; control characters are escaped.

    Examples:
        >>> write_line("done")
        done
    """
    write(text, stream or sys.stdout)


def write_pair(label: str, text: object, *, room: int = 14) -> None:
    """Write a name and its value, with a hanging indent.

    Args:
        label: the name.
        text: the value.
        room: characters for the name.

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


def write_table(rows: Sequence[Sequence[str]], *, flexible: int = 0, right: Sequence[int] = ()) -> None:
    """Write a table. Where the terminal is too narrow, columns are left out, beginning with the last.

    Args:
        rows: cells; the first row is the header.
        flexible: index of the column whose cells are cut where even the first columns do not fit.
        right: indices of the right-aligned columns.

    Examples:
        >>> write_table([["name", "items"], ["toy", "3"]], right=[1])
        name  items
        toy       3
    """
    width = columns(sys.stdout)
    cells = [[printable(cell) for cell in row] for row in rows]
    rooms = [max(display_width(row[k]) for row in cells) for k in range(len(cells[0]))]
    kept = len(rooms)
    if width is not None:
        # first drop columns after the flexible one, then shrink that one, and only then drop columns before it
        while kept > flexible + 1 and _taken(rooms[:kept]) > width:
            kept -= 1
        least = [min(LEAST, room) if k == flexible else room for k, room in enumerate(rooms)]
        while kept > 1 and _taken(least[:kept]) > width:
            kept -= 1
        if kept > flexible:
            rooms[flexible] = min(rooms[flexible], max(LEAST, width - _taken(rooms[:kept]) + rooms[flexible]))
    for row in cells:
        padded = [_padded(row[k], rooms[k], right=k in right) for k in range(kept)]
        write_line("  ".join(padded).rstrip())
    if kept < len(rooms):
        write_text(f"(no room for {', '.join(cells[0][kept:])}; --json has all columns)")


def _taken(rooms: Sequence[int]) -> int:
    return sum(rooms) + 2 * (len(rooms) - 1)  # two blanks between columns


def _padded(cell: str, room: int, *, right: bool) -> str:
    cut = shortened(cell, room)
    blanks = " " * (room - display_width(cut))
    return blanks + cut if right else cut + blanks


def write_text(text: str, *, indent: int = 2) -> None:
    """Write a sentence to standard output, wrapped at words.

    Args:
        text: the sentence.
        indent: blanks before every further line.

    Examples:
        >>> write_text("also: timm:NAME")
        also: timm:NAME
    """
    for line in wrap(printable(text), columns(sys.stdout), indent=indent):
        write_line(line)


def json_text(value: Mapping[str, Any]) -> str:
    r"""One JSON object on one line; non-finite numbers become null, and control characters are escaped.

    Where standard output is not in UTF-8, all characters that are not ASCII are escaped too.

    Examples:
        >>> json_text({"value": float("nan"), "n": np.int64(3), "item": "a\x9b"})
        '{"value": null, "n": 3, "item": "a\\u009b"}'
    """
    plain = _plain(value)
    encoding = (sys.stdout.encoding if sys.stdout is not None else None) or "utf-8"
    if not encoding.lower().replace("_", "-").startswith("utf"):
        return json.dumps(plain)
    text = json.dumps(plain, ensure_ascii=False)
    # json.dumps escapes control characters below U+0020 only; those from U+007F to U+009F can steer a terminal too
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):  # JSON has no NaN and no infinity (RFC 8259, section 6)
        return None
    return value
