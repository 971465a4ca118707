"""Masked parts: train a body so that what is hidden of an item can be told from the rest of it; no labels.

Half of a picture is covered, in 16 cells, and its colours at 8 by 8 points are predicted from the body's pooled rows
(context encoders). Half of a text's words are removed and predicted from the pooled rows as a bag of words, as in TSDAE
without the order of words. The pooled rows are what a head uses later; the decoder is dropped at the end.

Reference: Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting"; Wang, Reimers & Gurevych 2021,
"TSDAE: Using Transformer-based Sequential Denoising Auto-Encoder for Unsupervised Sentence Embedding Learning".

Command: headstart pretrain DATA --objective masked --out body

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.errors import DataError
from headstart.params import check_number
from headstart.sources.bodies.trainable import Trainable
from headstart.tune.augmentation.pictures import PictureAugmentation
from headstart.tune.objectives.contract import MadeTask
from headstart.tune.training.settings import Training

__all__ = ["MASKED", "Masked", "covered"]

CELLS, POINTS = 4, 8  # a side
MOST_WORDS = 10_000  # different ones that are predicted, the most frequent
DECODER = 256  # width of the hidden layer that predicts pictures
CHANGED = PictureAugmentation(trivial=False)


@dataclass(frozen=True)
class Masked:
    """Training of a body on hidden parts of pictures or texts.

    Attributes:
        training: the settings.
        share: of an item's cells or words that are hidden, 0.05 to 0.95; 0.5.
        name: for the record.

    Examples:
        >>> Masked(share=0.3).training.epochs
        50
    """

    training: Training = Training(epochs=50, batch_size=64, learning_rate=1e-3)
    share: float = 0.5
    name: str = "masked parts"

    def __post_init__(self) -> None:
        # a share that would hide no cell, or all of them, leaves nothing to learn from
        check_number(self.share, "share", type(self).__name__, low=0.05, high=0.95)

    def task(self, body: Trainable, width: int, prepared: Sequence[Any]) -> MadeTask:
        """Predict what is hidden.

        Raises:
            DataError: for items that are neither pictures nor texts.
        """
        if body.kind == "picture":
            return self._pictures(body, width)
        if body.kind == "tokens":
            return self._words(body, width, prepared)
        raise DataError(
            "Masked parts are made of pictures or texts. Got other items; sounds have --objective contrastive."
        )

    def _pictures(self, body: Trainable, width: int) -> MadeTask:
        def change(picture: NDArray[np.uint8], rng: np.random.Generator) -> Any:
            return covered(CHANGED(picture, rng), self.share, rng)

        def collate(made: Sequence[Any]) -> dict[str, Any]:
            pictures, colours, hidden = zip(*made, strict=True)
            return {
                "inputs": body.collate(list(pictures)), "colours": torch.from_numpy(np.stack(colours)),
                "hidden": torch.from_numpy(np.stack(hidden)),
            }  # fmt: skip

        def loss(answers: Tensor, asked: dict[str, Any]) -> Tensor:
            colours: Tensor = asked["colours"]
            hidden: Tensor = asked["hidden"]
            wrong = (answers.view(-1, POINTS, POINTS, 3) - colours).abs().mean(dim=3)
            return (wrong * hidden).sum() / hidden.sum()

        decoder = nn.Sequential(nn.Linear(width, DECODER), nn.ReLU(), nn.Linear(DECODER, POINTS * POINTS * 3))
        return MadeTask(change, collate, decoder, loss)

    def _words(self, body: Trainable, width: int, prepared: Sequence[Any]) -> MadeTask:
        known, counts = np.unique(np.concatenate([tokens[1:-1] for tokens in prepared]), return_counts=True)
        words = np.sort(known[np.argsort(-counts, kind="stable")[:MOST_WORDS]])
        if len(words) < 2:
            raise DataError("Masked words need texts of several different words; give other items.")

        def change(tokens: NDArray[np.int64], rng: np.random.Generator) -> Any:
            inner = tokens[1:-1]
            hidden = rng.permutation(len(inner)) < round(self.share * len(inner))
            asked = inner[hidden & np.isin(inner, words)]
            return np.concatenate([tokens[:1], inner[~hidden], tokens[-1:]]), np.searchsorted(words, asked)

        def collate(made: Sequence[Any]) -> dict[str, Any]:
            bags = torch.zeros(len(made), len(words))
            for k, (_, asked) in enumerate(made):
                bags[k].index_add_(0, torch.from_numpy(asked), torch.full((len(asked),), 1 / max(len(asked), 1)))
            return {"inputs": body.collate([tokens for tokens, _ in made]), "bags": bags}

        def loss(answers: Tensor, asked: dict[str, Any]) -> Tensor:
            bags: Tensor = asked["bags"]
            wrong = -(bags * answers.log_softmax(dim=1)).sum(dim=1)
            return wrong.sum() / (bags.sum(dim=1) > 0).sum().clamp(min=1)

        return MadeTask(change, collate, nn.Linear(width, len(words)), loss)


def covered(
    picture: NDArray[np.uint8], share: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """A picture with hidden cells, the colours of all 8 by 8 points, and which of them are hidden.

    Args:
        picture: (h, w, 3) of at least 8 pixels a side; not modified.
        share: of its 16 cells that are hidden, by their mean colour.
        rng: chooses them.

    Examples:
        >>> picture = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
        >>> changed, colours, hidden = covered(picture, 0.5, np.random.default_rng(0))
        >>> changed.shape, colours.shape, float(hidden.mean())
        ((16, 16, 3), (8, 8, 3), 0.5)
        >>> bool((changed == picture).all(axis=2).mean() >= 0.5)
        True
    """
    hidden = rng.permutation(CELLS * CELLS).reshape(CELLS, CELLS) < round(share * CELLS * CELLS)
    height, width = picture.shape[0] // POINTS, picture.shape[1] // POINTS
    inner = picture[: height * POINTS, : width * POINTS].astype(np.float32)
    colours = inner.reshape(POINTS, height, POINTS, width, 3).mean(axis=(1, 3)) / 255
    rows = np.minimum(np.arange(picture.shape[0]) * CELLS // picture.shape[0], CELLS - 1)
    columns = np.minimum(np.arange(picture.shape[1]) * CELLS // picture.shape[1], CELLS - 1)
    changed = picture.copy()
    changed[hidden[np.ix_(rows, columns)]] = inner.mean(axis=(0, 1)).round().astype(np.uint8)
    fine = np.repeat(np.repeat(hidden, POINTS // CELLS, axis=0), POINTS // CELLS, axis=1)
    return changed, colours, fine.astype(np.float32)


MASKED = Masked()
