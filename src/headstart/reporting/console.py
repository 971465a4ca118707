"""`ConsoleReporter`: the reporter of the command line and of verbose calls from Python."""

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
COMMAND = "next"  # label of a command to copy: a wrapped line ends in a backslash, so that a shell reads on


def chosen_reporter(reporter: Reporter | None, *, verbose: bool) -> Reporter:
    """The reporter of a call from Python: the given one, else the console if ``verbose``, else a silent one.

    In a notebook, lines appear below the cell; elsewhere they go to standard error.

    Args:
        reporter: the reporter that the caller gave, or None.
        verbose: whether to report on the console where none was given.

    Examples:
        >>> isinstance(chosen_reporter(None, verbose=False), SilentReporter)
        True
    """
    if reporter is not None:
        return reporter
    return ConsoleReporter(sys.stdout if in_notebook() else sys.stderr) if verbose else SilentReporter()


class ConsoleReporter:
    """Writes one line per step, wrapped at words; progress is a bar on a terminal, elsewhere a line every ten seconds.

    Args:
        stream: where lines go; default: ``sys.stdout`` at the time of writing.
        verbose: whether details are shown too; default False.

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
        """Show a finished step: a label, and the text beside it with a hanging indent."""
        self._write(label, text)

    def result(self, label: str, text: str) -> None:
        """Show a result, in bold."""
        self._write(label, text, "strong", "strong")

    def detail(self, label: str, text: str) -> None:
        """Show a detail, only with ``verbose``."""
        if self.verbose:
            self._write(label, text, "dim", "dim")

    def warning(self, text: str) -> None:
        """Show a highlighted warning."""
        self._write("warning", text, "warning")

    def progress(self, stage: str) -> AbstractContextManager[Progress]:
        """A bar, or a line every ten seconds; nothing for a stage that ends within two seconds."""
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
    """The lines of a wrapped command, which can still be copied to a shell."""
    lines = wrap(text, width if width is None else width - 2, first=first, indent=indent)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]
