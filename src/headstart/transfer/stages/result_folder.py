"""Folders of results, such as an evaluation: the check before one is written or replaced, and cells of its tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import ModelFolderError, UsageError
from headstart.io import check_writable, read_json, remove_leftovers
from headstart.reporting import Reporter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROBABILITY_DIGITS", "ResultFolder", "joined_lists"]

PROBABILITY_DIGITS = 6
"""Decimals of a probability in a CSV file."""


@dataclass(frozen=True)
class ResultFolder:
    """A kind of folder: its files, and the JSON file whose key ``kind`` tells that it is one.

    Attributes:
        what: its name with an article, such as ``"an evaluation"``.
        kind: the value of the key ``kind``.
        marker: the JSON file.
        files: names of its files.

    Examples:
        >>> ResultFolder("an evaluation", "evaluation", "metrics.json", {"metrics.json"}).check(Path("a-new-folder"))
    """

    what: str
    kind: str
    marker: str
    files: Collection[str]

    def check(self, target: Path, *, overwrite: bool = True, reporter: Reporter | None = None) -> None:
        """Raise unless results may be written there: the folder is new, empty, or holds such results to be replaced.

        Args:
            target: the folder.
            overwrite: whether existing results may be replaced.
            reporter: receives a line if they will be.

        Raises:
            UsageError: if the folder holds anything else, or results that must be kept.
            SaveError: if the folder is not writable.
        """
        check_writable(target)
        remove_leftovers(target)
        if not target.exists():
            return
        if not target.is_dir():
            raise UsageError(f"'{target}' is a file, not a folder; name another folder with --out.")
        names = {path.name for path in target.iterdir() if not path.name.startswith(".")}
        if not names:
            return
        if names - set(self.files) or not self._is_one(target):
            raise UsageError(
                f"'{target}' holds something other than {self.what} and is left alone; name another folder with --out."
            )
        if not overwrite:
            raise UsageError(f"'{target}' holds {self.what}, which is kept; name another folder.")
        if reporter is not None:
            reporter.line("out", f"{target} holds {self.what}, which this one replaces when it is complete")

    def _is_one(self, folder: Path) -> bool:
        try:
            return read_json(folder / self.marker).get("kind") == self.kind
        except ModelFolderError:
            return False


def joined_lists(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with lists, such as the labels of an item, as one text each, joined by semicolons.

    Args:
        frame: any table.

    Examples:
        >>> import pandas as pd
        >>> joined_lists(pd.DataFrame({"label": [["sea", "sun"], []], "id": ["0", "1"]}))["label"].tolist()
        ['sea;sun', '']
    """
    names = [str(name) for name in frame if any(isinstance(cell, list) for cell in frame[name])]
    return frame.assign(**{name: [";".join(map(str, cell)) for cell in frame[name]] for name in names})
