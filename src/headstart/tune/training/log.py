"""The training log: ``training.csv`` and TensorBoard's event file, one row per epoch."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from headstart.errors import SaveError

__all__ = ["TrainingLog"]


class _Writer(Protocol):
    """The part of TensorBoard's ``SummaryWriter`` that is used."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> None: ...

    def close(self) -> None: ...


class TrainingLog:
    """Writes one row per epoch to a folder; for TensorBoard too, if the package ``tensorboard`` is installed.

    Args:
        folder: created if it does not exist; None writes nothing.
        rows: rows of earlier epochs of a resumed training; ``training.csv`` begins with them.
        on_row: called with each further row; False asks for the end of the training. None for nothing.

    Raises:
        SaveError: on entering, and from `row`, if the disk is full or the folder cannot be written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with TrainingLog(folder) as log:
        ...     log.row({"epoch": 1.0, "step": 10.0, "loss": 0.5})  # the training goes on
        True
        >>> (folder / "training.csv").read_text().splitlines()
        ['epoch,step,loss', '1.0,10.0,0.5']
    """

    def __init__(
        self,
        folder: Path | None,
        rows: Sequence[Mapping[str, float]] = (),
        on_row: Callable[[Mapping[str, float]], object] | None = None,
    ) -> None:
        self._folder, self._rows, self._on_row = folder, rows, on_row
        self._writer: _Writer | None = None

    def __enter__(self) -> Self:
        if self._folder is None:
            return self
        with _as_save_error(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / "training.csv").unlink(missing_ok=True)
            for row in self._rows:
                self._write(row)
            if find_spec("tensorboard") is not None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(self._folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def row(self, values: Mapping[str, float]) -> bool:
        """Add the values of one epoch; the names must be the same each time. False if ``on_row`` returned False."""
        go_on = self._on_row is None or self._on_row(values) is not False
        if self._folder is None:
            return go_on
        with _as_save_error(self._folder):
            self._write(values)
            if self._writer is not None:
                for name, value in values.items():
                    if name not in ("epoch", "step"):
                        self._writer.add_scalar(name, value, int(values["step"]))
        return go_on

    def _write(self, values: Mapping[str, float]) -> None:
        if self._folder is None:
            return
        file = self._folder / "training.csv"
        new = not file.is_file()
        with file.open("a", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, list(values))
            if new:
                writer.writeheader()
            writer.writerow(values)


@contextmanager
def _as_save_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SaveError(
            f"The log of the training could not be written to '{folder}': {error.strerror or error}; free space and "
            "run the same command again; training resumes from the last checkpoint, if there is one."
        ) from error
