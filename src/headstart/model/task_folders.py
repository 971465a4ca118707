"""The run folders of a fit with several label columns."""

from __future__ import annotations

import re
from pathlib import Path

from headstart.errors import ModelFolderError
from headstart.io import read_json

__all__ = ["INDEX", "task_folders"]

INDEX = "tasks.json"


def task_folders(folder: str | Path) -> dict[str, Path] | None:
    """The run folder of each column below a folder that `fit_tasks` wrote; None for another folder.

    Raises:
        ModelFolderError: if its index is damaged.

    Examples:
        >>> task_folders("no-such-folder") is None
        True
    """
    folder = Path(folder)
    if not (folder / INDEX).is_file():
        return None
    tasks = read_json(folder / INDEX).get("tasks")
    if not isinstance(tasks, dict) or not all(re.fullmatch(r"\w[\w.-]*", str(name)) for name in tasks.values()):
        raise ModelFolderError(f"'{folder}/{INDEX}' is damaged; fit again.")
    return {column: folder / name for column, name in tasks.items()}
