"""Progress of a stage: a bar on a terminal or in a notebook, elsewhere a plain line every ten seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec
from typing import Any, ClassVar, Self, TextIO

from headstart.reporting.reporter import LOOKING, Progress
from headstart.reporting.terminal import columns, in_notebook, is_terminal, write
from headstart.reporting.text import one_line, shortened

__all__ = ["shown_progress", "words_of_seconds"]

QUIET_SECONDS = 2.0
PLAIN_EVERY = 10.0
BAR = 40
LEFT = " left"


def shown_progress(stage: str, stream: TextIO | None) -> AbstractContextManager[Progress]:
    """A bar on a terminal or in a notebook, else a line every ten seconds; nothing for stages below two seconds.

    Args:
        stage: name of the stage.
        stream: where the progress is shown; None to drop it.

    Examples:
        >>> with shown_progress("encoding", None) as step:
        ...     step(1, 2, "300/s")
    """
    stage = one_line(stage)
    if is_terminal(stream) or (in_notebook() and find_spec("ipywidgets") is not None):
        return _bar(stage, stream) if _Bars.shown is None else _further_bar(stage, _Bars.shown)
    return _PlainProgress(stage, stream)


def words_of_seconds(seconds: float) -> str:
    """A duration in words.

    Examples:
        >>> [words_of_seconds(seconds) for seconds in (4.4, 200, 8000)]
        ['4 s', '3 min', '2 h 13 min']
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


class _Pace:
    """The speed of a stage, without the items that were done when it began (rows of the feature store)."""

    def __init__(self) -> None:
        self._start: tuple[int, float] | None = None
        self.begun = time.monotonic()

    def words(self, done: int, total: int, detail: str) -> tuple[str, ...]:
        """An estimate of the time left, where there is one, and the detail."""
        detail = one_line(detail)
        if detail.startswith(LOOKING) or detail.endswith(LEFT):
            return (detail,)
        left = self._seconds_left(done, total, time.monotonic())
        estimate = () if left is None else (f"about {words_of_seconds(left)}{LEFT}",)
        return (*estimate, detail) if detail else estimate

    def elapsed(self) -> str:
        """The time since the start, in words."""
        return words_of_seconds(time.monotonic() - self.begun)

    def _seconds_left(self, done: int, total: int, now: float) -> float | None:
        """Estimated seconds left; None before anything is done, and once everything is."""
        if self._start is None:
            self._start = (done, now)
        first, started = self._start
        return None if done <= first or done >= total else (now - started) * (total - done) / (done - first)


class _PlainProgress:
    """One line after two seconds, even if nothing is done by then, and one every ten seconds after that.

    A stage inside another is named with it, and the outer one says nothing meanwhile.
    """

    _open: ClassVar[list[_PlainProgress]] = []

    def __init__(self, stage: str, stream: TextIO | None) -> None:
        outer = [one._stage for one in self._open if one._stream is stream]
        self._stage: str = ", ".join([*outer[-1:], stage])
        self._stream: TextIO | None = stream
        self._pace = _Pace()
        self._lock = threading.Lock()
        self._due = time.monotonic() + QUIET_SECONDS
        self._shown: float | None = None
        self._step = ""  # the last one that was reported and not shown
        self._ended = threading.Event()
        self._clock = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._open.append(self)
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._open.remove(self)

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        words = self._pace.words(done, total, detail)
        if not words or done == total:
            self._step = ""
            return
        how = f" ({words[1]})" if len(words) > 1 else ""
        self._step = f": {words[0]}" if words[0].startswith(LOOKING) else f": {done} of {total}, {words[0]}{how}"
        if time.monotonic() >= self._due:
            self._show(self._step)

    def _watch(self) -> None:
        """Name the stage after two seconds; after that, show the last step, or the elapsed time where none is new."""
        if self._ended.wait(QUIET_SECONDS):
            return
        if self._shown is None:
            self._show("")
            self._due = 0.0  # the first progress may follow at once
        while not self._ended.wait(max(0.0, (self._shown or 0.0) + PLAIN_EVERY - time.monotonic())):
            if time.monotonic() >= (self._shown or 0.0) + PLAIN_EVERY:  # else a step was shown meanwhile
                self._show(self._step or f": {self._pace.elapsed()} so far")

    @property
    def _is_innermost(self) -> bool:
        return [one for one in self._open if one._stream is self._stream][-1:] == [self]

    def _show(self, how_far: str) -> None:
        with self._lock:
            self._shown, self._step = time.monotonic(), ""
            self._due = self._shown + PLAIN_EVERY
            if not self._ended.is_set() and self._is_innermost:
                with suppress(OSError, ValueError):  # the stage goes on even if the stream is closed
                    write(f"... {self._stage}{how_far}", self._stream)


class _Bars:
    """The bars that are shown now: those of a stage inside another stand below its own."""

    shown: ClassVar[tuple[Any, int] | None] = None  # the display of rich, and the width of a name


@contextmanager
def _bar(stage: str, stream: TextIO | None) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    width = columns(stream) or 80

    class Words(TextColumn):
        """The text after the bar; where nothing is counted, the elapsed time."""

        def render(self, task: Any) -> Any:
            task.fields["words"] = task.fields["how"] or task.fields["pace"].elapsed()
            return super().render(task)

    bar = BarColumn(bar_width=max(6, min(BAR, width - 50)))
    how = Words("{task.fields[words]}", markup=False)
    console = Console(width=width) if in_notebook() else Console(file=stream, width=width)
    name = TextColumn("{task.description}", markup=False)
    with RichProgress(name, bar, how, console=console, transient=True) as bars:
        _Bars.shown = bars, max(12, width // 2)
        try:
            with _further_bar(stage, _Bars.shown) as step:
                yield step
        finally:
            _Bars.shown = None


@contextmanager
def _further_bar(stage: str, shown: tuple[Any, int]) -> Iterator[Progress]:
    bars, width = shown
    pace = _Pace()
    task = bars.add_task(shortened(stage, width), total=None, how="", pace=pace)

    def step(done: int, total: int, detail: str = "") -> None:
        words = pace.words(done, total, detail)
        counted = () if words and words[0].startswith(LOOKING) else (f"{done}/{total}",)
        bars.update(task, completed=done, total=total, how=", ".join((*counted, *words)))

    try:
        yield step
    finally:
        bars.remove_task(task)
