"""Typed and piped text, decoded as UTF-8 even if the process was started with another encoding."""

from __future__ import annotations

import io
import sys

from headstart.errors import DataError

__all__ = ["as_typed", "standard_input"]


def as_typed(word: str) -> str:
    r"""An argument of the command line as it was typed, even under a locale that is ASCII only.

    Args:
        word: as Python gives it; bytes that it could not decode are lone surrogates (PEP 383).

    Examples:
        >>> as_typed("gr\udcc3\udcb6\udcc3\udc9fe")
        'größe'
    """
    if word.isascii():
        return word
    try:
        return word.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:  # not UTF-8; the source reports it when it encodes the text
        return word


def standard_input() -> list[str]:
    """The lines of standard input, decoded as UTF-8, or else in the encoding of the process (as a Windows console has).

    Raises:
        DataError: if neither encoding fits, or there is no standard input.

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
