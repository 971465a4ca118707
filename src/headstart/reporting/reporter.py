"""Who hears what happens: a fit tells a reporter, and the reporter decides where that is shown."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

__all__ = ["LOOKING", "Progress", "Reporter", "SilentReporter"]

LOOKING = "looked at"  # how the detail of a progress begins while items are only read, so that no speed is told by it


class Progress(Protocol):
    """Called with how far the work is.

    Examples:
        >>> heard: Progress = lambda done, total, detail="": print(done, "of", total, detail)
        >>> heard(32, 400, "torch bf16, 300/s")
        32 of 400 torch bf16, 300/s
    """

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        """``done`` of ``total`` items are through; ``detail`` says how, in a few words.

        A detail that ends in ``" left"`` has an estimate of the time left: no other one is shown beside it.
        """
        ...


class Reporter(Protocol):
    """Hears what happens, in the order in which it happens.

    Examples:
        >>> reporter: Reporter = SilentReporter()
        >>> reporter.line("data", "400 images")
    """

    def line(self, label: str, text: str) -> None:
        """A finished step, in one line."""
        ...

    def result(self, label: str, text: str) -> None:
        """An answer: the main metric, the verdict."""
        ...

    def detail(self, label: str, text: str) -> None:
        """What only somebody who looks into how it was done needs: shown with ``--verbose``."""
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

    def result(self, label: str, text: str) -> None:
        """Drop the answer."""

    def detail(self, label: str, text: str) -> None:
        """Drop the detail."""

    def warning(self, text: str) -> None:
        """Drop the warning."""

    def progress(self, stage: str) -> AbstractContextManager[Progress]:  # noqa: ARG002 (the contract of Reporter)
        """A progress function that does nothing."""
        return nullcontext(_ignore)


def _ignore(done: int, total: int, detail: str = "") -> None:
    """Drop the progress."""
