"""Where a report is and how large it is, for the line that is printed."""

from __future__ import annotations

from pathlib import Path

__all__ = ["report_words"]


def report_words(folder: Path) -> str:
    """The path of the report in a folder, and the size of the file.

    Args:
        folder: of a run or of an evaluation.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp())
        >>> _ = (place / "report.html").write_text("x" * 123_456)
        >>> report_words(place).removeprefix(str(place))
        '/report.html (123 kB)'
    """
    path = folder / "report.html"
    size = path.stat().st_size
    return f"{path} ({size / 1e6:.1f} MB)" if size >= 1e6 else f"{path} ({size / 1e3:.0f} kB)"
