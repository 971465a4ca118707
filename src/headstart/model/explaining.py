"""`TransferModel.explain`: a method of the model whose work is done by a layer above it."""

from __future__ import annotations

from typing import Any

from headstart.attributions import Explanation
from headstart.registry import OPERATIONS

__all__ = ["explain_answer"]


def explain_answer(self: object, item: Any, **options: Any) -> Explanation:
    """Why the model answers as it does for one item: words, columns or pixels, and the training items behind it.

    Args:
        self: the model.
        item: one item, as ``predict`` takes them in a list.
        options: ``method``, ``label``, ``against``, ``training``, ``count`` and ``seed``, as in
            `headstart.explain.explain`.

    Returns:
        The explanation, which a notebook shows.

    Raises:
        ItemError: if the item cannot be read.
        UnknownNameError: for an unknown method or label.
        ParameterError: for a method that does not fit the item or the model.

    Examples:
        >>> from headstart import fit
        >>> rows = [[0.0, 0.1], [0.1, 0.3], [0.2, 0.2], [2.0, 0.1], [2.1, 0.3], [2.2, 0.2]]
        >>> rows = [[a + k / 50, b] for k in range(4) for a, b in rows]
        >>> model = fit((rows, ["low", "low", "low", "high", "high", "high"] * 4), verbose=False).model
        >>> model.explain([0.1, 0.2])["linear_attribution"].shown.largest(1)[0][0]
        'column 0 = 0.1'
    """
    found: Explanation = OPERATIONS["explain"](self, item, **options)
    return found
