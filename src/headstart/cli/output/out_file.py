"""Checks of the file of ``--out``, made before any work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from headstart.errors import SaveError, UsageError
from headstart.io import check_writable, path_exists

__all__ = ["check_out_file"]

FEW = 2


def check_out_file(out: str, formats: Collection[str], inputs: Sequence[str]) -> Path:
    """The file to write, after a check that it can be written and is not an input.

    Args:
        out: the value of ``--out``.
        formats: allowed extensions in lower case.
        inputs: arguments that may name files or folders to read; others, such as texts, are ignored.

    Raises:
        UsageError: for another extension, or a file that is an input or lies in one.
        SaveError: for a folder, or if nothing can be written there.

    Examples:
        >>> check_out_file("a.csv", [".csv"], []).name
        'a.csv'
    """
    path = Path(out)
    if path.suffix.lower() not in formats:
        allowed = f"one of {', '.join(formats)}" if len(formats) > FEW else " or ".join(formats)
        raise UsageError(f"--out must end in {allowed}. Got '{out}' instead.")
    if path.is_dir():
        raise SaveError(f"Cannot write '{out}': it is a folder; name a file with --out.")
    if path.exists():
        for given in inputs:
            _check_not_read(path, given)
    check_writable(path)
    return path


def _check_not_read(out: Path, given: str) -> None:
    if not path_exists(Path(given)):
        return
    read = Path(given)
    if read.samefile(out):  # also through a link or another spelling of the path
        raise UsageError(f"'{out}' is an input and would be overwritten; name another file with --out.")
    if read.is_dir() and out.resolve().is_relative_to(read.resolve()):
        raise UsageError(
            f"'{out}' is part of the input '{given}' and would be overwritten; name another file with --out."
        )
