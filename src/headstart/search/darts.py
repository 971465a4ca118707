"""Differentiable search (DARTS) of the cell: all operations of all edges are trained at once, weighted by a softmax.

Each node of the supernet is the sum over all earlier nodes and all operations, weighted by a softmax over the
operations of an edge. On one half of the rows (of the groups) the weights are trained, on the other half the
architecture parameters, in turn (first order). A penalty on the softmax weight of ``skip`` keeps the search from
collapsing to it. Then each node keeps its strongest edge with its strongest operation, and this cell is tried like any
other: what the supernet loses without the other operations is the discretisation gap, which is reported. Blocks and
width are those of the round: each round trains another supernet, until 12 in a row end in cells that were tried before.

Command: headstart search DATA --method darts

References: Liu, Simonyan & Yang, "DARTS: differentiable architecture search", ICLR 2019; Zela et al., "Understanding
and robustifying differentiable architecture search", ICLR 2020 (the collapse to skip connections).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.heads.architecture import Architecture
from headstart.heads.architectures.contender import map_of
from headstart.heads.cells.forward import Library, apply_operation, torch_library
from headstart.heads.cells.plan import MATRICES, MOST_NODES, OPERATIONS, CellPlan
from headstart.heads.cells.threads import one_thread
from headstart.heads.problem import Problem
from headstart.search.head_space import HeadSpace
from headstart.search.registry import Bench
from headstart.search.space import Point, Space
from headstart.tasks import base_kind

__all__ = ["DARTS", "EDGES", "DifferentiableSearch", "discretised", "mixed_cell"]

Array = NDArray[np.float64]
EDGES = tuple((read, node) for node in range(1, MOST_NODES + 1) for read in range(node))
"""(earlier node, node) of each edge of the supernet, in order."""
PER_EDGE = sum(MATRICES.values())
STEPS, BATCH = 200, 64
TIMED = 5  # steps, from which on the time of the others is known
RATE, DECAY, ALPHA_RATE, ALPHA_DECAY, ALPHA_BETAS = 3e-3, 0.1, 3e-2, 1e-3, (0.5, 0.999)
SKIP_PENALTY = 1.0  # at 0.1, five of six edges kept skip on 200 questions of TREC-6
MOST_ROWS = 5000
WIDTHS = (64, 32, 128)
MOST_REPEATS = 12  # supernets in a row that end in cells that were tried before: two of each width and choice of blocks


def mixed_cell(shares: Any, x: Any, matrices: Any, biases: Any, library: Library) -> Any:
    """The output (n, w) of the supernet: the mean over tokens and nodes.

    Args:
        shares: (edges, operations) softmax weights.
        x: (n, t, w) tokens.
        matrices: (edges, m, w, w) of all operations of each edge, in order.
        biases: (edges, m, w).
        library: of the arrays.

    Examples:
        >>> from headstart.heads.cells.forward import numpy_library
        >>> zeros = np.zeros((len(EDGES), PER_EDGE, 2, 2)), np.zeros((len(EDGES), PER_EDGE, 2))
        >>> only_skip = np.tile([1.0, 0, 0, 0, 0], (len(EDGES), 1))
        >>> mixed_cell(only_skip, np.ones((1, 1, 2)), *zeros, numpy_library())     # nodes 1, 1 + 1, 1 + 1 + 2
        array([[2.33333333, 2.33333333]])
    """
    states = [x]
    for node in range(1, MOST_NODES + 1):
        total = 0.0
        for read in range(node):
            edge, used = EDGES.index((read, node)), 0
            for k, operation in enumerate(OPERATIONS):
                own = slice(used, used + MATRICES[operation])
                found = apply_operation(operation, states[read], matrices[edge][own], biases[edge][own], library)
                total = total + shares[edge][k] * found
                used += MATRICES[operation]
        states.append(total)
    return (sum(states[2:], states[1]) / MOST_NODES).mean(1)


def discretised(alphas: Array) -> CellPlan:
    """The cell that keeps the strongest operation of the strongest edge of each node.

    A first node that skips would be the input itself; it keeps its strongest other operation.

    Args:
        alphas: (edges, operations) before the softmax.

    Examples:
        >>> alphas = np.zeros((len(EDGES), len(OPERATIONS)))
        >>> alphas[0, 2], alphas[1, 4], alphas[5, 0] = 1, 2, 3
        >>> str(discretised(alphas))
        '0:relu 0:attention 2:skip'
    """
    powers = np.exp(alphas - alphas.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    nodes = []
    for node in range(1, MOST_NODES + 1):
        first = 1 if node == 1 else 0
        options = product(range(node), range(first, len(OPERATIONS)))
        read, k = max(options, key=lambda one: (shares[EDGES.index((one[0], node)), one[1]], -one[0], -one[1]))
        nodes.append((read, OPERATIONS[k]))
    return CellPlan(tuple(nodes))


@dataclass(frozen=True)
class _Round:
    """One supernet: blocks as tokens, width and seed."""

    blocks: tuple[int, ...]
    width: int
    seed: int


class _Darts:
    def __init__(self, space: HeadSpace, bench: Bench, problem: Problem, seed: int) -> None:
        self._space, self._bench, self._problem, self._seed = space, bench, problem, seed
        self._round = self._repeats = 0
        self._last: Point = ()
        self._tried: set[Point] = set()
        self._mixed: dict[Point, tuple[float, float]] = {}
        self._gaps: list[tuple[float, float, float]] = []

    def propose(self) -> Point | None:
        if self._repeats >= MOST_REPEATS:
            return self._last
        one, left = self._rounds(self._round), self._bench.left
        try:
            with one_thread():
                found = self._bench.remember(
                    f"darts {self._round}", lambda: _trained(self._problem, one, left), _is_trained
                )
        except TimeoutError:
            return None
        self._round += 1
        plan = CellPlan.parse(found["cell"])
        architecture = Architecture(
            one.blocks, scaling="unit_norm" if self._space.blocks else "none", head="cell", cell=str(plan),
            width=one.width, decay=DECAY,
        )  # fmt: skip
        self._last = point = self._space.encode(architecture)
        self._repeats = self._repeats + 1 if point in self._tried else 0
        if found["loss"] is not None and found["discretised"] is not None:
            self._mixed[point] = (float(found["loss"]), float(found["discretised"]))
        return point

    def observe(self, point: Point, loss: float) -> None:
        self._tried.add(point)
        mixed = self._mixed.pop(point, None)
        if mixed is not None and np.isfinite(loss):
            self._gaps.append((*mixed, loss))

    def findings(self) -> list[str]:
        """The discretisation gap."""
        if not self._gaps:
            return []
        count = len(self._gaps)
        mixed, pruned, own = (float(np.mean(one)) for one in zip(*self._gaps, strict=True))
        which = "the supernet" if count == 1 else f"the {count} supernets"
        return [
            f"{which} had a loss of {mixed:.4f} on average on the half of the rows that weighted the operations, and "
            f"of {pruned:.4f} with only those that were kept: a discretisation gap of {pruned - mixed:+.4f}; trained "
            f"anew, the cells have an out-of-fold loss of {own:.4f}"
        ]

    def _rounds(self, number: int) -> _Round:
        count = len(self._space.blocks)
        tokens = [(count - 1,), tuple(range(count))] if count > 1 else [(0,)] if count else [()]
        blocks = tokens[number % len(tokens)]
        return _Round(blocks, WIDTHS[number // len(tokens) % len(WIDTHS)], self._seed + number)


def _is_trained(found: Any) -> bool:
    """Whether a value of the journal can be one of `_trained`."""
    if not isinstance(found, dict) or not found.keys() >= {"cell", "loss", "discretised"}:
        return False
    losses = (found["loss"], found["discretised"])
    if not isinstance(found["cell"], str) or not all(loss is None or _is_loss(loss) for loss in losses):
        return False
    try:
        plan = CellPlan.parse(found["cell"])
    except (ParameterError, ValueError):  # ValueError: a number of thousands of digits
        return False
    return plan.nodes[0][1] != "skip"


def _is_loss(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _trained(problem: Problem, one: _Round, left: Callable[[], float]) -> dict[str, Any]:
    """Train a supernet; its discretised cell, its loss on the half that trained the softmax weights, and these.

    Raises:
        TimeoutError: if it would not end within the seconds that are left.
    """
    import torch

    rng = np.random.default_rng(one.seed)
    order, half = _halves(problem, rng)
    rows, ranges, y, outputs = _inputs(problem, one, order)
    library, x, labels = torch_library(), torch.from_numpy(rows).float(), torch.from_numpy(y)
    weights, alphas = _parameters(ranges, one.width, outputs, rng)
    inner = torch.optim.AdamW(weights, lr=RATE, weight_decay=DECAY)
    outer = torch.optim.Adam([alphas], lr=ALPHA_RATE, betas=ALPHA_BETAS, weight_decay=ALPHA_DECAY)
    loss_of = _loss_of(base_kind(problem.task))

    def loss(index: Any, kept: Any = None) -> Any:
        projection, matrices, biases, weight, bias = weights
        tokens = torch.stack([x[index][:, a:b] @ projection[a:b] for a, b in ranges], 1)
        shares = torch.softmax(alphas, dim=-1) if kept is None else kept
        return loss_of(mixed_cell(shares, tokens, matrices, biases, library) @ weight + bias, labels[index])

    began = time.perf_counter()
    for step in range(STEPS):
        if step >= TIMED and (STEPS - step) * (time.perf_counter() - began) / step > left():
            raise TimeoutError
        outer.zero_grad()
        skipping = torch.softmax(alphas, dim=-1)[:, OPERATIONS.index("skip")].mean()
        (loss(half + rng.integers(len(rows) - half, size=BATCH)) + SKIP_PENALTY * skipping).backward()
        outer.step()
        inner.zero_grad()
        loss(rng.integers(half, size=BATCH)).backward()
        inner.step()
    found = alphas.detach().numpy().astype(np.float64)
    plan, kept, rest = discretised(found), torch.zeros(alphas.shape), np.arange(half, len(rows))
    for node, (read, operation) in enumerate(plan.nodes, 1):
        kept[EDGES.index((read, node)), OPERATIONS.index(operation)] = 1.0
    with torch.no_grad():
        value, pruned = float(loss(rest)), float(loss(rest, kept))
    return {
        "cell": str(plan), "loss": value if np.isfinite(value) else None,
        "discretised": pruned if np.isfinite(pruned) else None, "alphas": np.nan_to_num(found).round(4).tolist(),
    }  # fmt: skip


def _halves(problem: Problem, rng: np.random.Generator) -> tuple[NDArray[np.intp], int]:
    """Rows in random order, and how many of them are the first half; rows of a group stand in one half."""
    order = rng.permutation(len(problem.y))
    if problem.groups is None:
        order = order[:MOST_ROWS]
        return order, len(order) // 2
    _, first, code = np.unique(problem.groups[order], return_index=True, return_inverse=True)
    place = first[code.reshape(-1)]  # of the first row of a row's group: groups are in random order, too
    together = np.argsort(place, kind="stable")[:MOST_ROWS]
    starts = np.flatnonzero(np.diff(place[together])) + 1
    if not len(starts):  # a single group has no halves
        return order[together], len(together) // 2
    return order[together], int(starts[np.abs(starts - len(together) / 2).argmin()])


def _inputs(
    problem: Problem, one: _Round, order: NDArray[np.intp]
) -> tuple[Array, list[tuple[int, int]], NDArray[Any], int]:
    """Standardised rows in an order, the columns of each block, labels for torch, and the number of outputs."""
    architecture = Architecture(one.blocks, scaling="unit_norm" if problem.blocks else "none")
    feature_map = map_of(problem, architecture)
    rows = np.asarray(feature_map(problem.rows[np.sort(order)]), dtype=np.float64)[np.argsort(np.argsort(order))]
    rows = rows - rows.mean(axis=0)
    stops = np.cumsum([b - a for a, b in feature_map.blocks]).tolist()
    ranges = list(zip([0, *stops[:-1]], stops, strict=True))
    for a, b in ranges:
        rows[:, a:b] /= np.sqrt((rows[:, a:b] ** 2).mean()) or 1.0
    y = problem.y[order]
    if base_kind(problem.task) == "classification":
        return rows, ranges, y.astype(np.int64), problem.task.num_outputs
    values = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    if base_kind(problem.task) == "regression":
        spread = values.std(axis=0)
        values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return rows, ranges, values.astype(np.float32), values.shape[1]


def _parameters(
    ranges: Sequence[tuple[int, int]], width: int, outputs: int, rng: np.random.Generator
) -> tuple[list[Any], Any]:
    import torch

    projection = rng.normal(size=(ranges[-1][1], width))
    for a, b in ranges:
        projection[a:b] /= np.sqrt(b - a)
    matrices = rng.normal(size=(len(EDGES), PER_EDGE, width, width)) / np.sqrt(width)
    drawn = (projection, matrices, np.zeros((len(EDGES), PER_EDGE, width)), np.zeros((width, outputs)))
    weights = [torch.tensor(one, dtype=torch.float32, requires_grad=True) for one in (*drawn, np.zeros(outputs))]
    alphas = torch.tensor(1e-3 * rng.normal(size=(len(EDGES), len(OPERATIONS))), requires_grad=True)
    return weights, alphas.float().detach().requires_grad_()


def _loss_of(kind: str) -> Any:
    from torch.nn import functional

    named: dict[str, Any] = {
        "classification": functional.cross_entropy,
        "multilabel": functional.binary_cross_entropy_with_logits,
        "regression": functional.mse_loss,
    }
    return named[kind]


@dataclass(frozen=True)
class DifferentiableSearch:
    """First-order DARTS on features, supernet after supernet.

    Attributes:
        name: ``"darts"``.

    Examples:
        >>> from headstart.search.head_space import head_space
        >>> from headstart.types import Task
        >>> x, task = np.random.default_rng(0).normal(size=(60, 2)), Task("classification", ("in", "out"))
        >>> problem = Problem(x, (np.linalg.norm(x, axis=1) > 1.2).astype(int), task, (), None, 0)
        >>> space = head_space((), task, n=60, d=2)
        >>> space.decode(DARTS.start(space, Bench(problem), seed=0).propose()).head
        'cell'
    """

    name: str = "darts"

    def start(self, space: Space, bench: Bench, seed: int) -> _Darts:
        """A search from its beginning.

        Raises:
            ParameterError: for a space that is no space of heads, where nothing can be differentiated.
        """
        if not isinstance(space, HeadSpace) or bench.problem is None:
            raise ParameterError("The method 'darts' trains cells on rows; search another space by 'evolution'.")
        return _Darts(space, bench, bench.problem, seed)


DARTS = DifferentiableSearch()
