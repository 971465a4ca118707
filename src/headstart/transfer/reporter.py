"""Where a fit says what it does; the command line and notebooks bring their own."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from headstart.engine.extraction import Progress

__all__ = ["Progress", "Reporter", "SilentReporter"]


class Reporter(Protocol):
    """Hears what happens, in the order in which it happens.

    Examples:
        >>> reporter: Reporter = SilentReporter()
        >>> reporter.line("data", "400 images")
    """

    def line(self, label: str, text: str) -> None:
        """A finished step, in one line."""
        ...

    def warning(self, text: str) -> None:
        """Something that the user should know before trusting the result."""
        ...

    def progress(self, stage: str) -> AbstractContextManager[Progress]:
        """A stage that may take long; call what it gives with (done, total), and how in a few words."""
        ...


class SilentReporter:
    """Says nothing.

    Examples:
        >>> with SilentReporter().progress("encoding") as step:
        ...     step(1, 2)
    """

    def line(self, label: str, text: str) -> None:
        """Drop the line."""

    def warning(self, text: str) -> None:
        """Drop the warning."""

    def progress(self, stage: str) -> AbstractContextManager[Progress]:  # noqa: ARG002 (the contract of Reporter)
        """A progress function that does nothing."""
        return nullcontext(_ignore)


def _ignore(done: int, total: int, detail: str = "") -> None:
    """Drop the progress."""
