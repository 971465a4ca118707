"""How far a stage is: a moving bar where there is a terminal or a notebook, else a plain line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec
from typing import Any, Self, TextIO

from headstart.reporting.reporter import LOOKING, Progress
from headstart.reporting.terminal import columns, in_notebook, is_terminal, write
from headstart.reporting.text import one_line, shortened

__all__ = ["shown_progress", "words_of_seconds"]

QUIET_SECONDS = 2.0
PLAIN_EVERY = 10.0
BAR = 40
LEFT = " left"


def shown_progress(stage: str, stream: TextIO | None) -> AbstractContextManager[Progress]:
    """A bar on a terminal or in a notebook, else a plain line every ten seconds; nothing for stages of two seconds.

    Args:
        stage: what is done.
        stream: where it is shown.

    Examples:
        >>> with shown_progress("encoding", None) as step:
        ...     step(1, 2, "300/s")
    """
    stage = one_line(stage)
    if is_terminal(stream) or (in_notebook() and find_spec("ipywidgets") is not None):
        return _bar(stage, stream)
    return _PlainProgress(stage, stream)


def words_of_seconds(seconds: float) -> str:
    """A span of time as people say it.

    Examples:
        >>> [words_of_seconds(seconds) for seconds in (4.4, 200, 8000)]
        ['4 s', '3 min', '2 h 13 min']
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


class _Pace:
    """How fast a stage goes, apart from what was there when it began (rows of the feature store)."""

    def __init__(self) -> None:
        self._start: tuple[int, float] | None = None
        self.begun = time.monotonic()

    def words(self, done: int, total: int, detail: str) -> tuple[str, ...]:
        """One estimate of the time left, where there is one, and the detail."""
        detail = one_line(detail)
        if detail.startswith(LOOKING) or detail.endswith(LEFT):
            return (detail,)
        left = self._seconds_left(done, total, time.monotonic())
        said = () if left is None else (f"about {words_of_seconds(left)}{LEFT}",)
        return (*said, detail) if detail else said

    def elapsed(self) -> str:
        """How long it has taken so far."""
        return words_of_seconds(time.monotonic() - self.begun)

    def _seconds_left(self, done: int, total: int, now: float) -> float | None:
        """Seconds for the rest; None until something was done, and when all is."""
        if self._start is None:
            self._start = (done, now)
        first, started = self._start
        return None if done <= first or done >= total else (now - started) * (total - done) / (done - first)


class _PlainProgress:
    """One line after two seconds, whether or not anything is done by then, and one every ten from there."""

    def __init__(self, stage: str, stream: TextIO | None) -> None:
        self._stage, self._stream = stage, stream
        self._pace = _Pace()
        self._lock = threading.Lock()
        self._due = time.monotonic() + QUIET_SECONDS
        self._said: float | None = None
        self._ended = threading.Event()
        self._clock = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        words = self._pace.words(done, total, detail)
        if time.monotonic() < self._due or not words or done == total:
            return
        if words[0].startswith(LOOKING):
            self._say(f": {words[0]}")
        else:
            how = f" ({words[1]})" if len(words) > 1 else ""
            self._say(f": {done} of {total}, {words[0]}{how}")

    def _watch(self) -> None:
        """Name the stage after two seconds; from there, where no step is told, say how long it has taken."""
        if self._ended.wait(QUIET_SECONDS):
            return
        if self._said is None:
            self._say("")
            self._due = 0.0  # how far it is may follow at once
        while not self._ended.wait(max(0.0, (self._said or 0.0) + PLAIN_EVERY - time.monotonic())):
            if time.monotonic() >= (self._said or 0.0) + PLAIN_EVERY:  # else a step was told meanwhile
                self._say(f": {self._pace.elapsed()} so far")

    def _say(self, how_far: str) -> None:
        with self._lock:
            self._said = time.monotonic()
            self._due = self._said + PLAIN_EVERY
            if not self._ended.is_set():
                with suppress(OSError, ValueError):  # a stage goes on where nobody reads how far it is
                    write(f"... {self._stage}{how_far}", self._stream)


@contextmanager
def _bar(stage: str, stream: TextIO | None) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    width = columns(stream) or 80
    pace = _Pace()

    class Words(TextColumn):
        """The words behind the bar; where nothing is counted, the time so far."""

        def render(self, task: Any) -> Any:
            task.fields["words"] = task.fields["how"] or pace.elapsed()
            return super().render(task)

    bar = BarColumn(bar_width=max(6, min(BAR, width - 50)))
    how = Words("{task.fields[words]}", markup=False)
    console = Console(width=width) if in_notebook() else Console(file=stream, width=width)
    name = TextColumn("{task.description}", markup=False)
    with RichProgress(name, bar, how, console=console, transient=True) as bars:
        task = bars.add_task(shortened(stage, max(12, width // 2)), total=None, how="")

        def step(done: int, total: int, detail: str = "") -> None:
            words = pace.words(done, total, detail)
            counted = () if words and words[0].startswith(LOOKING) else (f"{done}/{total}",)
            bars.update(task, completed=done, total=total, how=", ".join((*counted, *words)))

        yield step
