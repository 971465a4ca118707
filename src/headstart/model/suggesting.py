"""`TransferModel.suggest`: a method of the model whose work is done by a layer above it."""

from __future__ import annotations

from typing import Any

from headstart.registry import OPERATIONS

__all__ = ["suggest_labels"]


def suggest_labels(self: object, items: Any, n: int = 50, **options: Any) -> Any:
    """The unlabelled items whose label would help the model most, the most helpful first.

    Args:
        self: the model.
        items: unlabelled items: a list, folder, table, DataFrame or dataset.
        n: how many to suggest.
        options: ``item``, ``group_col``, ``group_pattern``, ``seed``, ``verbose`` and ``reporter``, as in
            `headstart.transfer.suggest.suggest`.

    Returns:
        The suggestions (`headstart.transfer.suggestions.result.Suggestions`), with the reasons for each.

    Raises:
        DataError: if there are fewer items than ``n``.

    Examples:
        >>> from headstart import fit
        >>> rows = [[0.0, 0.1], [0.1, 0.3], [0.2, 0.2], [2.0, 0.1], [2.1, 0.3], [2.2, 0.2]]
        >>> rows = [[a + k / 50, b] for k in range(4) for a, b in rows]
        >>> model = fit((rows, ["low", "low", "low", "high", "high", "high"] * 4), verbose=False).model
        >>> len(model.suggest([[0.1, 0.2], [1.1, 0.2], [5.0, 0.3]], n=2))
        2
    """
    return OPERATIONS["suggest"](self, items, n=n, **options)
