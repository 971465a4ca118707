"""Where the readers are: text files of Python, since they are copied and never imported here."""

from __future__ import annotations

from pathlib import Path

__all__ = ["copy_reader"]


def copy_reader(name: str, file: Path) -> str:
    """Copy a reader into a folder.

    Args:
        name: of the reader, such as ``"onnx_text"``.
        file: where to write it.

    Returns:
        The name of the file.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "model.py"
        >>> copy_reader("onnx_rows", place), "headstart" in place.read_text(encoding="utf-8")
        ('model.py', False)
    """
    text = Path(__file__).with_name(f"{name}.py.txt").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    return file.name
