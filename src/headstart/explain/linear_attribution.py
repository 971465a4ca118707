"""Exact attribution of a linear head: the share of each column, source or part in the difference from the mean item.

    f(x) - f(μ) = Σ_j w_j (x_j - μ_j), summed over the features of each column.

For a table these are its columns (a category's one-hot features count as one column); for an item of several columns
and for fused sources, the features of each part. The shares sum to the difference exactly, and for independent columns
they are the Shapley values.

Reference: Štrumbelj & Kononenko, "Explaining prediction models and individual predictions with feature contributions",
Knowledge and Information Systems 2014, section 3 (additive models).

Command: headstart explain RUN ITEM --method linear_attribution
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.attributions import Attribution, ColumnShare, ColumnShares
from headstart.explain.asking.columns import feature_groups
from headstart.explain.asking.query import Query
from headstart.explain.registry import Need
from headstart.types import Modality

__all__ = ["LINEAR_ATTRIBUTION", "LinearAttribution"]


@dataclass(frozen=True)
class LinearAttribution:
    """The share of each column, exactly.

    Attributes:
        name: ``"linear_attribution"``.
        title: what it shows.
        modalities: tables, items of several columns, and fused sources of any kind.
        needs: a linear head and the mean training row.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 5.0], [9.0, 5.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["low"] * 10 + ["high"] * 10), verbose=False).model
        >>> found = model.explain(rows[0], label="low")["linear_attribution"]
        >>> found.shown.largest(1)[0][0], found.completeness < 1e-9
        ('column 0 = 0', True)
    """

    name: str = "linear_attribution"
    title: str = "Share of each column"
    modalities: frozenset[Modality] = frozenset({"vector", "multimodal", "text", "image", "audio"})
    needs: frozenset[Need] = frozenset({"linear head", "mean row"})

    def __call__(self, query: Query) -> Attribution:
        """The sum of w_j (x_j - μ_j) over the features of each column."""
        mean = query.mean
        groups = feature_groups(query)
        shares = query.direction * (query.mapped - mean)
        sums = np.zeros(len(groups.names))
        np.add.at(sums, groups.of_feature, shares)
        columns = tuple(
            ColumnShare(name, cell, float(value))
            for name, cell, value in zip(groups.names, groups.cells, sums, strict=True)
        )
        baseline = float(query.direction @ mean + query.constant)
        gap = abs(float(sums.sum()) - (query.value - baseline))
        return Attribution(
            self.name, groups.title, ColumnShares(columns), query.contrast.quantity, query.contrast.unit,
            query.value, baseline, "the mean training item", gap,
            notes=("The shares are exact for this linear head, and sum to the difference from the mean item.",),
        )  # fmt: skip


LINEAR_ATTRIBUTION = LinearAttribution()
