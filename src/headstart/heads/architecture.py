"""The architecture of a head: which blocks it reads, how they are expanded, and which head is fitted on them.

Command: headstart search DATA
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from headstart.errors import ParameterError

__all__ = ["Architecture"]

ColumnScaling = Literal["unit_norm", "standardised", "none"]


@dataclass(frozen=True)
class Architecture:
    """One point of the space that an architecture search goes through; a penalty λ is always chosen by the fit itself.

    Attributes:
        blocks: positions of the source's blocks that are read, ascending; empty for all columns of the rows.
        gamma: weight of the last of these blocks relative to each other one, after all have the same total variance.
        scaling: ``"unit_norm"`` (each block of each row), ``"standardised"`` (each column), or ``"none"``, for a
            source without blocks.
        projection: number of principal components that are kept; 0 for no projection.
        random_features: number of random Fourier features of an RBF kernel; 0 for none.
        bandwidth: of that kernel, as a multiple of the median distance between rows.
        head: name of the head: ``"ridge"``, ``"lda"``, ``"logistic"``, ``"knn"`` or ``"cell"``.
        cell: nodes of a cell, as `headstart.heads.cells.plan` reads them; only for the head ``"cell"``.
        width: columns of each node of the cell.
        decay: weight decay of the cell.

    Examples:
        >>> found = Architecture((2, 6), gamma=2.0, projection=64, random_features=512, head="lda")
        >>> str(found)
        'blocks 2 + 6 (last one times 2), 64 components, 512 random features (bandwidth 1), lda'
        >>> Architecture.from_dict(found.to_dict()) == found
        True
    """

    blocks: tuple[int, ...] = ()
    gamma: float = 1.0
    scaling: ColumnScaling = "unit_norm"
    projection: int = 0
    random_features: int = 0
    bandwidth: float = 1.0
    head: str = "ridge"
    cell: str = ""
    width: int = 64
    decay: float = 0.1

    @property
    def expands(self) -> bool:
        """Whether the rows are projected or mapped to random features before the head."""
        return bool(self.projection or self.random_features)

    def __str__(self) -> str:
        """The architecture in one line, with the positions of blocks."""
        return self.words()

    def words(self, names: Sequence[str] = ()) -> str:
        """The architecture in one line.

        Args:
            names: of the source's blocks, first to last; default: their positions.
        """
        shown = [names[k] if k < len(names) else str(k) for k in self.blocks]
        weight = f" (last one times {self.gamma:g})" if len(shown) > 1 and self.gamma != 1 else ""
        parts = [f"{'blocks' if len(shown) > 1 else 'block'} {' + '.join(shown)}{weight}" if shown else "all columns"]
        parts += [self.scaling] if self.scaling == "standardised" else []
        parts += [f"{self.projection} components"] if self.projection else []
        if self.random_features:
            parts.append(f"{self.random_features} random features (bandwidth {self.bandwidth:g})")
        of_cell = f" [{self.cell}] of width {self.width}, weight decay {self.decay:g}" if self.head == "cell" else ""
        return ", ".join([*parts, self.head + of_cell])

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "blocks": list(self.blocks)}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Architecture:
        """The architecture that `to_dict` gave.

        Raises:
            ParameterError: if a field is missing or unknown.
        """
        names = {field.name for field in fields(cls)}
        if set(saved) != names:
            raise ParameterError(
                f"An architecture has the fields {', '.join(sorted(names))}. Got {', '.join(sorted(map(str, saved)))}."
            )
        return cls(**{**saved, "blocks": tuple(saved["blocks"])})
