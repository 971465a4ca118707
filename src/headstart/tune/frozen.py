"""Feature transfer: the body stays as it is, the head is solved.

Reference: Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from headstart.errors import DataError
from headstart.heads import HEADS, HeadSearch, SpectralHead, select_head
from headstart.heads.kept_moments import kept_moments
from headstart.model import TransferModel
from headstart.types import Features, Source, Task

__all__ = ["FROZEN", "FrozenFeatures"]


@dataclass(frozen=True)
class FrozenFeatures:
    """Frozen features with a head chosen by exact leave-one-out loss.

    Attributes:
        search: what is compared when the head is chosen.
        keep_moments: whether the model keeps what exact update and removal need.

    Examples:
        >>> import numpy as np
        >>> from headstart.sources import open_source
        >>> source = open_source("vector")
        >>> x = np.array([[0.0], [0.2], [2.0], [2.2]], np.float32)
        >>> rows = Features(x, np.array([0, 0, 1, 1]), ("a", "b", "c", "d"), None, source.info)
        >>> model = FrozenFeatures().fit(source, rows, Task("classification", ("low", "high")), seed=0)
        >>> model.predict([[0.1]])
        ['low']
    """

    search: HeadSearch = HeadSearch()
    keep_moments: bool = True

    def fit(self, source: Source, train: Features, task: Task, *, seed: int) -> TransferModel:
        """Solve the head on ``train`` rows; raises `DataError` where they carry no labels."""
        if train.y is None:
            raise DataError("The training rows carry no labels; a head needs one for each row.")
        head = select_head(
            train.x, train.y, task, blocks=train.info.blocks, groups=train.groups, search=self.search, seed=seed
        )
        keep = self.keep_moments and isinstance(HEADS[head.head], SpectralHead)  # others are not solved from moments
        moments = kept_moments(train.x, train.y, task, head, self.search) if keep else None
        return TransferModel(source, task, replace(head, moments=None), moments)


FROZEN = FrozenFeatures()
