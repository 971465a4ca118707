"""Attention pooling: a learnt query weighs the blocks, sources or tokens of each item.

a_t = softmax(q·k_t / √w), z = Σ_t a_t k_t, logits = z W + b, where k_t is token t projected to w columns. Projection,
query and output layer are trained jointly by full-batch AdamW.

References: Bahdanau, Cho & Bengio, ICLR 2015 (attention); Yang et al., "Hierarchical Attention Networks for Document
Classification", NAACL 2016 (one learnt query); Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from headstart.errors import DataError, ParameterError
from headstart.params import check_number
from headstart.types import Task

__all__ = ["ATTENTION", "AttentionHead", "AttentionKind"]

Array = NDArray[np.float64]


class AttentionHead(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A learnt query over tokens (n, t, d), or over the blocks of rows (n, sum of widths).

    Args:
        widths: number of columns of each block, each with its own projection; None for one block, or for tokens.
        width: number of columns that tokens are projected to, default 64.
        steps: number of full-batch AdamW steps, default 200.
        rate: the initial learning rate, default 0.01, with cosine decay to zero.
        decay: the weight decay, default 0.1.
        seed: of the random initial projection, default 0.

    Attributes:
        classes_: (C,) sorted labels.
        projection_: (d, width) for tokens, (sum of widths, width) for blocks.
        query_: (width,).
        weight_: (width, C).
        bias_: (C,).
        scale_: (blocks or 1,) divisor of each block's tokens: their root mean square norm on the training rows.

    Examples:
        >>> tokens, y = np.random.default_rng(0).normal(size=(60, 3, 4)), np.repeat(["a", "b"], 30)
        >>> tokens[30:, 1, 0] += 4
        >>> head = AttentionHead(width=8, steps=100).fit(tokens, y)
        >>> head.score(tokens, y) > 0.9, head.attention(tokens).shape
        (True, (60, 3))
    """

    def __init__(
        self,
        widths: Sequence[int] | None = None,
        *,
        width: int = 64,
        steps: int = 200,
        rate: float = 0.01,
        decay: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.widths = widths
        self.width = width
        self.steps = steps
        self.rate = rate
        self.decay = decay
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike, mask: ArrayLike | None = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, sum of widths) or tokens (n, t, d) with labels (n,).

        Args:
            X: rows or tokens, finite.
            y: labels.
            mask: (n, t) true for real tokens, false for padding; at least one true in each row. Default: all true.

        Raises:
            ParameterError: if shapes do not match.
            DataError: if there are fewer than two classes, or a number is not finite.
        """
        check_number(self.width, "width", "AttentionHead", low=1, integer=True)
        check_number(self.steps, "steps", "AttentionHead", low=1, integer=True)
        array = self._checked(X)
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(codes) != len(array) or len(self.classes_) < 2:
            raise DataError(
                f"An AttentionHead needs one label for each row, of two classes or more. Got {len(codes)} labels of "
                f"{len(self.classes_)} for {len(array)} rows."
            )
        self.n_features_in_ = array.shape[-1]
        there = _masked(array, mask)
        blocks = self._blocks(array)
        self.scale_ = np.array([np.sqrt(np.mean(np.sum(block**2, axis=-1))) or 1.0 for block in blocks])
        self._train(array, codes, there)
        return self

    def _train(self, array: Array, codes: NDArray[np.intp], there: NDArray[np.bool_]) -> None:
        import torch

        torch_blocks = [torch.from_numpy(b / s).float() for b, s in zip(self._blocks(array), self.scale_, strict=True)]
        drawn = np.random.default_rng(self.seed).normal(size=(self.n_features_in_, self.width))
        places = self._edges()
        parts = [torch.tensor(part / np.sqrt(self.width)).float() for part in np.split(drawn, places)]
        # a neutral start: a zero query is mean pooling, zero weights give uniform probabilities
        query, weight = torch.zeros(self.width), torch.zeros(self.width, len(self.classes_))
        bias = torch.zeros(len(self.classes_))
        learnt = [one.requires_grad_() for one in (*parts, query, weight, bias)]
        optimiser = torch.optim.AdamW(learnt, lr=self.rate, weight_decay=self.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        truth, hidden = torch.from_numpy(codes.astype(np.int64)), torch.from_numpy(~there)
        for _ in range(self.steps):
            keys = _keys(torch_blocks, parts, torch.stack)
            # (n, t); padding gets -inf, so its attention is exactly zero
            score = (keys @ query / np.sqrt(self.width)).masked_fill(hidden, -torch.inf)
            pooled = (torch.softmax(score, dim=1)[:, :, None] * keys).sum(dim=1)
            loss = torch.nn.functional.cross_entropy(pooled @ weight + bias, truth)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        arrays = [one.detach().numpy().astype(np.float64) for one in learnt]
        self.projection_ = np.concatenate(arrays[: len(parts)])
        self.query_, self.weight_, self.bias_ = arrays[len(parts) :]

    def attention(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:  # noqa: N803 (scikit-learn's name)
        """Attention weights of the tokens or blocks, (n, t); each row sums to one."""
        return self._pooled(X, mask)[0]

    def decision_function(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:  # noqa: N803 (scikit-learn's name)
        """Logits (n, C)."""
        return np.asarray(self._pooled(X, mask)[1] @ self.weight_ + self.bias_)

    def predict_proba(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:  # noqa: N803 (scikit-learn's name)
        """Probabilities (n, C)."""
        scores = self.decision_function(X, mask)
        return np.asarray(softmax(scores, axis=1))

    def predict(self, X: ArrayLike, mask: ArrayLike | None = None) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The most probable label of each row."""
        return np.asarray(self.classes_[self.decision_function(X, mask).argmax(axis=1)])

    def _pooled(self, rows: ArrayLike, mask: ArrayLike | None) -> tuple[Array, Array]:
        check_is_fitted(self)
        array = self._checked(rows)
        if array.shape[-1] != self.n_features_in_:
            raise ParameterError(
                f"This AttentionHead was fitted on {self.n_features_in_} columns. Got {array.shape[-1]} instead."
            )
        blocks = [block / scale for block, scale in zip(self._blocks(array), self.scale_, strict=True)]
        keys = _keys(blocks, np.split(self.projection_, self._edges()), np.stack)
        score = np.where(_masked(array, mask), keys @ self.query_ / np.sqrt(self.width), -np.inf)
        share = softmax(score, axis=1)
        return share, np.einsum("nt,ntw->nw", share, keys)

    def _checked(self, rows: ArrayLike) -> Array:
        array = np.asarray(rows, dtype=np.float64)
        blocks = self.widths is not None
        if array.ndim not in (2, 3) or (blocks and (array.ndim != 2 or array.shape[1] != sum(self.widths or ()))):
            wanted = f"rows (n, {sum(self.widths or ())})" if blocks else "rows (n, d) or tokens (n, t, d)"
            raise ParameterError(f"An AttentionHead takes {wanted}. Got shape {array.shape} instead.")
        if not np.isfinite(array).all():
            raise DataError("An AttentionHead needs finite rows. Got a NaN or an infinity; leave it out or fill it.")
        return array

    def _edges(self) -> list[int]:
        return [int(edge) for edge in np.cumsum(self.widths)[:-1]] if self.widths is not None else []

    def _blocks(self, array: Array) -> list[Array]:
        """Rows as a list of blocks (n, width); tokens as one block (n, t, d)."""
        return [array] if array.ndim == 3 else np.split(array, self._edges(), axis=1)


def _keys(blocks: Sequence[Any], parts: Sequence[Any], stack: Any) -> Any:
    """The projected tokens (n, t, width)."""
    if blocks[0].ndim == 3:
        return blocks[0] @ parts[0]
    return stack([block @ part for block, part in zip(blocks, parts, strict=True)], 1)


def _masked(array: Array, mask: ArrayLike | None) -> NDArray[np.bool_]:
    if mask is None:
        return np.ones((len(array), array.shape[1] if array.ndim == 3 else 1), bool)
    there = np.asarray(mask, dtype=bool)
    if array.ndim != 3 or there.shape != array.shape[:2] or not there.any(axis=1).all():
        raise ParameterError(
            "The mask of tokens (n, t, d) must have shape (n, t) and a true value in each row. Got a mask of shape "
            f"{there.shape} for tokens of shape {array.shape}."
        )
    return there


@dataclass(frozen=True)
class AttentionKind:
    """Attention over blocks; rows without blocks are a single token.

    Attributes:
        name: ``"attention"``.
        tasks: classification.
        complexity: 3.

    Examples:
        >>> ATTENTION.make(Task("classification", ("a", "b")), n=9, d=3, seed=4).seed
        4
    """

    name: str = "attention"
    tasks: frozenset[str] = frozenset({"classification"})
    complexity: int = 3

    def make(self, task: Task, *, n: int, d: int, seed: int) -> AttentionHead:  # noqa: ARG002 (one contract)
        """An unfitted estimator."""
        return AttentionHead(seed=seed)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002 (one contract)
        """Why ``auto`` skips it: with a single block there is nothing to weigh."""
        return "it weighs several sources; select it with --fusion attention"


ATTENTION = AttentionKind()
