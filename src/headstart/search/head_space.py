"""The space of heads and cells on the blocks of one source, or of several.

| gene | values |
|---|---|
| each block | read or not |
| weight of the last block that is read | 1, ¼, ½, 2, 4 |
| scaling | unit norm of each block of each row; standardised columns |
| projection | none, 32, 64, 128, 256 principal components |
| random features | none, 256, 512, 1024, 2048 of an RBF kernel, at ½, 1 or 2 times the median distance |
| head | ridge, LDA, logistic regression, nearest neighbours, a trained cell |
| nodes of the cell | 1 to 3, of five operations, each reading any earlier node; width 32, 64, 128; weight decay |

The penalty λ, and the number of neighbours, are no genes: a fit chooses them by exact leave-one-out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.heads.architecture import Architecture
from headstart.heads.cells.plan import MOST_NODES, OPERATIONS
from headstart.search.space import Gene, Point, Space
from headstart.tasks import is_classification
from headstart.types import Block, Task

__all__ = ["READ", "HeadSpace", "head_space"]

GAMMAS = (1.0, 0.25, 0.5, 2.0, 4.0)
PROJECTIONS = (0, 32, 64, 128, 256)
RANDOM_FEATURES = (0, 256, 512, 1024, 2048)
BANDWIDTHS = (1.0, 0.5, 2.0)
WIDTHS = (32, 64, 128)
DECAYS = (0.1, 0.01, 1.0)
LOGISTIC = 1_000_000  # rows x columns x classes up to which logistic regression takes a few seconds, 40 times an LDA
READ = "read "  # before the name of a block


@dataclass(frozen=True)
class HeadSpace(Space):
    """A space whose points are architectures.

    Attributes:
        genes: the choices.
        blocks: names of the source's blocks; empty for a source without blocks.

    Examples:
        >>> space = head_space((Block("stem", 8), Block("last", 16)), Task("regression", ("y",)), n=100)
        >>> point = space.encode(Architecture((1,), head="cell", cell="0:gate", width=32))
        >>> str(space.decode(point))
        'block 1, cell [0:gate] of width 32, weight decay 0.1'
    """

    blocks: tuple[str, ...] = ()

    @property
    def architectures(self) -> int:
        """Number of points, without going through them.

        Examples:
            >>> head_space((), Task("regression", ("y",)), n=100, d=8).architectures
            11644
        """
        sizes, values = {g.name: len(g.values) for g in self.genes}, {g.name: g.values for g in self.genes}
        count, heads = len(self.blocks), values.get("head", ())
        several = 2**count - 1 - count  # choices of two blocks or more, which have a weight
        read = count + several * sizes.get("gamma", 1) if count else 1
        mapped = sum(size > 0 for size in values.get("random_features", ()))
        solved = sizes.get("projection", 1) * (
            sizes.get("random_features", 1) - mapped + mapped * sizes.get("bandwidth", 1)
        )
        cells, wired = 0, 1
        for node in range(1, MOST_NODES + 1):
            wired *= sizes.get(f"op{node}", 1) * sizes.get(f"from{node}", 1)
            cells += wired * (node in values.get("nodes", ()))
        cells *= sizes.get("width", 1) * sizes.get("decay", 1)
        own = (len(heads) - ("cell" in heads)) * solved + ("cell" in heads) * cells
        return int(read * sizes.get("scaling", 1) * own)

    def canonical(self, point: Sequence[int]) -> Point:
        """The same point with genes that have no effect at position 0; the last block is read where none is."""
        read = point[: len(self.blocks)]
        if len(read) and not any(read):
            point = [*read[:-1], 1, *point[len(self.blocks) :]]
        return super().canonical(point)

    def decode(self, point: Sequence[int]) -> Architecture:
        """The architecture at a point.

        Raises:
            ParameterError: if the point is not one of this space.
        """
        values = self.values(point)
        nodes = values.get("nodes", 0) if values["head"] == "cell" else 0
        cell = " ".join(f"{values.get(f'from{k}', 0)}:{values[f'op{k}']}" for k in range(1, nodes + 1))
        return Architecture(
            tuple(k for k, name in enumerate(self.blocks) if values[READ + name]),
            values.get("gamma", 1.0), values["scaling"], values["projection"], values["random_features"],
            values["bandwidth"], values["head"], cell, values["width"] if nodes else 64,
            values["decay"] if nodes else 0.1,
        )  # fmt: skip

    def encode(self, architecture: Architecture) -> Point:
        """The point of an architecture.

        Raises:
            ParameterError: if it is not in this space.
        """
        one = architecture
        nodes = [node.partition(":") for node in one.cell.split()]
        values: dict[str, Any] = {READ + name: k in one.blocks for k, name in enumerate(self.blocks)}
        values |= {"scaling": one.scaling, "projection": one.projection, "random_features": one.random_features}
        values |= {"bandwidth": one.bandwidth, "head": one.head}
        if len(self.blocks) > 1:
            values["gamma"] = one.gamma
        if nodes:
            values |= {"nodes": len(nodes), "width": one.width, "decay": one.decay}
            for k, (read, _, operation) in enumerate(nodes, 1):
                values[f"op{k}"] = operation
                if k > 1:
                    values[f"from{k}"] = int(read)
        return self.point(values)


def head_space(blocks: Sequence[Block], task: Task, *, n: int, d: int = 0) -> HeadSpace:
    """The space of heads and cells for the rows of a source.

    Args:
        blocks: of the source, first to last; empty for a source without blocks.
        task: the label schema; LDA and logistic regression are for classification, the latter for small data only.
        n: number of training rows, which bounds the projections.
        d: number of columns of a source without blocks.

    Examples:
        >>> print(head_space((), Task("classification", ("a", "b")), n=150, d=40))
        scaling: none, standardised
        projection: 0, 32
        random_features: 0, 256, 512, 1024, 2048
        bandwidth: 1.0, 0.5, 2.0
        head: ridge, lda, logistic, knn, cell
        nodes: 1, 2, 3
        width: 32, 64, 128
        decay: 0.1, 0.01, 1.0
        op1: linear, relu, gate, attention
        op2: skip, linear, relu, gate, attention
        from2: 0, 1
        op3: skip, linear, relu, gate, attention
        from3: 0, 1, 2
    """
    names = tuple(block.name for block in blocks)
    width = sum(block.width for block in blocks) or d
    side = min(n // 2, width)
    heads: tuple[str, ...] = ("ridge", "knn", "cell")
    if is_classification(task):
        quick = n * min(n, width) * task.num_outputs <= LOGISTIC
        heads = ("ridge", "lda", "logistic", "knn", "cell") if quick else ("ridge", "lda", "knn", "cell")
    genes = [Gene(READ + name, (False, True)) for name in names]
    if len(names) > 1:
        genes.append(Gene("gamma", GAMMAS, lambda values: sum(values[READ + name] for name in names) > 1))
    genes += [
        Gene("scaling", ("unit_norm", "standardised") if names else ("none", "standardised")),
        Gene("projection", tuple(size for size in PROJECTIONS if size < side or not size), _solved),
        Gene("random_features", RANDOM_FEATURES, _solved),
        Gene("bandwidth", BANDWIDTHS, lambda values: values["random_features"] > 0),
        Gene("head", heads),
        Gene("nodes", tuple(range(1, MOST_NODES + 1)), _is_cell),
        Gene("width", WIDTHS, _is_cell),
        Gene("decay", DECAYS, _is_cell),
        # a first node that skips would be the input again
        Gene("op1", OPERATIONS[1:], _is_cell),
    ]
    for k in range(2, MOST_NODES + 1):
        genes += [Gene(f"op{k}", OPERATIONS, _has_node(k)), Gene(f"from{k}", tuple(range(k)), _has_node(k))]
    return HeadSpace(tuple(genes), names)


def _solved(values: Mapping[str, Any]) -> bool:
    return bool(values["head"] != "cell")


def _is_cell(values: Mapping[str, Any]) -> bool:
    return bool(values["head"] == "cell")


class _has_node:  # noqa: N801 (used as a function)
    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, values: Mapping[str, Any]) -> bool:
        return bool(values["head"] == "cell" and values["nodes"] >= self.number)
