"""Fine-tuning of a text body for spans of words, by the strategies of `headstart.tune`.

A strategy is given the body with the closed-form head on the rows of words, as for items; the loss is that of the
chain. Long sentences run in the same windows as everywhere, so no labelled word is left out;
of a word with more tokens than a window only the first are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from headstart.annotations import Sentence
from headstart.errors import ParameterError, SourceError
from headstart.heads import FeatureMap, FittedHead
from headstart.heads.words.head import WordsHead
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import Trainable, TrainableSource, body_key, trainable
from headstart.sources.positions.words import PreparedSentence, WordsSource
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.moving.plan import Plan, Setting, plan_of
from headstart.tune.network.body_and_head import Network
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.training.batches import Batch, ItemBatches
from headstart.tune.training.job import Job, Outcome
from headstart.tune.training.optimizer import learning_rate_for
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget
from headstart.tune.words.chain_loss import chain_losses, forbidden_scores
from headstart.types import Block, Source, SourceInfo, Task

__all__ = ["STRATEGIES_OF_WORDS", "TaggedSentences", "check_word_strategy", "fine_tune_words"]

STRATEGIES_OF_WORDS = ("bitfit", "full", "lora", "lp_ft", "norm_only")
"""The strategies whose plan holds for a row of each word; the others need one label for each item, or other items."""

VALIDATION_BATCH = 32


@dataclass(frozen=True, eq=False)
class TaggedSentences:
    """Sentences with the codes of their words' tags.

    Attributes:
        items: n sentences.
        codes: the codes (words,) of each.

    Examples:
        >>> len(TaggedSentences((Sentence.of_words(["Ada"]),), (np.array([1]),)))
        1
    """

    items: Sequence[Sentence]
    codes: Sequence[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.items)


def check_word_strategy(name: str) -> None:
    """Raise for a strategy that is not made for rows of words.

    Args:
        name: of the strategy.

    Raises:
        ParameterError: names those that are.

    Examples:
        >>> check_word_strategy("lp_ft")
        >>> check_word_strategy("contrastive")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The strategy 'contrastive' is not made for spans of words; use one of ...
    """
    if name not in STRATEGIES_OF_WORDS:
        known = ", ".join(map(repr, ("auto", "frozen", "random_field", *STRATEGIES_OF_WORDS)))
        raise ParameterError(f"The strategy '{name}' is not made for spans of words; use one of {known}.")


def fine_tune_words(
    strategy: MovingStrategy,
    source: Source,
    head: WordsHead,
    scale: NDArray[np.float64],
    *,
    train: TaggedSentences,
    valid: TaggedSentences,
    seed: int = 0,
    budget: Budget = Budget(),
) -> tuple[Source, WordsHead, Outcome]:
    """Train body and head together, and keep the weights with the least validation loss.

    Args:
        strategy: which parameters are trained, and how.
        source: the text source, as its user opened it.
        head: where the head begins: the closed-form head.
        scale: (d,) standard deviations of the columns that the head reads.
        train: training sentences.
        valid: sentences by whose loss the epoch is chosen.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.

    Returns:
        The source with the fine-tuned body, the trained head, and how the training went.

    Raises:
        ParameterError: for a strategy that is not made for words.
        SourceError: if the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.tune import STRATEGIES
        >>> zero = WordsHead(("PER",), ("letters",), np.zeros((51, 3)), np.zeros(3), np.zeros(3), np.zeros((3, 3)))
        >>> none = TaggedSentences((), ())
        >>> fine_tune_words(STRATEGIES["lp_ft"], ToySource(), zero, np.ones(51), train=none, valid=none)
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'toy' has no body that can be fine-tuned; ...
    """
    check_word_strategy(strategy.name)
    if not isinstance(source, TrainableSource):
        trainable(source)  # raises
        raise SourceError(f"The source '{source.info.name}' has no body that can be fine-tuned.")
    words = head.source(source)
    body = _with_context(trainable_words(words), head.context)
    training = replace(strategy.training, learning_rate=learning_rate_for(body.module, strategy.training))
    start = _start(words, head, scale)
    network = Network(body, TorchHead(start.head, start.task, training.dropout))
    network.eval()  # the loop trains within an epoch alone; the loss of the validation is without dropout
    batches = ItemBatches(
        train.items, np.zeros((len(train), 1)), words.prepare, body.collate, training, seed=seed,
    )  # fmt: skip
    batches.sort_by_length()
    setting = Setting(
        network, start.source, start.task, train.items, np.zeros(len(train)), np.zeros((len(train), 1)), batches,
        start, training, seed,
    )  # fmt: skip
    plan = plan_of(strategy, setting)
    chain = _Chain(head)
    job = Job(
        network, plan.groups, batches, _loss(network, plan, chain, train.codes),
        lambda: _mean_loss(network, chain, words, valid), finish=plan.finish,
    )  # fmt: skip
    key = training_key(("words", strategy, training, seed, body_key(words)), *(one.tobytes() for one in train.codes))
    outcome = run_training(job, training, key=key, items=len(train), seed=seed, budget=budget)
    moved = source.with_module(network.body, f"{source.info.name} ({strategy.name} on words)")
    return moved, _trained_head(network, head), outcome


def trainable_words(source: WordsSource) -> Trainable:
    """The body of a source of words for training: ``forward`` gives a row of each block for each word of a batch.

    Args:
        source: of words, each with the row of its first token.

    Raises:
        SourceError: if its body cannot be fine-tuned, or words are pooled otherwise.

    Examples:
        >>> from headstart.sources.positions.words import words_of
        >>> from headstart.sources.toy import ToySource
        >>> trainable_words(words_of(ToySource()))
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'toy' has no body that can be fine-tuned; ...
    """
    inner = trainable(source.body)
    if source.pooling != "first":
        raise SourceError("Training needs the row of each word's first token; use pooling='first'.")

    def collate(prepared: Sequence[PreparedSentence]) -> dict[str, Any]:
        windows = [window for one in prepared for window in one.read.windows]
        counts = np.cumsum([0, *(len(one.read.windows) for one in prepared)])
        places = np.concatenate([one.read.places for one in prepared])
        lengths = np.array([len(one) for one in prepared])
        there = places[:, 0] >= 0
        window = np.where(there, places[:, 0] + np.repeat(counts[:-1], lengths), 0)
        return {
            **inner.collate(windows),
            f"{OWN}window": torch.from_numpy(window),
            f"{OWN}place": torch.from_numpy(np.where(there, places[:, 1], 0)),
            f"{OWN}there": torch.from_numpy(there),
            f"{OWN}shapes": torch.from_numpy(np.concatenate([one.shapes for one in prepared])),
            f"{OWN}lengths": torch.from_numpy(lengths),
        }

    def forward(module: Any, batch: Mapping[str, Tensor]) -> list[Tensor]:
        blocks = inner.forward(module, {name: value for name, value in batch.items() if not name.startswith(OWN)})
        window, place, there = (batch[f"{OWN}{name}"] for name in ("window", "place", "there"))
        return [*(block[window, place] * there[:, None] for block in blocks), batch[f"{OWN}shapes"]]

    return Trainable(inner.module, forward, collate, inner.groups, "array")


OWN = "word."  # begins the names of a batch's tensors that the body does not read


def _with_context(body: Trainable, reach: int) -> Trainable:
    """The body with one block: the rows of each word and of its neighbours, as the head reads them."""

    def forward(module: Any, batch: Mapping[str, Tensor]) -> list[Tensor]:
        rows = torch.cat([block.float() for block in body.forward(module, batch)], dim=1)
        return [neighbours(rows, batch[f"{OWN}lengths"].tolist(), reach)]

    return replace(body, forward=forward)


def neighbours(rows: Tensor, lengths: Sequence[int], reach: int) -> Tensor:
    """The same as `headstart.heads.words.context.with_neighbours`, with gradients.

    Args:
        rows: (words, d) of sentences, one after the other.
        lengths: words of each.
        reach: how many words on each side.

    Examples:
        >>> neighbours(torch.tensor([[1.0], [2.0], [5.0]]), [2, 1], 1).tolist()
        [[1.0, 0.0, 2.0], [2.0, 1.0, 0.0], [5.0, 0.0, 0.0]]
    """
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)).to(rows.device)
    parts, count = [rows], len(rows)
    place = torch.arange(count, device=rows.device)
    for step in range(1, reach + 1):
        for other in (place - step, place + step):
            near = other.clamp(0, count - 1)
            same = (other == near) & (owner[near] == owner)
            parts.append(rows[near] * same[:, None])
    return torch.cat(parts, dim=1)


class _Chain:
    """The transitions of a head as fixed tensors."""

    def __init__(self, head: WordsHead) -> None:
        first, steps = forbidden_scores(head.tags)
        self.first = torch.tensor(head.first, dtype=torch.float32) + first
        self.steps = torch.tensor(head.steps, dtype=torch.float32) + steps

    def loss(self, emissions: Tensor, codes: Sequence[NDArray[np.int64]]) -> Tensor:
        """The mean loss per word."""
        device = emissions.device
        tags = torch.from_numpy(np.concatenate(codes)).to(device)
        found = chain_losses(emissions, tags, list(map(len, codes)), self.first.to(device), self.steps.to(device))
        return found.sum() / len(tags)


def _loss(network: Network, plan: Plan, chain: _Chain, codes: Sequence[NDArray[np.int64]]) -> Callable[[Batch], Tensor]:
    def loss(batch: Batch) -> Tensor:
        blocks = network.blocks(batch.inputs)
        logits = network.head(torch.cat([block.float() for block in blocks], dim=1))
        value = chain.loss(logits, [codes[k] for k in batch.positions])
        if plan.penalty is not None:
            value = value + plan.penalty(batch, blocks, logits)
        return value * batch.share

    return loss


def _mean_loss(network: Network, chain: _Chain, words: WordsSource, valid: TaggedSentences) -> float:
    total, device = 0.0, next(network.parameters()).device
    with torch.inference_mode():
        for start in range(0, len(valid), VALIDATION_BATCH):
            part = slice(start, start + VALIDATION_BATCH)
            inputs = network.trainable.collate([words.prepare(item) for item in valid.items[part]])
            logits = network({name: value.to(device) for name, value in inputs.items()})
            total += float(chain.loss(logits, valid.codes[part])) * len(logits)
    return total / max(sum(map(len, valid.codes)), 1)


def _start(words: WordsSource, head: WordsHead, scale: NDArray[np.float64]) -> TransferModel:
    """The closed-form head as the model that a strategy starts from; its only block is all that is read of a word."""
    count = len(head.weight)
    features = FeatureMap("words", ((0, count),), "none", shift=np.zeros(count), scale=scale)
    weight, calibration = head.weight * scale[:, None], {"temperature": np.ones(1)}
    fitted = FittedHead(features, "ridge", 1.0, weight, head.bias, calibration, float("nan"), ())
    return TransferModel(_OneBlock(words, count), Task("classification", head.tags.names), fitted)


class _OneBlock:
    """A source of words as strategies see it: with one block of all columns."""

    def __init__(self, words: WordsSource, width: int) -> None:
        self._words = words
        self.info: SourceInfo = replace(words.info, num_features=width, blocks=(Block("words", width),))
        self.prepare, self.forward, self.encode = words.prepare, words.forward, words.encode
        self.untrained, self.save = words.untrained, words.save


def _trained_head(network: Network, head: WordsHead) -> WordsHead:
    found = network.head.fitted()
    columns = found.feature_map
    weight = found.weight / columns.scale[:, None]
    return replace(head, weight=weight, bias=found.bias - columns.shift @ weight)
