"""Token embeddings that a body has outside, as a table in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from headstart.sources.transformers.word_table import word_table

if TYPE_CHECKING:
    from torch import nn

__all__ = ["token_embeddings"]

AT_ONCE = 8192  # rows of the table that are read together


def token_embeddings(module: nn.Module) -> nn.Module:
    """All token embeddings of a body that has them outside (`headstart.sources.transformers.word_table`), float32.

    Args:
        module: the body.

    Examples:
        >>> import torch
        >>> from headstart.sources.transformers.word_table import RandomWords, outside_words
        >>> words = outside_words(RandomWords(0, (9, 2), 1.0, pad=0))
        >>> body = torch.nn.ModuleDict({"embeddings": torch.nn.ModuleDict({"word_embeddings": words})})
        >>> token_embeddings(body).weight.shape
        torch.Size([9, 2])
    """
    import torch

    table = word_table(module)
    weight = np.empty(table.shape, np.float32)
    for begin in range(0, table.shape[0], AT_ONCE):
        end = min(begin + AT_ONCE, table.shape[0])
        weight[begin:end] = table(np.arange(begin, end))
    return torch.nn.Embedding(*table.shape, _weight=torch.from_numpy(weight))
