"""Shapley values of columns by sampling: for heads of tables that are not linear.

A random order of the columns is gone through: each column in turn takes the item's value instead of that of a random
training row, and the change of the quantity is its contribution. For each order the contributions sum to the difference
between the item and the training row, so their means sum to the difference from the mean answer.

References: Štrumbelj & Kononenko, "Explaining prediction models and individual predictions with feature contributions",
Knowledge and Information Systems 2014; Castro, Gómez & Tejada, "Polynomial calculation of the Shapley value based on
sampling", Computers & Operations Research 2009.

Command: headstart explain RUN ITEM --method shapley_sampling
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution, ColumnShare, ColumnShares
from headstart.explain.asking.columns import feature_groups
from headstart.explain.asking.query import Query
from headstart.explain.registry import Need
from headstart.heads.estimator.scores import estimator_scores
from headstart.types import Modality

__all__ = ["SHAPLEY_SAMPLING", "ShapleySampling"]

Array = NDArray[np.float64]
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class ShapleySampling:
    """The share of each column, by sampling orders of the columns and training rows.

    Attributes:
        orders: how many orders are sampled, each with its own training row; default 200.
        name: ``"shapley_sampling"``.
        title: what it shows.
        modalities: tables, and items of several columns.
        needs: the training rows.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 5.0], [9.0, 5.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = (rows, ["low"] * 10 + ["high"] * 10)
        >>> model = fit(data, heads=["knn"], baselines="none", verbose=False).model
        >>> found = model.explain(rows[0], label="low", training=data)["shapley_sampling"]
        >>> found.shown.largest(1)[0][0], found.completeness < 1e-9
        ('column 0 = 0', True)
    """

    orders: int = 200
    name: str = "shapley_sampling"
    title: str = "Share of each column"
    modalities: frozenset[Modality] = frozenset({"vector", "multimodal"})
    needs: frozenset[Need] = frozenset({"training rows"})

    def __call__(self, query: Query) -> Attribution:
        """The mean contribution of each column over the orders, with its standard error among the checks."""
        training = query.training_rows
        groups = feature_groups(query)
        rng, count = np.random.default_rng(query.seed), len(groups.names)
        drawn = np.sort(rng.integers(len(training), size=self.orders))
        others = np.stack([np.asarray(training.rows[int(i)], np.float64) for i in drawn])
        orders = rng.permuted(np.tile(np.arange(count), (self.orders, 1)), axis=1)
        values = _along(query, others, orders, groups.of_feature)
        steps = np.empty((self.orders, count))
        np.put_along_axis(steps, orders, np.diff(values, axis=1), axis=1)
        means, baseline = steps.mean(axis=0), float(values[:, 0].mean())
        columns = tuple(
            ColumnShare(name, cell, float(value))
            for name, cell, value in zip(groups.names, groups.cells, means, strict=True)
        )
        error = float((steps.std(axis=0, ddof=1) / np.sqrt(self.orders)).max())
        value = float(values[:, -1].mean())
        return Attribution(
            self.name, groups.title, ColumnShares(columns), query.contrast.quantity, query.contrast.unit, value,
            baseline, f"the mean of {self.orders} training rows", abs(float(means.sum()) - (value - baseline)),
            {"largest standard error": error},
            ("A column is replaced by that of a training row, whatever the other columns are.",),
        )  # fmt: skip


def _along(query: Query, others: Array, orders: NDArray[np.intp], of_feature: NDArray[np.intp]) -> Array:
    """The quantity (orders, columns + 1) as the columns of a training row become those of the item, in order."""
    total, count = orders.shape
    position = np.argsort(orders, axis=1)  # the step at which each column changes
    found = np.empty((total, count + 1))
    size = max(1, ROWS_AT_ONCE // (count + 1))
    for start in range(0, total, size):
        part = slice(start, start + size)
        step = position[part][:, None, of_feature]  # (orders, 1, features)
        changed = step < np.arange(count + 1)[None, :, None]
        rows = np.where(changed, query.mapped[None, None], others[part][:, None])
        found[part] = _scores(query, rows.reshape(-1, rows.shape[2])).reshape(rows.shape[:2])
    return found


def _scores(query: Query, mapped: Array) -> Array:
    head = query.model.head
    if head.estimator is None:
        return mapped @ query.direction + query.constant
    return query.contrast(estimator_scores(head.estimator, mapped, len(head.bias)) + head.bias)


SHAPLEY_SAMPLING = ShapleySampling()
