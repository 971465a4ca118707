"""Weight interpolation between two states of the same network.

Reference: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

__all__ = ["interpolated"]


def interpolated(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """(1 - a) θ₀ + a θ₁, elementwise; integer tensors (counters) are taken from ``after``.

    Args:
        before: θ₀, tensors by name.
        after: θ₁, with the same names and shapes.
        share: a in [0, 1].

    Examples:
        >>> import torch
        >>> interpolated({"w": torch.tensor(0.0)}, {"w": torch.tensor(4.0)}, 0.25)
        {'w': tensor(1.)}
    """
    return {
        name: before[name].lerp(value, share) if value.is_floating_point() else value for name, value in after.items()
    }
