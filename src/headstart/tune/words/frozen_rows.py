"""A conditional random field on frozen word rows: weights and transitions, trained from the closed-form head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import dropout

from headstart.heads.words.head import WordsHead
from headstart.heads.words.word_rows import Chunk, Columns, LabelledWords
from headstart.tune.training.batches import epoch_order
from headstart.tune.training.job import Job, Outcome, ParameterGroup
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget, Training
from headstart.tune.words.chain_loss import chain_losses, forbidden_scores

__all__ = ["FROZEN_ROWS", "ChainHead", "train_on_rows"]

FROZEN_ROWS = Training(epochs=8, learning_rate=5e-4, weight_decay=0.05, dropout=0.3, precision="fp32")
"""Not searched: with them span F1 on held-out sentences of wikigold rose from 0.732 to 0.766 (300 sentences in all)."""

MOST_SCALED = 4096  # words whose columns give the scale
MOST_AT_ONCE = 256  # sentences in a batch of the validation


class ChainHead(nn.Module):
    """The scores of a `WordsHead` as parameters: a linear map of standardised rows, and transitions.

    Args:
        head: where training begins.
        scale: (d,) standard deviations of the columns; parameters belong to divided columns, so that one learning rate
            suits all.
        dropped: share of the columns that are dropped in training.

    Examples:
        >>> head = WordsHead(("PER",), ("a",), np.ones((2, 3)), np.zeros(3), np.zeros(3), np.zeros((3, 3)))
        >>> module = ChainHead(head, np.array([2.0, 4.0]))
        >>> module(torch.ones(1, 2)).tolist(), np.allclose(module.head().weight, head.weight)
        ([[2.0, 2.0, 2.0]], True)
    """

    scale: Tensor
    no_first: Tensor
    no_steps: Tensor

    def __init__(self, head: WordsHead, scale: NDArray[np.float64], dropped: float = 0.0) -> None:
        super().__init__()
        self._head, self._dropped = head, dropped
        self.weight = nn.Parameter(torch.tensor(head.weight * scale[:, None], dtype=torch.float32))
        self.bias = nn.Parameter(torch.tensor(head.bias, dtype=torch.float32))
        self.first = nn.Parameter(torch.tensor(head.first, dtype=torch.float32))
        self.steps = nn.Parameter(torch.tensor(head.steps, dtype=torch.float32))
        first, steps = forbidden_scores(head.tags)
        for name, value in (("scale", torch.tensor(scale)), ("no_first", first), ("no_steps", steps)):
            self.register_buffer(name, value.float(), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """(words, tags) scores of rows (words, d)."""
        return dropout(rows / self.scale, self._dropped, self.training) @ self.weight + self.bias

    def loss(self, rows: Tensor, codes: Tensor, lengths: Sequence[int]) -> Tensor:
        """The mean loss per word of sentences, one after the other."""
        chain = self.first + self.no_first, self.steps + self.no_steps
        return chain_losses(self(rows), codes, lengths, *chain).sum() / len(codes)

    def head(self) -> WordsHead:
        """The head with the current weights."""
        found = {name: value.detach().cpu().double().numpy() for name, value in self.named_parameters()}
        return replace(self._head, **{**found, "weight": found["weight"] / self.scale.cpu().double().numpy()[:, None]})


@dataclass(frozen=True)
class _Batches:
    """Batches of sentences whose rows are read when they are needed."""

    words: LabelledWords
    columns: Columns
    size: int
    seed: int

    @property
    def steps(self) -> int:
        return len(epoch_order(len(self.words), self.size, self.seed, 0))

    def epoch(self, number: int, start: int) -> Iterator[Sequence[Any]]:
        for index in epoch_order(len(self.words), self.size, self.seed, number)[start:]:
            yield [_read(self.words, self.columns, self.words.chunk(np.sort(index)))]


def _read(words: LabelledWords, columns: Columns, chunk: Chunk) -> dict[str, Tensor]:
    return {
        "rows": torch.from_numpy(words.read(columns, chunk)),
        "codes": torch.from_numpy(words.codes[chunk.words]),
        "lengths": torch.from_numpy(np.diff(chunk.offsets)),
    }


def train_on_rows(
    words: LabelledWords,
    head: WordsHead,
    *,
    valid: LabelledWords | None = None,
    training: Training = FROZEN_ROWS,
    seed: int = 0,
    budget: Budget = Budget(),
) -> tuple[WordsHead, Outcome]:
    """Train a head on labelled words; the body stays frozen, so that an epoch takes seconds.

    Args:
        words: rows and tags of the training sentences.
        head: where training begins, such as the closed-form head.
        valid: sentences by whose loss the epoch is chosen; None keeps the last weights.
        training: the settings.
        seed: of the order and of dropout.
        budget: time limit, checkpoints and logs.

    Returns:
        The head with the weights that are kept, and how the training went.

    Examples:
        >>> from headstart.decode.spans import TagSet
        >>> from headstart.types import Block
        >>> codes, offsets = np.array([0, 1, 0, 1, 2, 0] * 4), np.arange(0, 25, 3)
        >>> words = LabelledWords(np.eye(3)[codes], offsets, (Block("a", 3),), codes, np.arange(8), TagSet(("PER",)))
        >>> zero = WordsHead(("PER",), ("a",), np.zeros((3, 3)), np.zeros(3), np.zeros(3), np.zeros((3, 3)))
        >>> settings = Training(epochs=30, learning_rate=0.1, batch_size=4, precision="fp32")
        >>> trained, outcome = train_on_rows(words, zero, training=settings)
        >>> [span.end - span.start for span in trained.mark(words.rows[3:6], np.array([0, 3]))[0]], outcome.stopped
        ([2], 'done')
    """
    columns = Columns(head.blocks, head.context)
    module = ChainHead(head, column_scale(words, columns), training.dropout)
    module.eval()  # the loop trains within an epoch alone; the loss of the validation is without dropout

    def loss(batch: dict[str, Tensor]) -> Tensor:
        return module.loss(batch["rows"], batch["codes"], batch["lengths"].tolist())

    def validate() -> float:
        return _mean_loss(module, valid, columns) if valid is not None else float("nan")

    batches = _Batches(words, columns, training.batch_size, seed)
    groups = (ParameterGroup(("weight", "bias")), ParameterGroup(("first", "steps"), 10.0, 0.0))
    job = Job(module, groups, batches, loss, validate if valid is not None else None)
    key = training_key(("words on frozen rows", training, seed, head.facts()), words.codes.tobytes())
    outcome = run_training(job, training, key=key, items=len(words), seed=seed, budget=budget)
    return module.head(), outcome


def column_scale(words: LabelledWords, columns: Columns) -> NDArray[np.float64]:
    """(d,) standard deviations of what is read of a word, over some words; 1 for a constant column.

    Args:
        words: the labelled words.
        columns: what is read.

    Examples:
        >>> from headstart.decode.spans import TagSet
        >>> from headstart.types import Block
        >>> rows, groups = np.array([[0.0, 5.0], [4.0, 5.0]]), np.arange(1)
        >>> words = LabelledWords(rows, np.array([0, 2]), (Block("a", 2),), np.zeros(2, int), groups, TagSet(()))
        >>> column_scale(words, Columns(("a",)))
        array([2., 1.])
    """
    many = np.searchsorted(words.offsets, MOST_SCALED, side="right")
    some = np.arange(max(1, min(len(words), int(many) - 1)))
    rows = words.read(columns, words.chunk(some)).astype(np.float64)
    deviation = rows.std(axis=0)
    return np.where(deviation > 1e-6 * np.abs(rows).max(initial=0.0), deviation, 1.0)


def _mean_loss(module: ChainHead, words: LabelledWords, columns: Columns) -> float:
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(words), MOST_AT_ONCE):
            some = np.arange(start, min(start + MOST_AT_ONCE, len(words)))
            batch = _read(words, columns, words.chunk(some))
            device = module.weight.device
            own = module.loss(batch["rows"].to(device), batch["codes"].to(device), batch["lengths"].tolist())
            total += float(own) * len(batch["codes"])
    return total / max(len(words.codes), 1)
