"""Model-randomisation check: the map of a model whose head or body is random has to be another one.

A map that stays the same shows the item, such as its edges or its rare words, and not what the model learnt.

Reference: Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Explanation
from headstart.errors import ParameterError
from headstart.explain.explain import explain
from headstart.explain.registry import ExplanationMethod
from headstart.model import TransferModel
from headstart.params import check_choice

__all__ = ["randomisation_check", "randomised", "rank_correlation"]

Part = Literal["head", "body"]


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's rank correlation of two maps of the same shape; nan where one of them is constant.

    Args:
        first: attributions.
        second: others, of the same parts.

    Raises:
        ParameterError: if the shapes differ.

    Examples:
        >>> round(rank_correlation(np.array([1.0, 2.0, 5.0]), np.array([0.0, 4.0, 9.0])), 6)
        1.0
    """
    from scipy.stats import rankdata

    if first.shape != second.shape:
        raise ParameterError(f"Maps of one shape are compared. Got {first.shape} and {second.shape}.")
    a, b = (rankdata(one.ravel()) for one in (first, second))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def randomised(model: TransferModel, part: Part, seed: int = 0) -> TransferModel:
    """The model with a random head or a random body; the other part, features and calibration stay.

    What the fit kept of its training items is left out. A random head has normal weights with the same standard
    deviation for each output. A random body is initialised as before its training.

    Args:
        model: with a linear head.
        part: ``"head"`` or ``"body"``.
        seed: of the random weights.

    Raises:
        ParameterError: if the head is not linear, or the source has no body.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model
        >>> bool((randomised(model, "head").head.weight == model.head.weight).any())
        False
    """
    check_choice(part, "part", "randomised", ("head", "body"))
    if part == "body":
        body = model.source.untrained(seed)
        if body is None:
            raise ParameterError(f"The source '{model.source.info.name}' has no body whose weights could be random.")
        return replace(model, source=body, certainty=None)
    if not model.head.linear:
        raise ParameterError(f"A linear head is randomised. Got '{model.head.head}'; fit with --head solved.")
    weight, rng = model.head.weight, np.random.default_rng(seed)
    drawn = rng.standard_normal(weight.shape) * weight.std(axis=0)
    return replace(model, head=replace(model.head, weight=drawn), certainty=None)


def randomisation_check(
    model: TransferModel,
    items: Sequence[Any],
    method: str | ExplanationMethod,
    part: Part = "head",
    *,
    seed: int = 0,
    known: Sequence[Explanation] | None = None,
) -> NDArray[np.float64]:
    """The rank correlation of the map of each item with that of the randomised model, for the same label, (n,).

    Args:
        model: the model.
        items: n items.
        method: as in `headstart.explain.explain`; one that gives a value for each part of the item.
        part: what is randomised.
        seed: of the random weights; each item has its own draw of a random head.
        known: the explanations of the items by this method, if they have been made.

    Examples:
        >>> from headstart import fit
        >>> texts = ["a good film", "good fun", "a bad film", "bad luck"] * 6
        >>> data = ([f"{text} {k}" for k, text in enumerate(texts)], ["+", "+", "-", "-"] * 6)
        >>> model = fit(data, source="toy", verbose=False).model
        >>> randomisation_check(model, ["a good one"], "leave_one_word_out").shape
        (1,)
    """
    other = randomised(model, part, seed)
    found = []
    for place, item in enumerate(items):
        own = explain(model, item, method=method) if known is None else known[place]
        # the contrast is that of the label which the model itself gave
        label = own.label
        against = randomised(model, "head", seed + place) if part == "head" else other
        map_of_random = explain(against, item, method=method, label=label)
        found.append(rank_correlation(own.attributions[0].shown.values, map_of_random.attributions[0].shown.values))
    return np.array(found, np.float64)
