"""Contrastive losses over all pairs of a batch: each item goes through the body once, however many pairs it is in.

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
    """Pair cosine loss: mean of (cos(z_i, z_j) - [y_i = y_j])², both kinds of pairs with half the weight.

    Reference: Tunstall et al., "Efficient Few-Shot Learning Without Prompts" (SetFit), 2022.

    Command: headstart fit DATA --strategy contrastive

    Args:
        rows: (n, d), of any length.
        codes: (n,) classes.

    Returns:
        The loss, (); of one kind of pairs alone where there is only one.

    Raises:
        DataError: if there are fewer than two rows, or not a class for each.

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
    """Supervised contrastive loss: items of a class are drawn together, others apart.

    Mean over i of -1/|P(i)| Σ_{p in P(i)} ln( exp(z_i·z_p / τ) / Σ_{a ≠ i} exp(z_i·z_a / τ) ), z of unit length.

    Reference: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equation 2.

    Command: headstart fit DATA --strategy contrastive

    P(i) are the others of the class of i; items that are the only one of their class count as others alone.

    Args:
        rows: (n, d), of any length.
        codes: (n,) classes.
        temperature: τ; 0.1 as in the paper.

    Returns:
        The loss, (); 0 where no class has two items.

    Raises:
        DataError: if there are fewer than two rows, or not a class for each.
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
    shares = logits - logits.logsumexp(dim=1, keepdim=True)
    alike = (codes[:, None] == codes[None, :]) & ~itself
    counts = alike.sum(dim=1)
    losses = -shares.masked_fill(~alike, 0.0).sum(dim=1) / counts.clamp_min(1)
    return losses.sum() / (counts > 0).sum().clamp_min(1)


def _similarities(rows: Tensor) -> Tensor:
    with torch.autocast(rows.device.type, enabled=False):  # differences of cosines in bf16 are mostly rounding
        unit = normalize(rows if rows.dtype == torch.float64 else rows.float(), dim=1)
        found: Tensor = unit @ unit.T
    return found


def _check(rows: Tensor, codes: Tensor) -> None:
    if rows.ndim != 2 or codes.shape != rows.shape[:1] or len(rows) < 2:
        raise DataError(
            "A contrastive loss needs rows (n, d) of at least 2 items and a class for each, (n,). Got "
            f"{tuple(rows.shape)} and {tuple(codes.shape)} instead."
        )
