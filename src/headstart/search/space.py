"""A finite search space: genes with a few values each, and the points that they span.

A point gives each gene the position of one of its values. Genes that have no effect beside the others (the bandwidth of
no random features) are at position 0, so that equal architectures are equal points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.errors import ParameterError

__all__ = ["Gene", "Point", "Space"]

Point = tuple[int, ...]


@dataclass(frozen=True)
class Gene:
    """One choice.

    Attributes:
        name: of the choice.
        values: what it may be; the first one where it has no effect.
        active: whether it has an effect, from the values of all genes; None for always.

    Examples:
        >>> Gene("width", (32, 64)).values[1]
        64
    """

    name: str
    values: tuple[Any, ...]
    active: Callable[[Mapping[str, Any]], bool] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Space:
    """All combinations of some genes.

    Attributes:
        genes: the choices, in the order of a point.

    Examples:
        >>> heads = Gene("head", ("ridge", "cell"))
        >>> space = Space((heads, Gene("width", (32, 64), lambda values: values["head"] == "cell")))
        >>> list(space), len(space)      # the width of a ridge head has no effect
        ([(0, 0), (1, 0), (1, 1)], 3)
        >>> space.values((1, 1)), space.point({"head": "cell", "width": 64})
        ({'head': 'cell', 'width': 64}, (1, 1))
        >>> print(space)
        head: ridge, cell
        width: 32, 64
    """

    genes: tuple[Gene, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each gene."""
        return tuple(len(gene.values) for gene in self.genes)

    def __iter__(self) -> Iterator[Point]:
        """Every point once; only for small spaces."""
        for point in np.ndindex(*self.sizes):
            if self.canonical(point) == point:
                yield tuple(map(int, point))

    def __len__(self) -> int:
        """Number of points, counted one by one; only for small spaces."""
        return sum(1 for _ in self)

    def __str__(self) -> str:
        """The genes with their values, a line each."""
        return "\n".join(f"{gene.name}: {', '.join(map(str, gene.values))}" for gene in self.genes)

    def values(self, point: Sequence[int]) -> dict[str, Any]:
        """The value of each gene, by name.

        Raises:
            ParameterError: if the point is not one of this space.
        """
        sizes = self.sizes
        if len(point) != len(sizes) or not all(0 <= k < size for k, size in zip(point, sizes, strict=True)):
            raise ParameterError(f"A point of this space has {len(sizes)} positions below {sizes}. Got {point}.")
        return {gene.name: gene.values[k] for gene, k in zip(self.genes, point, strict=True)}

    def is_point(self, value: Any) -> bool:
        """Whether a value of any kind, such as one from a file, is a point with idle genes at position 0."""
        sizes = self.sizes
        if not isinstance(value, list | tuple) or len(value) != len(sizes):
            return False
        inside = all(type(k) is int and 0 <= k < size for k, size in zip(value, sizes, strict=True))
        return inside and self.canonical(value) == tuple(value)

    def canonical(self, point: Sequence[int]) -> Point:
        """The same point with genes that have no effect at position 0."""
        values = self.values(point)
        found = []
        for gene, k in zip(self.genes, point, strict=True):
            kept = k if gene.active is None or gene.active(values) else 0
            values[gene.name] = gene.values[kept]
            found.append(int(kept))
        return tuple(found)

    def point(self, values: Mapping[str, Any]) -> Point:
        """The point at which genes have these values; genes that are not named are at position 0.

        Raises:
            ParameterError: for an unknown gene or value.
        """
        unknown = sorted(set(values) - {gene.name for gene in self.genes})
        if unknown:
            raise ParameterError(f"This space has no gene '{unknown[0]}'.")
        found = []
        for gene in self.genes:
            value = values.get(gene.name, gene.values[0])
            if value not in gene.values:
                raise ParameterError(f"The gene '{gene.name}' is one of {gene.values}. Got {value!r}.")
            found.append(gene.values.index(value))
        return self.canonical(found)

    def active(self, point: Sequence[int]) -> tuple[int, ...]:
        """Positions of the genes that have an effect at a point."""
        values = self.values(point)
        return tuple(k for k, gene in enumerate(self.genes) if gene.active is None or gene.active(values))

    def sample(self, rng: np.random.Generator) -> Point:
        """A point whose genes are drawn uniformly."""
        return self.canonical([int(rng.integers(size)) for size in self.sizes])

    def neighbours(self, point: Sequence[int]) -> list[Point]:
        """The other points that differ in the choice of one gene, without repetitions."""
        found: dict[Point, None] = {}
        for k, size in enumerate(self.sizes):
            for value in range(size):
                found[self.canonical([*point[:k], value, *point[k + 1 :]])] = None
        found.pop(self.canonical(point), None)
        return list(found)

    def mutate(self, point: Sequence[int], rng: np.random.Generator) -> Point:
        """A point that differs in the choice of one gene that has an effect, or in none if there is no other value."""
        able = [k for k in self.active(point) if len(self.genes[k].values) > 1]
        if not able:
            return self.canonical(point)
        k = able[int(rng.integers(len(able)))]
        other = int(rng.integers(self.sizes[k] - 1))
        return self.canonical([*point[:k], other + (other >= point[k]), *point[k + 1 :]])

    def crossover(self, first: Sequence[int], second: Sequence[int], rng: np.random.Generator) -> Point:
        """A point with each gene of one of two parents, drawn with equal chances."""
        return self.canonical([int(a if rng.random() < 0.5 else b) for a, b in zip(first, second, strict=True)])
