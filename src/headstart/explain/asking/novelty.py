"""How unlike the training items the item is: the p-value of `headstart.model.novelty`, in a plain sentence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Novelty
from headstart.errors import DataError
from headstart.explain.asking.query import Query
from headstart.linear.conformal import least_rows
from headstart.model.novelty import FALSE_ALARM

__all__ = ["novelty_of"]


def novelty_of(query: Query, outputs: NDArray[np.float64]) -> Novelty | None:
    """The novelty of a question's item; None for a model that kept nothing to compare it with.

    Args:
        query: the question.
        outputs: (k,) the calibrated outputs for the item.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> rows = np.random.default_rng(0).normal(size=(400, 3))
        >>> model = fit((rows, rows[:, 0] > 0), baselines="none", verbose=False).model
        >>> far = ask(model, [20.0, 20.0, 20.0])
        >>> print(novelty_of(far, model.outputs(far.row)[0]).sentence)
        Novel: at most 1 in 100 of the training items are as unlike the others as this item is unlike all of them (p = \
0.0025), so do not rely on the answer.
    """
    if query.model.certainty is None:
        return None
    detector = query.model.novelty_detector()
    try:
        p_value = float(detector.p_values(query.row, outputs[None])[0])
    except DataError:  # neither rows nor leverages nor probabilities are known
        return None
    units = detector.units
    enough = units >= least_rows(1 - FALSE_ALARM)
    what = "groups of training items" if query.model.certainty.scored_groups is not None else "training items"
    return Novelty(p_value, p_value <= FALSE_ALARM if enough else None, _sentence(p_value, units, what, enough=enough))


def _sentence(p_value: float, units: int, what: str, *, enough: bool) -> str:
    known = f"(p = {p_value:.2g})"
    if enough and p_value <= FALSE_ALARM:
        return (
            f"Novel: at most 1 in {round(1 / FALSE_ALARM)} of the training items are as unlike the others as this "
            f"item is unlike all of them {known}, so do not rely on the answer."
        )
    if enough:
        return (
            f"Not novel: {p_value:.0%} of the training items are at least as unlike the others as this item is {known}."
        )
    return (
        f"The {units} {what} are too few to call an item novel at a false-alarm rate of {FALSE_ALARM:.0%}; "
        f"{p_value:.0%} of them, counting this item, are at least as unlike the others {known}."
    )
