"""`ConsoleReporter`: what the command line shows, and what a call from Python shows."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import TextIO

from headstart.reporting.progress import shown_progress
from headstart.reporting.reporter import Progress, Reporter, SilentReporter
from headstart.reporting.terminal import columns, in_notebook, write_parts
from headstart.reporting.text import bounded, display_width, printable, wrap

__all__ = ["ConsoleReporter", "chosen_reporter"]

LABEL, NARROW_LABEL, NARROW = 18, 13, 60
COMMAND = "next"  # the label of a command to be copied: where it wraps, a backslash lets a shell go on


def chosen_reporter(reporter: Reporter | None, *, verbose: bool) -> Reporter:
    """Who hears of a call from Python: the given reporter, the console with ``verbose``, else nobody.

    In a notebook lines stand below the cell; elsewhere they go to standard error.

    Args:
        reporter: the one that was given, or None.
        verbose: whether a call without one says what it does.

    Examples:
        >>> type(chosen_reporter(None, verbose=False)).__name__
        'SilentReporter'
    """
    if reporter is not None:
        return reporter
    return ConsoleReporter(sys.stdout if in_notebook() else sys.stderr) if verbose else SilentReporter()


class ConsoleReporter:
    """Writes a line a step, wrapped at words; a moving bar on a terminal, a plain line now and then elsewhere.

    Args:
        stream: where lines go; default: standard output as it is when they are written.
        verbose: whether details are shown too.

    Examples:
        >>> ConsoleReporter(sys.stdout).line("data", "400 images")
        data               400 images
    """

    def __init__(self, stream: TextIO | None = None, *, verbose: bool = False) -> None:
        self._stream, self.verbose = stream, verbose

    @property
    def stream(self) -> TextIO:
        """Where lines go."""
        return self._stream or sys.stdout

    def line(self, label: str, text: str) -> None:
        """A finished step: a label, and the text beside it with a hanging indent."""
        self._write(label, text)

    def result(self, label: str, text: str) -> None:
        """An answer, in bold."""
        self._write(label, text, "strong", "strong")

    def detail(self, label: str, text: str) -> None:
        """A line that is shown only where details are wanted."""
        if self.verbose:
            self._write(label, text, "dim", "dim")

    def warning(self, text: str) -> None:
        """A line that stands out."""
        self._write("warning", text, "warning")

    def progress(self, stage: str) -> AbstractContextManager[Progress]:
        """A bar, a line every ten seconds, or nothing where all is done in two seconds."""
        return shown_progress(stage, self._stream if in_notebook() else sys.stderr)

    def _write(self, label: str, text: str, label_style: str = "", style: str = "") -> None:
        stream, width = self.stream, columns(self.stream)
        label, text = printable(bounded(label)), printable(bounded(text))
        room = NARROW_LABEL if width is not None and width < NARROW else LABEL
        taken = max(room, display_width(label)) + 1
        further = " " * (room + 1)
        lines = _command_lines if label == COMMAND else wrap
        first, *others = lines(text, width, first=taken, indent=len(further))
        blanks = " " * (taken - display_width(label)) if first else ""
        write_parts([(label, label_style), (blanks, ""), (first, style)], stream)
        for line in others:
            write_parts([(further, ""), (line.removeprefix(further), style)], stream)


def _command_lines(text: str, width: int | None, *, first: int, indent: int) -> list[str]:
    """A command that can be copied although it wraps."""
    lines = wrap(text, width if width is None else width - 2, first=first, indent=indent)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]
