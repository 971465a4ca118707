"""Terminal output: the width, colours and encoding of a stream, and the functions that write to it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from headstart.reporting.text import READABLE, printable, sentence, wrap

__all__ = [
    "colours", "columns", "in_letters_of", "in_notebook", "is_terminal", "never_fail", "painted", "write",
    "write_error", "write_parts",
]  # fmt: skip

NARROWEST = 24
USUAL = 80
NOTEBOOK = 100
STYLES = {"strong": "1", "good": "1;32", "warning": "1;33", "error": "1;31", "dim": "2"}

# Encoding error handlers that Python may set for a stream; they raise, or write unreadable text.
_REPLACED = ("strict", "surrogateescape", "surrogatepass", "backslashreplace")


def in_notebook() -> bool:
    """Whether the code runs in the kernel of a notebook.

    Examples:
        >>> in_notebook()
        False
    """
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    # hosted notebooks derive shells of their own from the kernel's
    return any(base.__name__ == "ZMQInteractiveShell" for base in type(shell).__mro__)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal that can move its cursor; ``TERM=dumb`` cannot.

    Examples:
        >>> is_terminal(io.StringIO()), is_terminal(None)
        (False, False)
    """
    return _is_tty(stream) and os.environ.get("TERM") not in ("dumb", "unknown")


def _is_tty(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # the stream is closed
        return False


def columns(stream: TextIO | None) -> int | None:
    """The width of a stream in columns; None where lines have no limit, such as in a file.

    The environment variable COLUMNS takes precedence over the width of the terminal; a notebook has 100 columns.

    Args:
        stream: where lines go.

    Examples:
        >>> columns(io.StringIO()) is None or "COLUMNS" in os.environ
        True
    """
    named = os.environ.get("COLUMNS", "")
    if named.isascii() and named.isdecimal() and int(named) > 0:
        return max(NARROWEST, int(named))
    if stream is not None and _is_tty(stream):
        return max(NARROWEST, _terminal_columns(stream))
    return NOTEBOOK if in_notebook() else None


def _terminal_columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL
    except (OSError, ValueError):  # a terminal without a size
        return USUAL


def colours(stream: TextIO | None) -> bool:
    """Whether text on a stream may be bold or coloured.

    ``NO_COLOR`` turns colours off; ``FORCE_COLOR`` or ``CLICOLOR_FORCE`` (other than 0) turns them on. Otherwise
    terminals have them, except with ``TERM=dumb`` or ``CLICOLOR=0``. See https://no-color.org and https://bixense.com/clicolors.

    Args:
        stream: where lines go.

    Examples:
        >>> colours(None)
        False
    """
    variable = os.environ.get
    if stream is None or variable("NO_COLOR"):
        return False
    if any(variable(name, "0").lower() not in ("", "0", "false") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if not is_terminal(stream) or variable("CLICOLOR") == "0" or in_notebook():
        return False
    return sys.platform != "win32" or any(variable(name) for name in ("WT_SESSION", "ConEmuANSI", "TERM", "ANSICON"))


def painted(text: str, style: str, stream: TextIO | None) -> str:
    """The text in a style where the stream has colours, else unchanged.

    Args:
        text: printable text.
        style: ``"strong"``, ``"good"``, ``"warning"``, ``"error"``, ``"dim"``; empty for none.
        stream: where it goes.

    Examples:
        >>> painted("0.912", "strong", None)
        '0.912'
    """
    if not style or not text or not colours(stream):
        return text
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def write(text: str, stream: TextIO | None, *, style: str = "") -> None:
    """Write one line, with control characters escaped and unencodable characters replaced.

    Args:
        text: the line; `headstart.reporting.text.printable` escapes control characters.
        stream: where it goes; None (a process without a console) drops it.
        style: as in `painted`.

    Examples:
        >>> write("λ = 0.1", io.TextIOWrapper(io.BytesIO(), "ascii"))
        >>> write("done", sys.stdout)
        done
    """
    write_parts([(text, style)], stream)


def write_parts(parts: Sequence[tuple[str, str]], stream: TextIO | None) -> None:
    """Write one line of several styles, as `write` does.

    After the reader has closed the stream (``headstart fit data | head``), lines are dropped and the work continues.

    Args:
        parts: texts with their styles.
        stream: where they go.

    Examples:
        >>> write_parts([("accuracy", ""), (" ", ""), ("0.912", "strong")], sys.stdout)
        accuracy 0.912
    """
    if stream is None:
        return
    shown = (painted(in_letters_of(stream, printable(text)), style, stream) for text, style in parts)
    with suppress(BrokenPipeError):
        stream.write("".join(shown) + "\n")
        stream.flush()


def write_error(program: str, message: str) -> None:
    """Write an error to standard error, as one sentence after the name of the program.

    Args:
        program: such as ``"headstart fit"``.
        message: the sentence.

    Examples:
        >>> write_error("headstart", "'photos' is missing")     # it goes to standard error
    """
    begin = f"{program}: error:"
    first, *others = wrap(f" {sentence(message)}", columns(sys.stderr), first=len(begin), indent=2)
    write_parts([(begin, "error"), (first, "")], sys.stderr)
    for line in others:
        write(line, sys.stderr)


def in_letters_of(stream: TextIO, text: str) -> str:
    r"""The text, with substitutes for characters that the stream's encoding lacks.

    Args:
        stream: where it will be written.
        text: any text.

    Examples:
        >>> in_letters_of(io.TextIOWrapper(io.BytesIO(), "latin-1"), "λ ≥ 0,5 für 猫")
        'lambda >= 0,5 für \\u732b'
    """
    encoding = stream.encoding or "utf-8"  # None: a StringIO
    return text if text.isascii() else text.encode(encoding, READABLE).decode(encoding)


def never_fail(stream: TextIO | None) -> None:
    """Make a standard stream substitute the characters that it cannot encode, instead of raising.

    Args:
        stream: standard output or standard error.

    Examples:
        >>> stream = io.TextIOWrapper(io.BytesIO(), "ascii")
        >>> never_fail(stream)
        >>> stream.errors
        'headstart.readable'
    """
    if isinstance(stream, io.TextIOWrapper) and stream.errors in _REPLACED:
        stream.reconfigure(errors=READABLE)
