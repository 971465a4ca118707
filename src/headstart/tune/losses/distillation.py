"""Distillation losses: the distance of a student from a teacher, in softened probabilities or in feature rows.

References: Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network": T² KL(p_T ‖ q_T). For centred
logits and large T its gradient approaches that of half the squared distance of the logits, (z - v) / (n C);
Romero et al. 2015, "FitNets" (rows through a learnt linear map).
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor
from torch.nn.functional import cosine_similarity, kl_div, log_softmax, normalize

from headstart.errors import DataError
from headstart.params import check_choice, check_number

__all__ = ["RowLoss", "kd_loss", "row_distance", "row_loss", "softened_divergence"]

RowLoss = Literal["mse", "cosine"]


def kd_loss(logits: Tensor, teacher: Tensor, *, temperature: float = 4.0) -> Tensor:
    """Knowledge distillation loss: T² KL(softmax(teacher / T) ‖ softmax(logits / T)), the mean over items.

    The factor T² keeps the size of the gradients, which shrink as 1/T², independent of the temperature.

    Reference: Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015.

    Command: headstart distill DATA --teacher runs/NAME --out DIR

    Args:
        logits: (n, classes) logits of the student.
        teacher: (n, classes) logits of the teacher.
        temperature: T, 4.

    Returns:
        The loss, a scalar.

    Raises:
        DataError: if the shapes differ.
        ParameterError: if the temperature is not positive.

    Examples:
        >>> import torch
        >>> kd_loss(torch.zeros(1, 2), torch.tensor([[0.0, 0.0]])).item()
        0.0
    """
    check_number(temperature, "temperature", "kd_loss", low=0, open_low=True)
    _check(logits, teacher, "kd_loss")
    return temperature**2 * softened_divergence(logits, teacher, temperature)


def row_loss(rows: Tensor, teacher: Tensor, kind: RowLoss = "mse") -> Tensor:
    """Feature distillation loss: the distance of rows from those of a teacher, the mean over items.

    Reference: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015.

    Command: headstart distill DATA --teacher NAME --out DIR --loss mse

    Args:
        rows: (n, d) rows of the student, after its linear map.
        teacher: (n, d) rows of the teacher, standardised.
        kind: ``"mse"``, the mean squared difference of entries, or ``"cosine"``, one minus the cosine of two rows.

    Returns:
        The loss, a scalar.

    Raises:
        DataError: if the shapes differ.
        ParameterError: if there is no such kind.

    Examples:
        >>> import torch
        >>> row_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]]), "cosine")
        tensor(1.)
    """
    check_choice(kind, "kind", "row_loss", get_args(RowLoss))
    _check(rows, teacher, "row_loss")
    if kind == "cosine":
        return (1 - cosine_similarity(rows, teacher, dim=1)).mean()
    return ((rows - teacher) ** 2).mean()


def _check(student: Tensor, teacher: Tensor, owner: str) -> None:
    if student.shape != teacher.shape or student.ndim != 2:
        raise DataError(
            f"{owner} needs two arrays (n, k) of the same shape, of a student and of a teacher. Got "
            f"{tuple(student.shape)} and {tuple(teacher.shape)} instead."
        )


def softened_divergence(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Softened divergence: KL(softmax(teacher / T) ‖ softmax(logits / T)), without the factor T² of distillation.

    Reference: Li & Hoiem, "Learning without Forgetting", ECCV 2016.

    Command: headstart fit DATA --strategy lwf

    Args:
        logits: (n, classes) logits of the student.
        teacher: (n, classes) logits of the teacher.
        temperature: T.

    Returns:
        The divergence, a scalar, the mean over items.

    Examples:
        >>> import torch
        >>> softened_divergence(torch.zeros(1, 2), torch.zeros(1, 2), 3.0)
        tensor(0.)
    """
    log_q, log_p = (log_softmax(values.float() / temperature, dim=1) for values in (logits, teacher))
    return kl_div(log_q, log_p, reduction="batchmean", log_target=True)  # torch's argument order: KL(target ‖ input)


def row_distance(rows: Tensor, teacher: Tensor) -> Tensor:
    """Cosine distance of rows: ‖f/‖f‖ - g/‖g‖‖² = 2 (1 - cos), the mean over items.

    Reference: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015.

    Command: headstart distill DATA --teacher NAME --out DIR --loss cosine

    Args:
        rows: (n, d) rows of the student.
        teacher: (n, d) rows of the teacher.

    Returns:
        The distance, a scalar in [0, 4].

    Examples:
        >>> import torch
        >>> row_distance(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
        tensor(2.)
    """
    return ((normalize(rows.float(), dim=1) - normalize(teacher.float(), dim=1)) ** 2).sum(dim=1).mean()
