"""Nearest training items: those whose features are most like the item's, by the cosine of centred rows.

Rows are mapped as the head reads them, and the mean training row is subtracted: early layers share a large mean, with
which all cosines are close to 1.

References: Caruana et al., "Case-Based Explanation of Non-Case-Based Learning Methods", AMIA 1999; Papernot & McDaniel,
"Deep k-Nearest Neighbors", arXiv:1803.04765, 2018.

Command: headstart explain RUN ITEM --method similar
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.attributions import Attribution, TrainingItems
from headstart.explain.asking.query import Query
from headstart.explain.asking.shown_items import listed_items
from headstart.explain.registry import EVERY_MODALITY, Need
from headstart.linear.checks import chunks, unit_rows
from headstart.tasks import is_regression
from headstart.types import Modality

__all__ = ["SIMILAR", "Similar"]


@dataclass(frozen=True)
class Similar:
    """The training items that are most like the item.

    Attributes:
        name: ``"similar"``.
        title: what it shows.
        modalities: every kind of item.
        needs: the training rows.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = (rows, ["left"] * 10 + ["right"] * 10)
        >>> found = fit(data, verbose=False).model.explain(rows[3], method="similar", training=data)["similar"]
        >>> found.shown.supporters[0].id, round(found.shown.supporters[0].value, 6)
        ('3', 1.0)
    """

    name: str = "similar"
    title: str = "Most similar training items"
    modalities: frozenset[Modality] = EVERY_MODALITY
    needs: frozenset[Need] = frozenset({"training rows"})

    def __call__(self, query: Query) -> Attribution:
        """The likeness, between -1 and 1, of every training item, and the most like ones."""
        training = query.training_rows
        mean = training.mean
        own = unit_rows((query.mapped - mean)[None])[0]
        values = np.empty(len(training))
        for part in chunks(len(training)):
            values[part] = unit_rows(np.asarray(training.rows[part], np.float64) - mean) @ own
        nearest = np.argsort(-values, kind="stable")[: query.count]
        items = listed_items(query, nearest.tolist(), values[nearest].tolist())
        checks = {}
        if items and not is_regression(query.model.task):
            agree = np.mean([item.label == query.contrast.label for item in items])
            checks["share of these with the explained label"] = float(agree)
        return Attribution(
            self.name, self.title, TrainingItems(items, (), values), query.contrast.quantity, "cosine",
            query.value, checks=checks,
            notes=("The cosine is that of the features as the head reads them, minus the mean training row.",),
        )  # fmt: skip


SIMILAR = Similar()
