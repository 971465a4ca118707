"""The loss of a linear-chain conditional random field: minus the log-probability of a sentence's tags.

Reference: Lafferty, McCallum & Pereira, "Conditional Random Fields", ICML 2001. The sum over all paths is the forward
recursion in logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.decode.spans import TagSet

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FORBIDDEN", "chain_losses", "forbidden_scores"]

FORBIDDEN = -1e4  # in place of minus infinity, whose gradient would be undefined


def forbidden_scores(tags: TagSet) -> tuple[Tensor, Tensor]:
    """What is added to the scores of first tags (tags,) and of pairs (tags, tags) that the scheme forbids.

    Args:
        tags: the tags.

    Examples:
        >>> forbidden_scores(TagSet(("PER",)))[0].tolist()
        [0.0, 0.0, -10000.0]
    """
    import torch

    first, steps = torch.tensor(tags.start_allowed), torch.tensor(tags.allowed)
    return torch.where(first, 0.0, FORBIDDEN), torch.where(steps, 0.0, FORBIDDEN)


def chain_losses(emissions: Tensor, codes: Tensor, lengths: Sequence[int], first: Tensor, steps: Tensor) -> Tensor:
    """Minus ln p(tags | words) of each of n sentences, (n,).

    Args:
        emissions: (words, tags) scores of all sentences, one after the other.
        codes: (words,) int64 tags.
        lengths: words of each sentence, 1 or more.
        first: (tags,) scores of first tags.
        steps: (tags, tags) scores of a tag after another.

    Examples:
        >>> import torch
        >>> free = torch.zeros(2), torch.zeros(2, 2)
        >>> chain_losses(torch.zeros(3, 2), torch.tensor([0, 1, 1]), [1, 2], *free)      # ln 2 for each word
        tensor([0.6931, 1.3863])
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    scores = pad_sequence(list(torch.split(emissions.float(), list(lengths))), batch_first=True)  # (n, T, tags)
    tags = pad_sequence(list(torch.split(codes, list(lengths))), batch_first=True)  # (n, T)
    on = torch.arange(scores.shape[1], device=scores.device) < torch.tensor(lengths, device=scores.device)[:, None]
    own = scores.gather(2, tags[:, :, None])[:, :, 0]
    path = (own * on).sum(dim=1) + first[tags[:, 0]] + (steps[tags[:, :-1], tags[:, 1:]] * on[:, 1:]).sum(dim=1)
    total = scores[:, 0] + first
    for step in range(1, scores.shape[1]):
        following = torch.logsumexp(total[:, :, None] + steps, dim=1) + scores[:, step]
        total = torch.where(on[:, step, None], following, total)
    return torch.logsumexp(total, dim=1) - path
