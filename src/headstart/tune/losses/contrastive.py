"""Contrastive losses over all pairs of a batch, in which each item is encoded only once.

References: Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts" (SetFit: the squared distance of a
pair's cosine similarity from 1 or 0); Khosla et al. 2020, "Supervised Contrastive Learning", equation 2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from headstart.errors import DataError
from headstart.params import check_number

__all__ = ["pair_cosine_loss", "supervised_contrastive_loss"]


def pair_cosine_loss(rows: Tensor, codes: Tensor) -> Tensor:
    """Pair cosine loss: mean of (cos(z_i, z_j) - [y_i = y_j])², where positive and negative pairs weigh a half each.

    Reference: Tunstall et al., "Efficient Few-Shot Learning Without Prompts" (SetFit), 2022.

    Command: headstart fit DATA --strategy contrastive

    Args:
        rows: (n, d) features, which are normalised here.
        codes: (n,) class codes.

    Returns:
        The loss, a scalar; if there are only positive or only negative pairs, their mean.

    Raises:
        DataError: if there are fewer than two rows, or the shapes do not match.

    Examples:
        >>> pair_cosine_loss(torch.eye(2)[[0, 0, 1]], torch.tensor([0, 0, 1])).item()
        0.0
        >>> pair_cosine_loss(torch.eye(2)[[0, 1, 1]], torch.tensor([0, 0, 1])).item()
        0.75
    """
    _check(rows, codes)
    similar = _similarities(rows)
    first, second = torch.triu_indices(len(rows), len(rows), 1, device=rows.device)
    alike = codes[first] == codes[second]
    wrong = (similar[first, second] - alike.to(similar.dtype)) ** 2
    kinds = [wrong[kind].mean() for kind in (alike, ~alike) if bool(kind.any())]
    return torch.stack(kinds).mean()


def supervised_contrastive_loss(rows: Tensor, codes: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Supervised contrastive loss: rows of a class are pulled together, and others pushed apart.

    Mean over i of -1/|P(i)| Σ_{p in P(i)} ln( exp(z_i·z_p / τ) / Σ_{a ≠ i} exp(z_i·z_a / τ) ), with z of unit norm.

    Reference: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equation 2.

    Command: headstart fit DATA --strategy contrastive

    P(i) are the other items of i's class. An item that is alone in its class is only in the denominators of the others.

    Args:
        rows: (n, d) features, which are normalised here.
        codes: (n,) class codes.
        temperature: τ; 0.1 as in the paper.

    Returns:
        The loss, a scalar; 0 if no class has two items.

    Raises:
        DataError: if there are fewer than two rows, or the shapes do not match.
        ParameterError: if the temperature is not positive.

    Examples:
        >>> rows = torch.eye(2)[[0, 0, 1, 1]]
        >>> good = supervised_contrastive_loss(rows, torch.tensor([0, 0, 1, 1]))
        >>> bool(good < supervised_contrastive_loss(rows, torch.tensor([0, 1, 0, 1])))
        True
    """
    check_number(temperature, "temperature", "supervised_contrastive_loss", low=0, open_low=True)
    _check(rows, codes)
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    logits = (_similarities(rows) / temperature).masked_fill(itself, -torch.inf)
    log_shares = logits - logits.logsumexp(dim=1, keepdim=True)  # (n, n): ln of the fraction above, for each pair
    positive = (codes[:, None] == codes[None, :]) & ~itself
    counts = positive.sum(dim=1)  # |P(i)|
    losses = -log_shares.masked_fill(~positive, 0.0).sum(dim=1) / counts.clamp_min(1)
    return losses.sum() / (counts > 0).sum().clamp_min(1)


def _similarities(rows: Tensor) -> Tensor:
    with torch.autocast(rows.device.type, enabled=False):  # in bf16 differences of cosines would be mostly rounding
        unit = normalize(rows if rows.dtype == torch.float64 else rows.float(), dim=1)
        found: Tensor = unit @ unit.T
    return found


def _check(rows: Tensor, codes: Tensor) -> None:
    if rows.ndim != 2 or codes.shape != rows.shape[:1] or len(rows) < 2:
        raise DataError(
            "A contrastive loss needs rows (n, d) of at least 2 items and a class code for each, (n,). Got "
            f"{tuple(rows.shape)} and {tuple(codes.shape)} instead."
        )
