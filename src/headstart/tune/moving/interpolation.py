"""Weights between those of two trainings of one structure: WiSE-FT and greedy soups.

References: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT); Wortsman et al. 2022, "Model
soups".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

__all__ = ["greedy_soup", "interpolated", "mean_of"]


def interpolated(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """(1 - a) θ₀ + a θ₁, weight by weight; whole numbers (counters) are taken from ``after``.

    Args:
        before: θ₀.
        after: θ₁, of the same names and shapes.
        share: a in [0, 1].

    Examples:
        >>> import torch
        >>> interpolated({"w": torch.tensor(0.0)}, {"w": torch.tensor(4.0)}, 0.25)
        {'w': tensor(1.)}
    """
    return {
        name: before[name].lerp(value, share) if value.is_floating_point() else value for name, value in after.items()
    }


def greedy_soup(states: Sequence[Mapping[str, Tensor]], loss: Callable[[Mapping[str, Tensor]], float]) -> list[int]:
    """The states whose mean is best: from the best one on, each is added if the validation loss does not rise.

    Args:
        states: weights of several trainings of one structure.
        loss: validation loss of weights.

    Returns:
        Positions of the states in the soup, the best one first.

    Examples:
        >>> import torch
        >>> states = [{"w": torch.tensor(w)} for w in (0.0, 3.0, 1.0)]
        >>> greedy_soup(states, lambda state: (state["w"].item() - 0.6) ** 2)
        [2, 0]
    """
    order = sorted(range(len(states)), key=lambda k: loss(states[k]))
    kept, least = [order[0]], loss(states[order[0]])
    for k in order[1:]:
        found = loss(mean_of([states[j] for j in [*kept, k]]))
        if found <= least:
            kept, least = [*kept, k], found
    return kept


def mean_of(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several states, weight by weight; whole numbers are taken from the first.

    Examples:
        >>> import torch
        >>> mean_of([{"w": torch.tensor(0.0)}, {"w": torch.tensor(4.0)}])
        {'w': tensor(2.)}
    """
    first = states[0]
    return {
        name: sum((state[name] for state in states[1:]), value) / len(states) if value.is_floating_point() else value
        for name, value in first.items()
    }
