"""What a linear head makes of each column of a source's row, for one item: the weights of a class map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.explain.asking.columns import source_columns
from headstart.explain.asking.query import Query

__all__ = ["BlockTerm", "block_terms", "reference"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BlockTerm:
    """The share of a block: ``row_of_block @ weights - constant``.

    Attributes:
        weights: (width,) of the block's columns.
        constant: the same of the reference.
        is_read: whether the head reads any of its columns.
    """

    weights: Array
    constant: float
    is_read: bool


def reference(query: Query) -> tuple[Array, str]:
    """The features with which an item is compared, as the head reads them, and what they are.

    Args:
        query: of any model.

    Returns:
        The mean training row where it is known, else zeros.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> query = ask(fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model, [0.2, 1.0])
        >>> features, words = reference(query)
        >>> features.shape, words
        ((2,), 'the mean training item')
    """
    if query.knows_mean:
        return query.mean, "the mean training item"
    return np.zeros(query.model.head.feature_map.num_features), "features that are all zero"


def block_terms(query: Query, row: Array) -> list[BlockTerm]:
    """How a linear head reads each block of a row: the shares sum to f(row) - f(reference).

    A block that the head scales to unit norm is divided by its norm in this row, so the shares are exact for it.

    Args:
        query: of a model with a linear head.
        row: (d,) the features of the item.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> query = ask(fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model, [0.2, 1.0])
        >>> shares = [row @ term.weights - term.constant for row, term in zip([query.row[0]], block_terms(query,
        ...     query.row[0]))]
        >>> bool(np.isclose(sum(shares), query.value - query.direction @ reference(query)[0] - query.constant))
        True
    """
    head = query.model.head.feature_map
    own, direction = source_columns(head), query.direction
    per_column = np.ones(len(row))
    for (start, stop), scaling in zip(head.blocks, head.block_scalings, strict=True):
        if scaling == "unit_norm":
            per_column[start:stop] = max(float(np.linalg.norm(row[start:stop])), 1e-300)
    scale = head.scale if head.scale.size else np.ones(len(own))
    shift = head.shift if head.shift.size else np.zeros(len(own))
    start_of, _ = reference(query)
    constants = direction * (start_of + shift / scale)
    weights = np.zeros(len(row))
    np.add.at(weights, own, direction / scale / per_column[own])
    edges = np.cumsum([0, *_widths(query, len(row))])
    block_of = np.searchsorted(edges, own, side="right") - 1
    sums = np.zeros(len(edges) - 1)
    np.add.at(sums, block_of, constants)
    return [
        BlockTerm(weights[a:b], float(constant), bool((block_of == k).any()))
        for k, (a, b, constant) in enumerate(zip(edges[:-1], edges[1:], sums, strict=True))
    ]


def _widths(query: Query, columns: int) -> list[int]:
    return [block.width for block in query.model.source.info.blocks] or [columns]
