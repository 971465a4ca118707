"""What was typed, or comes through a pipe, as text, whatever encoding the process was told."""

from __future__ import annotations

import io
import sys

from headstart.errors import DataError

__all__ = ["as_typed", "standard_input"]


def as_typed(word: str) -> str:
    r"""A word of the command line as it was typed, also where the process was told to read ASCII only.

    Args:
        word: as Python gives it; bytes that it could not decode are halves of characters.

    Examples:
        >>> as_typed("gr\udcc3\udcb6\udcc3\udc9fe")
        'größe'
    """
    if word.isascii():
        return word
    try:
        return word.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:  # it is no UTF-8: whoever encodes it says so
        return word


def standard_input() -> list[str]:
    """The lines of standard input: UTF-8 where they are that, whatever a console of Windows calls its encoding.

    Raises:
        DataError: if they are text in no known encoding, or there is no standard input.

    Examples:
        >>> before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO("größe".encode()), "ascii")
        >>> standard_input()
        ['größe']
        >>> sys.stdin = before
    """
    if sys.stdin is None:
        raise DataError("There is no standard input; name files, or write the texts on the command line.")
    try:
        if not isinstance(sys.stdin, io.TextIOWrapper):
            return [line.rstrip("\r\n") for line in sys.stdin]
        raw = sys.stdin.buffer.read()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode(sys.stdin.encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"Standard input is not text in {error.encoding} ({error.reason}); convert it first.") from None
    lines: list[str] = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    return lines
