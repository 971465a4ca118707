"""The result of `suggest`: items whose label would help, with the reasons, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import UsageError
from headstart.io import atomic_file, path_exists, write_csv, write_json
from headstart.reporting.summary import summary_text, table_html
from headstart.reporting.text import shortened
from headstart.reporting.wording import plural
from headstart.transfer.suggestions.label_studio import Answering, document_root, labelling_interface, studio_tasks
from headstart.transfer.suggestions.suggestion import Suggestion

__all__ = ["FORMATS", "Suggestions"]

FORMATS = (".csv", ".json")
SHOWN = 10  # suggestions in the printed form
ITEM = 120  # characters of an item in a notebook


@dataclass(frozen=True)
class Suggestions:
    """The suggested items, the most helpful first, and what was left out.

    Attributes:
        items: the suggestions.
        pool: number of items that could be read.
        near_training: items that were skipped because they are near duplicates of training items.
        near_chosen: items that were skipped because they are near duplicates of a suggested item.
        share: the share of the pool's predictive variance that all labels together would remove; in its mean an item
            weighs the more the less decided the model is about it.
        failures: the reason for each item that could not be read, by its name.
        notes: what else the reader should know, one sentence each.
        chosen: the suggested items themselves, in the same order; empty where only rows were given.
        about: what is labelled, for Label Studio; None where only rows were given.

    Examples:
        >>> found = Suggestions((Suggestion(3, "3", "b.jpg", "bee", 0.51, 0.2, 4, None, "unsure"),), 40, 0, 1, 0.2)
        >>> found.index, found.sentence
        (array([3]), '1 of 40 items; skipped 1 near duplicate of a suggested item.')
    """

    items: tuple[Suggestion, ...]
    pool: int
    near_training: int
    near_chosen: int
    share: float
    failures: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    chosen: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    about: Answering | None = field(default=None, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Suggestion]:
        return iter(self.items)

    @property
    def index(self) -> NDArray[np.intp]:
        """(n,) positions of the suggested items, the most helpful first."""
        return np.array([one.index for one in self.items], dtype=np.intp)

    @property
    def sentence(self) -> str:
        """How many items were chosen of how many, and what was skipped."""
        skipped = [
            plural(count, f"near duplicate of a {what} item", f"near duplicates of {what} items")
            for count, what in ((self.near_training, "training"), (self.near_chosen, "suggested"))
            if count
        ]
        tail = f"; skipped {' and '.join(skipped)}" if skipped else ""
        return f"{len(self.items)} of {plural(self.pool, 'item', 'items')}{tail}."

    def __repr__(self) -> str:
        """The first suggestions, one per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook, one row per suggestion."""
        title, _ = self._facts()
        rows = [
            (one.id, shortened(one.item, ITEM), str(one.prediction), _percent(one.probability), one.why)
            for one in self.items[:SHOWN]
        ]
        more = len(self.items) - len(rows)
        notes = [*([f"and {more} more in .items"] if more else []), *self.notes]
        return table_html(title, ("id", "item", "prediction", "probability", "why"), rows, notes)

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        shown = [(one.id, one.why) for one in self.items[:SHOWN]]
        more = len(self.items) - len(shown)
        return f"Suggestions: {self.sentence}", shown + ([("", f"and {more} more in .items")] if more else [])

    def rows(self) -> list[dict[str, Any]]:
        """One row for each suggestion, with a column for each attribute of `Suggestion` but the position."""
        found = []
        for one in self.items:
            row = {name: value for name, value in asdict(one).items() if name != "index"}
            if isinstance(row["prediction"], list):
                row["prediction"] = ", ".join(map(str, row["prediction"]))
            found.append(row)
        return found

    @property
    def served(self) -> Path | None:
        """For pictures and sounds, the folder that Label Studio's local storage has to serve; else None."""
        about = self.about
        if about is None or about.modality not in ("image", "audio") or not self.chosen:
            return None
        return document_root(self.chosen)

    def interface(self, path: str | Path) -> Path:
        """The file of the labelling interface beside tasks: ``NAME.xml``, or ``NAME-2.xml`` and so on.

        A file of that name that holds anything else is kept.

        Args:
            path: the file of the tasks.

        Raises:
            UsageError: for suggestions of rows alone, which have no tasks.
        """
        first, text = Path(path).with_suffix(".xml"), self._interface_text()
        others = (first.with_name(f"{first.stem}-{number}.xml") for number in count(2))
        return next(one for one in chain([first], others) if not path_exists(one) or _holds(one, text))

    def save(self, path: str | Path) -> Path:
        """Write the suggestions: ``.csv`` as a table, ``.json`` as tasks for Label Studio.

        Beside the tasks, a file of the same name with the extension ``.xml`` holds the labelling interface; if there is
        another file of this name already, it is kept, and the interface gets a name of its own (`interface`).

        Args:
            path: the file to write.

        Raises:
            UsageError: for another extension.
            DataError: for tasks of pictures or sounds that are not given as paths.
            SaveError: if a file cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() not in FORMATS:
            raise UsageError(f"Suggestions are written as .csv or .json. Got '{path}' instead.")
        if target.suffix.lower() == ".json":
            self._save_tasks(target)
            return target
        names = [name for name in Suggestion.__dataclass_fields__ if name != "index"]
        with atomic_file(target) as scratch:
            write_csv(scratch, self.rows(), names)
        return target

    def _save_tasks(self, target: Path) -> None:
        text, beside = self._interface_text(), self.interface(target)
        tasks = studio_tasks(self.items, self.chosen, self._answering())
        with atomic_file(target) as scratch:
            write_json(scratch, tasks)
        with atomic_file(beside) as scratch:
            scratch.write_bytes(text)

    def _interface_text(self) -> bytes:
        return f"{labelling_interface(self._answering())}\n".encode("utf-8", "backslashreplace")

    def _answering(self) -> Answering:
        if self.about is None:
            raise UsageError("Only suggestions that `suggest` made can be written as tasks; save them as .csv.")
        return self.about


def _holds(file: Path, text: bytes) -> bool:
    return file.is_file() and file.stat().st_size == len(text) and file.read_bytes() == text


def _percent(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.0%}"
