"""Facts about table columns: each is computed once, when first needed, and cached for all rules that use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from headstart.data.labels import nearly_all
from headstart.data.media.readers import media_kind
from headstart.data.table.identifiers import are_identifiers
from headstart.data.text.nearly_all import NEARLY_ALL
from headstart.types import Modality

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cell", "ColumnFacts", "Facts", "Role", "facts_of"]

SAMPLE = 50
FEW_FRACTIONS = 0.02

Cell = Literal["path", "media", "text", "array", "number", "other"]
"""What a cell holds: a path, media (an encoded or decoded picture or sound), a text, an array, a number, or other."""


class Role(NamedTuple):
    """The columns with a certain role, and the reasons, in sentences for the user.

    Attributes:
        columns: names of the columns, in the order of the table.
        why: sentences on the choice; empty if nothing needs to be reported.

    Examples:
        >>> Role(("split",), ("Took the given split from column 'split'.",)).columns
        ('split',)
    """

    columns: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ColumnFacts:
    """Facts about one column. Each fact is computed on first access and then cached.

    Attributes:
        name: name of the column.
        column: its cells.

    Examples:
        >>> import pandas as pd
        >>> facts = ColumnFacts("grade", pd.Series(["a", "b", None, "a", "b"]))
        >>> len(facts), facts.missing, facts.distinct, facts.is_low, facts.cell
        (5, 1, 2, True, 'text')
    """

    name: str
    column: pd.Series[Any]

    def __len__(self) -> int:
        return len(self.column)

    @property
    def dtype_kind(self) -> str:
        """NumPy's kind code of the dtype: ``"f"`` for floats, ``"O"`` for objects, ..."""
        return str(self.column.dtype.kind)

    @property
    def is_number(self) -> bool:
        """Whether the column has a numeric dtype; booleans are not numeric."""
        return self.dtype_kind in "iuf"

    @property
    def is_quantity(self) -> bool:
        """Whether the column has a numeric or boolean dtype."""
        return self.dtype_kind in "biuf"

    @property
    def is_stringy(self) -> bool:
        """Whether the column may hold strings."""
        return self.dtype_kind in "OUST" or self.column.dtype == "string"

    @cached_property
    def known(self) -> pd.Series[Any]:
        """The cells that are not missing; no copy is made if none is missing."""
        # pandas' dropna copies the cells even if nothing is dropped.
        gone = self.column.isna()
        return self.column[~gone] if bool(gone.any()) else self.column

    @property
    def missing(self) -> int:
        """How many cells are missing."""
        return len(self.column) - len(self.known)

    def spread(self, most: int) -> list[Any]:
        """At least ``most`` of the known cells, evenly spaced; all of them if there are fewer."""
        # Evenly spaced, because tables are often sorted: the first rows may all be of one kind.
        return self.known.iloc[:: max(1, len(self.known) // most)].tolist()

    @cached_property
    def sample(self) -> list[Any]:
        """About fifty cells spread over the column, without missing and blank ones."""
        return [value for value in self.spread(SAMPLE) if not (isinstance(value, str) and not value.strip())]

    @cached_property
    def media(self) -> Modality | None:
        """The kind of media if 90% of the cells are encoded or decoded pictures or sounds, not paths; else None."""
        kinds = Counter(media_kind(value) for value in self.sample)
        kind, count = kinds.most_common(1)[0] if kinds else (None, 0)
        return kind if count >= NEARLY_ALL * len(self.sample) else None

    @cached_property
    def cell(self) -> Cell:
        """What 90% of the cells are: texts (including paths), arrays of numbers, or other."""
        values = self.sample
        if values and sum(isinstance(value, str) for value in values) >= NEARLY_ALL * len(values):
            return "text"
        if values and all(isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1 for value in values):
            return "array" if all(np.asarray(value).dtype.kind in "fiu" for value in values) else "other"
        return "other"

    @cached_property
    def distinct(self) -> int | None:
        """How many values there are, missing ones left out; None where cells such as lists cannot be counted."""
        try:
            return int(self.known.nunique())
        except TypeError:  # they are not hashable
            return None

    @cached_property
    def is_unique(self) -> bool:
        """Whether no two cells are the same, a missing one among them; False where they cannot be compared."""
        try:
            return bool(self.column.is_unique)
        except TypeError:  # lists are not hashable
            return False

    @cached_property
    def values(self) -> frozenset[str]:
        """The distinct cells as strings in lower case, without surrounding whitespace; empty if they are not hashable.

        There is one string per distinct cell, so use it only for columns with few of them.
        """
        try:
            return frozenset(str(value).strip().lower() for value in self.column.unique())
        except TypeError:  # lists are not hashable
            return frozenset()

    @cached_property
    def repeats(self) -> bool:
        """Whether each value occurs at least twice on average; True if values are not hashable."""
        return len(self.known) > 0 and (self.distinct is None or self.distinct * 2 <= len(self.known))

    @cached_property
    def has_fractions(self) -> bool:
        """Whether more than 2% of the numbers are not whole."""
        return self.dtype_kind == "f" and float((self.known % 1 != 0).mean()) > FEW_FRACTIONS

    @property
    def is_low(self) -> bool:
        """Whether the column looks like classes: each value occurs at least twice on average, and few are fractions."""
        return len(self.known) > 0 and not self.has_fractions and self.repeats

    @cached_property
    def is_binary(self) -> bool:
        """Whether nearly all cells are 0 or 1, or True or False."""
        known = self.known
        if not len(known) or not (self.is_quantity or all(isinstance(value, bool) for value in known)):
            return False
        return nearly_all(int(known.isin([0, 1]).sum()), len(known))

    @cached_property
    def are_identifiers(self) -> bool:
        """Whether the cells look like identifiers: single words or whole numbers, nearly all distinct."""
        return are_identifiers(self.known.tolist())

    @cached_property
    def mean_length(self) -> float:
        """Mean number of characters of a string."""
        return float(self.known.str.len().mean())

    @cached_property
    def spaced(self) -> float:
        """The share of strings with several words."""
        return float(self.known.str.contains(" ").mean())

    @cached_property
    def mean_words(self) -> float:
        """Mean number of words per cell, whatever its type; 0 if all cells are missing."""
        known = self.known.astype(str)
        return float(np.mean([len(value.split()) for value in known])) if len(known) else 0.0


Facts = Mapping[str, ColumnFacts]
"""The facts of a table's columns by name, in column order."""


def facts_of(frame: pd.DataFrame, names: Sequence[str] | None = None) -> dict[str, ColumnFacts]:
    """The facts of each column of a table; nothing is computed yet.

    Args:
        frame: the table, with distinct column names.
        names: names of the columns to include; all by default.

    Examples:
        >>> import pandas as pd
        >>> facts_of(pd.DataFrame({"size": [1.5, 2.5], "kind": ["a", "b"]}))["size"].has_fractions
        True
    """
    return {name: ColumnFacts(name, frame[name]) for name in (frame.columns if names is None else names)}
