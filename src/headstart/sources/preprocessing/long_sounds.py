"""What is said about sounds that are longer than a body reads at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.data.media.readers import sound_seconds

__all__ = ["long_sounds"]


def long_sounds(items: Sequence[Any], most_seconds: float, what: str) -> tuple[str, ...]:
    """A sentence on the sounds above a duration; none if there are none.

    It is counted from the items themselves, so it is the same whether their rows are computed or found in a store.

    Args:
        items: n sounds; those that cannot be read are not counted.
        most_seconds: the longest duration that needs no sentence.
        what: what is done with longer ones, as a clause.

    Examples:
        >>> import numpy as np
        >>> long_sounds([(np.zeros(300), 100), (np.zeros(80), 100)], 2.0, "the first 2 seconds of each were read")
        ('1 of 2 sounds lasts more than 2 seconds: the first 2 seconds of each were read',)
    """
    count = sum(sound_seconds(item) > most_seconds for item in items)
    if not count:
        return ()
    verb = "lasts" if count == 1 else "last"
    return (f"{count:,} of {len(items):,} sounds {verb} more than {most_seconds:.4g} seconds: {what}",)
