"""The reporter protocol: a run reports its steps, and the reporter decides where they are shown."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

__all__ = ["LOOKING", "Progress", "Reporter", "SilentReporter"]

LOOKING = "looked at"  # the detail begins so while items are only looked up; no speed is estimated from such steps


class Progress(Protocol):
    """A callback for the progress of a stage.

    Examples:
        >>> show: Progress = lambda done, total, detail="": print(done, "of", total, detail)
        >>> show(32, 400, "torch bf16, 300/s")
        32 of 400 torch bf16, 300/s
    """

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        """``done`` of ``total`` items are done; ``detail`` describes how, in a few words.

        A detail that ends in ``" left"`` is an estimate of the time left, and no other one is shown beside it.
        """
        ...


class Reporter(Protocol):
    """Receives the steps and results of a run, in order.

    Examples:
        >>> reporter: Reporter = SilentReporter()
        >>> reporter.line("data", "400 images")
    """

    def line(self, label: str, text: str) -> None:
        """A finished step, in one line."""
        ...

    def result(self, label: str, text: str) -> None:
        """A result: the main metric, the verdict."""
        ...

    def detail(self, label: str, text: str) -> None:
        """A detail of how it was done: shown with ``--verbose``."""
        ...

    def warning(self, text: str) -> None:
        """Something that the user should know before trusting the result."""
        ...

    def progress(self, stage: str) -> AbstractContextManager[Progress]:
        """A context for a stage that may take long; it gives the callback to call with (done, total, detail)."""
        ...


class SilentReporter:
    """Ignores everything.

    Examples:
        >>> with SilentReporter().progress("encoding") as step:
        ...     step(1, 2)
    """

    def line(self, label: str, text: str) -> None:
        """Drop the line."""

    def result(self, label: str, text: str) -> None:
        """Drop the result."""

    def detail(self, label: str, text: str) -> None:
        """Drop the detail."""

    def warning(self, text: str) -> None:
        """Drop the warning."""

    def progress(self, stage: str) -> AbstractContextManager[Progress]:  # noqa: ARG002 (the contract of Reporter)
        """A progress function that does nothing."""
        return nullcontext(_ignore)


def _ignore(done: int, total: int, detail: str = "") -> None:
    """Drop the progress."""
