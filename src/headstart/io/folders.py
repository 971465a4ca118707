"""Which folders may be written: new ones, and runs of ours that are to be replaced."""

from __future__ import annotations

from pathlib import Path

from headstart.errors import ModelFolderError, UsageError
from headstart.io.atomic import check_writable
from headstart.io.files import read_json

__all__ = ["check_replaceable", "is_run"]

RUN_FILES = {
    "README.md", "body", "calibration.json", "classes.json", "config.json", "head.skops", "logs", "manifest.json",
    "metrics.json", "model.safetensors", "moments.safetensors", "predictions.parquet", "report.html", "splits.parquet",
}  # fmt: skip


def check_replaceable(target: Path, *, overwrite: bool = True) -> None:
    """Raise unless ``target`` can and may be written: it is new, empty, or a folder of ours to be replaced.

    Args:
        target: the folder.
        overwrite: whether a folder of ours may be replaced.

    Raises:
        UsageError: if something else stands there, or a run that is to be kept.
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
            f"'{target}' holds something other than a run of headstart and is left alone; name another with --out."
        )
    if names and not overwrite:
        raise UsageError(f"'{target}' holds a run, which is kept; name another folder, or allow to overwrite it.")
    if names - RUN_FILES:
        raise UsageError(
            f"'{target}' also holds '{min(names - RUN_FILES)}', which no run wrote and which replacing it would lose; "
            "move that away, or name another folder with --out."
        )


def is_run(folder: Path) -> bool:
    """Whether the folder is a run or a model of ours; models of other programs have a config.json too.

    Examples:
        >>> is_run(Path("nowhere"))
        False
    """
    try:
        return read_json(folder / "config.json").get("model_type") == "headstart"
    except ModelFolderError:
        return False
