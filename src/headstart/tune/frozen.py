"""Feature transfer: the body stays frozen, and the head is solved in closed form on its features.

Reference: Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.

Transfers: features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads import HEADS, HeadSearch, SpectralHead, select_head
from headstart.heads.spectral.kept_moments import kept_moments
from headstart.model import TransferModel
from headstart.model.certainty import certainty_of
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Features, Source, Task

__all__ = ["FROZEN", "FrozenFeatures"]


@dataclass(frozen=True)
class FrozenFeatures:
    """Frozen features with a closed-form head that is chosen by its exact leave-one-out loss.

    Attributes:
        search: which heads and features are compared.
        keep_moments: whether the model keeps the moments that exact updates and removals of items need.
        name: the name in the registry.

    Examples:
        >>> import numpy as np
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> items = np.array([[0.0], [0.2], [2.0], [2.2]], np.float32)
        >>> model = FROZEN.fit(open_source("vector"), read((items, ["low", "low", "high", "high"])))
        >>> model.predict([[0.1]])
        ['low']
    """

    search: HeadSearch = HeadSearch()
    keep_moments: bool = True
    name: str = "frozen"

    def fit(
        self,
        source: Source,
        train: Dataset,
        *,
        valid: Dataset | None = None,  # noqa: ARG002 (leave-one-out losses need no validation part)
        seed: int = 0,
        budget: Budget = Budget(),
        engine: Engine = Engine(),
    ) -> TransferModel:
        """Encode the items and solve the head."""
        task, y = train.labelled()
        encoded = extract(source, train.items, engine=engine, on_error="raise", progress=budget.progress)
        model = self.solve(
            source, Features(encoded.rows, y, train.ids, train.group_codes, source.info), task, seed=seed
        )
        return replace(model, columns=train.columns, engine=engine)

    def solve(self, source: Source, train: Features, task: Task, *, seed: int) -> TransferModel:
        """Solve the head on encoded items.

        Args:
            source: gave the features.
            train: features with labels.
            task: the label schema.
            seed: of all random numbers.

        Raises:
            DataError: if there are no labels.
        """
        if train.y is None:
            raise DataError("The training rows carry no labels; a head needs one for each row.")
        head = select_head(
            train.x, train.y, task, blocks=train.info.blocks, groups=train.groups, search=self.search, seed=seed
        )
        keep = self.keep_moments and isinstance(HEADS[head.head], SpectralHead)  # only these are solved from moments
        moments = kept_moments(train.x, train.y, task, head, self.search) if keep else None
        certainty = certainty_of(train.x, train.y, task, head, ids=train.ids, groups=train.groups, search=self.search)
        return TransferModel(source, task, replace(head, moments=None), moments, certainty=certainty)


FROZEN = FrozenFeatures()
