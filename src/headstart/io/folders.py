"""Which folders may be written: new or empty ones, and earlier runs of Headstart that may be replaced."""

from __future__ import annotations

from pathlib import Path

from headstart.errors import ModelFolderError, UsageError
from headstart.io.atomic import check_writable
from headstart.io.files import read_json

__all__ = ["RUN_FILES", "check_replaceable", "is_run"]

RUN_FILES = {
    "README.md", "body", "calibration.json", "certainty.safetensors", "classes.json", "config.json",
    "continual.json", "current",
    "head.skops", "logs", "manifest.json", "matrix.csv", "metrics.json", "model.safetensors", "moments.safetensors",
    "predictions.parquet", "report.html", "splits.parquet", "versions",
}  # fmt: skip
"""Names of what a run folder holds; whatever else is there belongs to the user."""


def check_replaceable(target: Path, *, overwrite: bool = True) -> None:
    """Raise unless ``target`` may be written: it is new, empty, or an earlier run that may be replaced.

    Args:
        target: the folder.
        overwrite: whether an earlier run may be replaced.

    Raises:
        UsageError: if it is a file, holds other files, or holds a run that must not be replaced.
        SaveError: if nothing can be written there.

    Examples:
        >>> check_replaceable(Path("a-new-folder"))
    """
    check_writable(target)
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"'{target}' is a file, not a folder; name another run folder with --out.")
    names = {path.name for path in target.iterdir() if not path.name.startswith(".")}
    if names and not is_run(target):
        raise UsageError(
            f"'{target}' holds something other than a run of headstart and is left alone; name another folder with "
            "--out."
        )
    if names and not overwrite:
        raise UsageError(f"'{target}' holds a run, which is kept; name another folder, or allow overwriting it.")
    if names - RUN_FILES:
        raise UsageError(
            f"'{target}' also holds '{min(names - RUN_FILES)}', which is not part of the run and would be deleted with "
            "it; move it away, or name another folder with --out."
        )


def is_run(folder: Path) -> bool:
    """Whether the folder is a run or a model of Headstart. Models of other programs have a config.json too.

    Examples:
        >>> is_run(Path("nowhere"))
        False
    """
    try:
        return read_json(folder / "config.json").get("model_type") == "headstart"
    except ModelFolderError:
        return False
