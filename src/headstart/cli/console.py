"""What the user sees: lines of results, warnings, and progress on anything longer than two seconds."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TextIO

import numpy as np

from headstart.engine.extraction import LOOKING, Progress

__all__ = ["ConsoleReporter", "json_text", "write_line"]

QUIET_SECONDS = 2.0
PLAIN_EVERY = 10.0
WIDTH = 18


def write_line(text: str = "", *, stream: TextIO | None = None) -> None:
    """Write one line to standard output, or to ``stream``.

    Examples:
        >>> write_line("done")
        done
    """
    print(text, file=stream or sys.stdout, flush=True)


def json_text(value: Mapping[str, Any]) -> str:
    """One JSON object on one line; numbers that are not finite become null.

    Examples:
        >>> json_text({"value": float("nan"), "n": np.int64(3)})
        '{"value": null, "n": 3}'
    """
    return json.dumps(_plain(value), ensure_ascii=False)


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


class ConsoleReporter:
    """Prints a line a step; a moving bar on a terminal, a plain line now and then elsewhere.

    Args:
        stream: where lines go; standard output by default, standard error under ``--json``.

    Examples:
        >>> ConsoleReporter(sys.stdout).line("data", "400 images")
        data               400 images
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout

    def line(self, label: str, text: str) -> None:
        """A finished step, in one line."""
        write_line(f"{label:<{WIDTH}} {text}", stream=self.stream)

    def warning(self, text: str) -> None:
        """A line that stands out."""
        self.line("warning", text)

    @contextmanager
    def progress(self, stage: str) -> Iterator[Progress]:
        """A bar on a terminal, else a plain line every ten seconds; silent where all is done in two seconds."""
        if sys.stderr.isatty():
            with _bar(stage) as step:
                yield step
        else:
            with _PlainProgress(stage) as step:
                yield step


class _PlainProgress:
    """One line after two seconds, whether or not anything is done by then, and one every ten from there."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.due = time.monotonic() + QUIET_SECONDS
        self._pace = _Rate()
        self._first = threading.Timer(QUIET_SECONDS, self._say, args=("",))
        self._first.daemon = True

    def __enter__(self) -> Self:
        self._first.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._first.cancel()

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        now = time.monotonic()
        looking = detail.startswith(LOOKING)
        left = None if looking else self._pace.seconds_left(done, total, now)
        if now < self.due or (left is None and not looking) or done == total:
            return
        self._first.cancel()
        self.due = now + PLAIN_EVERY
        if left is None:
            self._say(f": {detail}")
        else:
            self._say(f": {done} of {total}, about {left:.0f} s left" + (f" ({detail})" if detail else ""))

    def _say(self, how_far: str) -> None:
        write_line(f"... {self.stage}{how_far}", stream=sys.stderr)


class _Rate:
    """How fast a stage goes, apart from what was there when it began (rows of the feature store)."""

    def __init__(self) -> None:
        self._start: tuple[int, float] | None = None

    def seconds_left(self, done: int, total: int, now: float) -> float | None:
        """Seconds for the rest; None until something was done."""
        if self._start is None:
            self._start = (done, now)
        first, started = self._start
        return None if done <= first else (now - started) * (total - done) / (done - first)


@contextmanager
def _bar(stage: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[how]}"))
    pace = _Rate()
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(stage, total=None, how="")

        def step(done: int, total: int, detail: str = "") -> None:
            looking = detail.startswith(LOOKING)
            left = None if looking else pace.seconds_left(done, total, time.monotonic())
            words = [detail] if looking else [] if left is None else [f"{left:.0f} s left", detail]
            bars.update(task, completed=done, total=total, how=", ".join(filter(None, words)))

        yield step
