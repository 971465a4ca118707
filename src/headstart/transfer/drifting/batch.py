"""A quick look at the items of one call: whether they have shifted, at a cost that no one notices.

At most 256 items are compared with as many training items, by MMD and by the mean outputs of the model, with 299 random
assignments. A warning comes at p ≤ 0.01, so in one of a hundred calls with items like the training items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.shift.least_items import LEAST
from headstart.evaluate.shift.pooled import pooled_rows
from headstart.evaluate.shift.two_sample import two_sample_tests
from headstart.model import TransferModel
from headstart.transfer.drifting.sample import drawn_units, kept_reference, mapped_rows
from headstart.types import Rows

__all__ = ["ALARM", "BatchShift", "batch_shift"]

ALARM = 0.01
"""Share of calls with items like the training items in which a shift is reported, at most."""
MOST = 256
MOST_COLUMNS = 512  # of wide rows, drawn at random
PERMUTATIONS = 299


@dataclass(frozen=True)
class BatchShift:
    """What a quick look at the items of a call found.

    Attributes:
        items: number of items that were compared.
        reference: number of training items.
        p_value: of no shift.

    Examples:
        >>> BatchShift(256, 200, 0.4).sentence
        'none found (256 items against 200 training items, p = 0.4)'
        >>> BatchShift(256, 200, 0.003).differs
        True
    """

    items: int
    reference: int
    p_value: float

    @property
    def differs(self) -> bool:
        """Whether there is a shift."""
        return self.p_value <= ALARM

    @property
    def sentence(self) -> str:
        """The finding in words."""
        counts = f"{self.items} items against {self.reference} training items, p = {self.p_value:.2g}"
        if not self.differs:
            return f"none found ({counts})"
        return (
            f"These items differ from the training items ({counts}; a false alarm in {ALARM:.0%} of calls); 'headstart "
            "drift' says in what, and what to do."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"items": self.items, "reference": self.reference, "p_value": self.p_value, "differs": self.differs}


def batch_shift(
    model: TransferModel, rows: Rows, outputs: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> BatchShift | None:
    """Compare the items of a call with the training items that the model keeps.

    Args:
        model: the model.
        rows: (n, d) of the source.
        outputs: (n, k) of the model, without other priors.
        groups: (n,) codes of groups of the items, or None.

    Returns:
        What was found; None where the model keeps no rows, a side has fewer than 50 items, or items come in groups,
        which are not independent.

    Examples:
        >>> from headstart import fit
        >>> rows = np.random.default_rng(0).normal(size=(200, 2))
        >>> model = fit((rows[:100], rows[:100, 0] > 0), baselines="none", verbose=False).model
        >>> for moved in (0, 2):
        ...     new = rows[100:] + moved
        ...     batch_shift(model, new, model.outputs(new)).differs
        False
        True
    """
    if len(rows) < LEAST or groups is not None or model.certainty is None or len(model.certainty.index) < LEAST:
        return None
    small = kept_reference(model, MOST)
    if small is None or small.named:
        return None
    kept = drawn_units(len(rows), None, MOST, 0)
    new = mapped_rows(model, rows[kept])
    if new.shape[1] > MOST_COLUMNS:
        columns = np.random.default_rng(0).permutation(new.shape[1])[:MOST_COLUMNS]
        new, small = new[:, columns], replace(small, rows=small.rows[:, columns])
    pooled = pooled_rows(small.rows, new, groups=None if small.units is None else (small.codes, np.arange(len(new))))
    both = None if small.outputs is None else np.concatenate([small.outputs, outputs[kept]])
    _, p_value = two_sample_tests(pooled, both, measures=("mmd", "outputs"), permutations=PERMUTATIONS)
    return BatchShift(len(new), small.count, p_value)
