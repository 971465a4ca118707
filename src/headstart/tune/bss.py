"""Batch spectral shrinkage: the smallest singular values of each batch's features are penalised.

Reference: Chen et al. 2019, "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for Safe
Transfer Learning": L = L_T + η Σ_k s_k², over the k smallest singular values of the features of a batch.

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Training

__all__ = ["BSS", "BatchSpectralShrinkage", "smallest_squared_singular_values"]


def smallest_squared_singular_values(rows: Tensor, count: int) -> Tensor:
    """The squares of the ``count`` smallest singular values of rows (n, d), as eigenvalues of the smaller Gram matrix.

    Args:
        rows: (n, d) features. The Gram matrix is computed in float64, since squaring halves the number of digits that
            are left of a small singular value.
        count: how many; all if there are fewer.

    Returns:
        (count,) float64, smallest first.

    Examples:
        >>> smallest_squared_singular_values(torch.tensor([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), 1)
        tensor([4.], dtype=torch.float64)
    """
    wide = rows.double()
    # The eigenvalues of the Gram matrix are the squared singular values; eigvalsh sorts them in ascending order.
    gram = wide @ wide.T if wide.shape[0] <= wide.shape[1] else wide.T @ wide
    smallest: Tensor = torch.linalg.eigvalsh(gram)[:count]
    return smallest


@dataclass(frozen=True)
class BatchSpectralShrinkage:
    """Fine-tuning with a penalty on the smallest singular values of each batch's features.

    The features are those of the last block. With micro-batches, each has its own penalty.

    Attributes:
        training: the training settings.
        eta: weight of the penalty, 0.001 (the paper's and TLlib's).
        count: how many singular values are penalised, 1 (as there).
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = BSS.plan(toy_setting(BSS))
        >>> sum(len(group.names) for group in plan.groups), plan.penalty is None  # all parameters, with a penalty
        (14, False)
    """

    training: Training = Training()
    eta: float = 1e-3
    count: int = 1
    name: str = "bss"

    def __post_init__(self) -> None:
        check_number(self.eta, "eta", type(self).__name__, low=0)
        check_number(self.count, "count", type(self).__name__, low=1, integer=True)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters."""

        def penalty(batch: Batch, blocks: Sequence[Tensor], logits: Tensor) -> Tensor:  # noqa: ARG001 (of features only)
            return self.eta * smallest_squared_singular_values(blocks[-1], self.count).sum()

        return Plan((*body_groups(setting.network), head_group(setting.network)), penalty)

    fit = fit_moved


BSS = BatchSpectralShrinkage()
