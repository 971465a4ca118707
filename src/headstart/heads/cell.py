"""Cell: a small network of up to three nodes on the blocks of a source, trained by minibatches of AdamW.

Each block of a row is a token, projected to ``width`` columns by a map of its own. The nodes of the cell (linear, ReLU,
gate, attention, skip) follow, then the mean over tokens and a linear layer. With one block and ReLU nodes it is a
multilayer perceptron.

Command: headstart search DATA

References: Zoph et al., "Learning transferable architectures for scalable image recognition", CVPR 2018 (cells);
Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from headstart.errors import DataError, ParameterError
from headstart.heads.cells.deadline import check_deadline
from headstart.heads.cells.forward import apply_cell, numpy_library, torch_library
from headstart.heads.cells.plan import CellPlan
from headstart.heads.cells.threads import one_thread
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.scores import accuracy_or_r2
from headstart.params import check_choice, check_number
from headstart.tasks import base_kind
from headstart.types import Task

__all__ = ["CELL", "CellHead", "CellKind"]

Array = NDArray[np.float64]
KINDS = ("classification", "multilabel", "regression")
STEPS, BATCH, RATE = 400, 128, 1e-2  # steps bound the time of a fit, whatever the number of rows
CHUNK = 4096


class CellHead(BaseEstimator):  # type: ignore[misc]
    """A cell on the blocks of rows (n, sum of widths).

    Args:
        cell: the nodes, as `headstart.heads.cells.plan.CellPlan` reads them; default one ReLU layer.
        widths: number of columns of each block; None for one block.
        width: columns of each node, default 64.
        decay: the weight decay, default 0.1.
        steps: number of AdamW steps, default 400, at a learning rate of 0.01 with cosine decay.
        kind: ``"classification"``, ``"multilabel"`` or ``"regression"``.
        seed: of the initial weights and the order of rows, default 0.

    Attributes:
        classes_: (C,) sorted labels of a classification, else None.
        mean_, scale_: (d,) of the columns, and the root mean square norm of each block over its columns.
        projection_: (d, width), of each block in turn.
        matrices_, biases_: (m, width, width) and (m, width) of the nodes.
        weight_, bias_: (width, k) and (k,) of the linear layer.

    Examples:
        >>> x = np.random.default_rng(0).normal(size=(80, 4))
        >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)      # no linear head can tell these classes apart
        >>> float((CellHead("0:relu 1:relu", width=16, decay=0.01).fit(x, y).predict(x) == y).mean()) > 0.9
        True
    """

    def __init__(
        self,
        cell: str = "0:relu",
        widths: Sequence[int] | None = None,
        *,
        width: int = 64,
        decay: float = 0.1,
        steps: int = STEPS,
        kind: str = "classification",
        seed: int = 0,
    ) -> None:
        self.cell = cell
        self.widths = widths
        self.width = width
        self.decay = decay
        self.steps = steps
        self.kind = kind
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,), 0/1 columns (n, k) or values (n,) or (n, k).

        Raises:
            ParameterError: for a parameter out of range.
            DataError: if there are fewer than two classes, or a number is not finite.
        """
        plan = CellPlan.parse(self.cell)
        check_choice(self.kind, "kind", "CellHead", KINDS)
        check_number(self.width, "width", "CellHead", low=1, high=4096, integer=True)
        check_number(self.steps, "steps", "CellHead", low=1, integer=True)
        check_number(self.decay, "decay", "CellHead", low=0)
        rows = self._rows(X)
        targets = self._targets(y, len(rows))
        self._train(self._scaled(rows), targets, plan)
        return self

    def _scaled(self, rows: Array) -> Array:
        """Standardise rows, block by block."""
        self.n_features_in_ = rows.shape[1]
        self.mean_ = rows.mean(axis=0)
        centred = rows - self.mean_
        self.scale_ = np.concatenate(
            [
                np.full(b - a, np.sqrt((centred[:, a:b] ** 2).sum(axis=1).mean() / max(b - a, 1)) or 1.0)
                for a, b in self._ranges()
            ]
        )
        return np.asarray(centred / self.scale_)

    def untrained(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """The output (n, width) of the nodes for rows (n, d), with the weights that a training begins with."""
        plan, rows = CellPlan.parse(self.cell), self._scaled(self._rows(X))
        drawn = _start(
            np.random.default_rng(self.seed), self._ranges(), matrices=plan.matrices, width=self.width, outputs=1
        )
        return np.asarray(self._outputs(rows, plan, drawn, numpy_library(), np.stack))

    def _targets(self, y: ArrayLike, n: int) -> Array | NDArray[np.int64]:
        labels = np.asarray(y)
        if len(labels) != n:
            raise DataError(f"A CellHead needs one label for each row. Got {len(labels)} labels for {n} rows.")
        self.classes_: Any = None
        self.centre_, self.spread_ = np.zeros(1), np.ones(1)
        if self.kind == "classification":
            self.classes_, codes = np.unique(labels, return_inverse=True)
            if len(self.classes_) < 2:
                raise DataError("A classification head needs rows of at least two classes. Got one class instead.")
            return codes.astype(np.int64)
        values = labels.astype(np.float64).reshape(n, -1)
        if self.kind == "regression":  # the network learns standardised values
            self.centre_, spread = values.mean(axis=0), values.std(axis=0)
            self.spread_ = np.where(spread > 0, spread, 1.0)
        return np.asarray((values - self.centre_) / self.spread_)

    def _train(self, rows: Array, targets: Array | NDArray[np.int64], plan: CellPlan) -> None:
        import torch

        outputs = len(self.classes_) if self.kind == "classification" else targets.shape[1]
        rng = np.random.default_rng(self.seed)
        drawn = _start(rng, self._ranges(), matrices=plan.matrices, width=self.width, outputs=outputs)
        learnt = [torch.tensor(one, dtype=torch.float32, requires_grad=True) for one in drawn]
        optimiser = torch.optim.AdamW(learnt, lr=RATE, weight_decay=self.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        x = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
        y = torch.from_numpy(targets) if self.kind == "classification" else torch.from_numpy(targets).float()
        loss_of: dict[str, Any] = {
            "classification": torch.nn.functional.cross_entropy,
            "multilabel": torch.nn.functional.binary_cross_entropy_with_logits,
            "regression": torch.nn.functional.mse_loss,
        }
        library = torch_library()
        with one_thread():
            for batch in _batches(len(rows), self.steps, rng):
                check_deadline()
                scores = self._scores(x[batch], plan, learnt, library, torch.stack)
                loss = loss_of[self.kind](scores, y[batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
        arrays = [one.detach().numpy().astype(np.float64) for one in learnt]
        self.projection_, self.matrices_, self.biases_, self.weight_, self.bias_ = arrays

    def _scores(self, x: Any, plan: CellPlan, parameters: Sequence[Any], library: Any, stack: Any) -> Any:
        *_, weight, bias = parameters
        return self._outputs(x, plan, parameters, library, stack) @ weight + bias

    def _outputs(self, x: Any, plan: CellPlan, parameters: Sequence[Any], library: Any, stack: Any) -> Any:
        projection, matrices, biases = parameters[:3]
        tokens = stack([x[:, a:b] @ projection[a:b] for a, b in self._ranges()], 1)
        return apply_cell(plan, tokens, matrices, biases, library)

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Logits of the classes or labels, or values, (n, k)."""
        check_is_fitted(self)
        rows, plan, library = self._rows(X), CellPlan.parse(self.cell), numpy_library()
        if rows.shape[1] != self.n_features_in_:
            raise ParameterError(
                f"This CellHead was fitted on {self.n_features_in_} columns. Got {rows.shape[1]} instead."
            )
        parameters = (self.projection_, self.matrices_, self.biases_, self.weight_, self.bias_)
        found = np.empty((len(rows), len(self.bias_)))
        for start in range(0, len(rows), CHUNK):
            part = (rows[start : start + CHUNK] - self.mean_) / self.scale_
            found[start : start + CHUNK] = self._scores(part, plan, parameters, library, np.stack)
        return found * self.spread_ + self.centre_

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """Labels (n,), 0/1 columns or values."""
        scores = self.decision_function(X)
        if self.kind == "classification":
            return np.asarray(self.classes_[scores.argmax(axis=1)])
        if self.kind == "multilabel":
            return np.asarray(scores >= 0, dtype=int)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def score(self, X: ArrayLike, y: ArrayLike) -> float:  # noqa: N803 (scikit-learn's name)
        """Accuracy, or R² of a regression."""
        return accuracy_or_r2(self.kind, y, self.predict(X))

    def _ranges(self) -> list[tuple[int, int]]:
        widths = [self.n_features_in_] if self.widths is None else [int(width) for width in self.widths]
        stops = np.cumsum(widths).tolist()
        return [(stop - width, stop) for stop, width in zip(stops, widths, strict=True)]

    def _rows(self, X: ArrayLike) -> Array:  # noqa: N803
        rows = np.asarray(X, dtype=np.float64)
        wanted = None if self.widths is None else sum(int(width) for width in self.widths)
        if rows.ndim != 2 or (wanted is not None and rows.shape[1] != wanted):
            shape = f"(n, {wanted})" if wanted is not None else "(n, d)"
            raise ParameterError(f"A CellHead takes rows {shape}. Got shape {rows.shape} instead.")
        if not np.isfinite(rows).all():
            raise DataError("A CellHead needs finite rows. Got a NaN or an infinity; leave it out or fill it.")
        return rows


def _start(
    rng: np.random.Generator,
    ranges: Sequence[tuple[int, int]],
    *,
    matrices: int,
    width: int,
    outputs: int,
) -> list[Array]:
    """Random projections and matrices that keep the variance, and zeros for the linear layer (uniform outputs)."""
    projection = rng.normal(size=(ranges[-1][1], width))
    for a, b in ranges:
        projection[a:b] /= np.sqrt(max(b - a, 1))
    inner = rng.normal(size=(matrices, width, width)) / np.sqrt(width)
    return [projection, inner, np.zeros((matrices, width)), np.zeros((width, outputs)), np.zeros(outputs)]


def _batches(n: int, steps: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Minibatches in random order, pass after pass; all rows at once where there are few."""
    if n <= BATCH:
        yield from (np.arange(n) for _ in range(steps))
        return
    order: NDArray[np.intp] = np.empty(0, np.intp)
    for _ in range(steps):
        if len(order) < BATCH:
            order = rng.permutation(n)
        yield order[:BATCH]
        order = order[BATCH:]


@dataclass(frozen=True)
class CellKind:
    """A cell as a head; an architecture search chooses its nodes, a fit by name takes one ReLU layer.

    Attributes:
        cell: the nodes.
        widths: columns of each block that it reads; None for one block.
        width: columns of each node.
        decay: the weight decay.
        name: ``"cell"``.
        tasks: the task kinds it supports.
        complexity: 3.

    Examples:
        >>> CellKind("0:gate").make(Task("classification", ("a", "b")), n=90, d=8, seed=3).cell
        '0:gate'
    """

    cell: str = "0:relu"
    widths: tuple[int, ...] | None = None
    width: int = 64
    decay: float = 0.1
    name: str = "cell"
    tasks: frozenset[str] = frozenset(KINDS)
    complexity: int = 3

    def make(self, task: Task, *, n: int, d: int, seed: int) -> CellHead:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        widths = None if self.widths is None else list(self.widths)
        return CellHead(self.cell, widths, width=self.width, decay=self.decay, kind=base_kind(task), seed=seed)

    def like(self, fitted: Estimator) -> CellKind:
        """The head with the structure of a fitted estimator."""
        if not isinstance(fitted, CellHead):
            return self
        widths = None if fitted.widths is None else tuple(int(width) for width in fitted.widths)
        return replace(self, cell=fitted.cell, widths=widths, width=fitted.width, decay=fitted.decay)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head: its nodes are chosen by a search."""
        return "'headstart search' chooses its nodes; name it to fit one layer"


CELL = CellKind()
