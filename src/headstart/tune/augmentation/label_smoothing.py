"""Label smoothing: targets that leave some probability to the other classes.

Reference: Szegedy, Vanhoucke, Ioffe, Shlens & Wojna, "Rethinking the Inception Architecture for Computer Vision", CVPR
2016, section 7: q' = (1 - ε) q + ε u.
"""

from __future__ import annotations

from torch import Tensor

from headstart.params import check_number

__all__ = ["smooth_labels"]


def smooth_labels(y: Tensor, epsilon: float = 0.1, *, prior: float | None = None) -> Tensor:
    """The targets (1 - epsilon) * y + epsilon * prior.

    It helps calibration and hurts features that shall transfer further or be distilled (Kornblith, Chen, Lee & Norouzi,
    "Why Do Better Loss Functions Lead to Less Transferable Features?", NeurIPS 2021).

    Args:
        y: (n, k) targets, float: rows that sum to 1, or independent labels in [0, 1].
        epsilon: the share that is spread, 0.1 as in the paper.
        prior: what each class gets of it: 1 / k by default, for rows that sum to 1; 0.5 for independent labels.

    Raises:
        ParameterError: if ``epsilon`` or ``prior`` is not in [0, 1].

    Examples:
        >>> import torch
        >>> smooth_labels(torch.tensor([[1.0, 0.0]]), 0.2)
        tensor([[0.9000, 0.1000]])
    """
    check_number(epsilon, "epsilon", "smooth_labels", low=0, high=1)
    if prior is None:
        prior = 1 / y.shape[1]
    check_number(prior, "prior", "smooth_labels", low=0, high=1)
    return y * (1 - epsilon) + epsilon * prior
