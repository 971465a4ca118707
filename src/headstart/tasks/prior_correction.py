"""Prior correction: probabilities under class shares that differ from those of the training data (label shift).

p'(c | x) ∝ p(c | x) π'_c / π_c holds where the items of each class have the same distribution in both places. The new
shares π' are given, or estimated from unlabelled items by EM: correct with the current shares, average, repeat.

Reference: Saerens, Latinne & Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A
Simple Procedure", Neural Computation 2002.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError

__all__ = ["corrected", "estimated_priors", "named_priors"]

Array = NDArray[np.float64]
STEPS = 10_000  # of EM, at most
TOLERANCE = 1e-10  # EM ends when no share changes by more


def corrected(outputs: Array, shares: Array, priors: Array) -> Array:
    """Prior correction: probabilities (n, C) under other class shares.

    Command: headstart predict MODEL ITEM --priors uniform

    Args:
        outputs: (n, C) probabilities of the model.
        shares: (C,) class shares of its training data; a class with share zero keeps probability zero.
        priors: (C,) the new class shares.

    Examples:
        >>> corrected(np.array([[0.5, 0.5]]), np.array([0.5, 0.5]), np.array([0.9, 0.1])).round(3)
        array([[0.9, 0.1]])
    """
    ratio = np.divide(priors, shares, out=np.zeros_like(shares), where=shares > 0)
    raised = outputs * ratio
    total = raised.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, raised / np.where(total > 0, total, 1.0), outputs))


def estimated_priors(outputs: Array, shares: Array) -> Array:
    """Prior estimation by EM: the maximum-likelihood class shares (C,) of unlabelled items.

    Command: headstart predict MODEL ITEM --priors estimate

    The likelihood Σ_i ln Σ_c p_ic π'_c / π_c is concave in π', so EM converges to its maximum.

    Args:
        outputs: (n, C) probabilities of the model for n items, at least one.
        shares: (C,) class shares of its training data.

    Examples:
        >>> outputs = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.1, 0.9]])
        >>> estimated_priors(outputs, np.array([0.5, 0.5])).round(2)
        array([0.75, 0.25])
    """
    priors = np.asarray(shares, dtype=np.float64)
    for _ in range(STEPS):
        new = corrected(outputs, shares, priors).mean(axis=0)
        if np.abs(new - priors).max() < TOLERANCE:
            return np.asarray(new)
        priors = new
    return priors


def named_priors(given: str | Mapping[str, float] | Sequence[float], labels: Sequence[str]) -> Array | None:
    """Class shares (C,) as a user gives them, normalised to sum to one; None for ``"estimate"``.

    Args:
        given: ``"uniform"``, ``"estimate"``, a share by label, or C shares in the order of the labels.
        labels: C labels.

    Raises:
        ParameterError: if a label is missing or unknown, or a share is negative.

    Examples:
        >>> named_priors({"ant": 3, "bee": 1}, ("ant", "bee"))
        array([0.75, 0.25])
    """
    if isinstance(given, str):
        if given not in ("uniform", "estimate"):
            raise ParameterError(
                f"Priors must be 'uniform', 'estimate', or a share for each label. Got {given!r} instead."
            )
        return None if given == "estimate" else np.full(len(labels), 1 / len(labels))
    values = _listed(given, labels)
    if len(values) != len(labels) or not all(np.isfinite(v) and v >= 0 for v in values) or not sum(values) > 0:
        raise ParameterError(
            f"Priors must be {len(labels)} numbers of 0 or more, not all 0, one for each of {', '.join(labels[:5])}"
            f"{', ...' if len(labels) > 5 else ''}. Got {given!r:.80} instead."
        )
    return np.array(values) / sum(values)


def _listed(given: Mapping[str, float] | Sequence[float], labels: Sequence[str]) -> list[float]:
    try:
        if not isinstance(given, Mapping):
            return [float(value) for value in given]
        if set(given) != set(labels):
            odd: list[Any] = sorted(set(given) ^ set(labels), key=str)
            raise ParameterError(
                f"Priors must give a share for each label of the model, and for no other. '{odd[0]}' is in only one of "
                "the two."
            )
        return [float(given[label]) for label in labels]
    except (TypeError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"Priors must be numbers. Got {given!r:.80} instead.") from None
