"""The registry of heads that are read off one spectrum."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.linear.leave_out import LeftOut
from headstart.linear.spectrum import Spectrum
from headstart.registry import Registry

__all__ = ["HEADS", "SpectralHead"]


@runtime_checkable
class SpectralHead(Protocol):
    """A linear head that one eigendecomposition gives for every λ, with its left-out scores.

    Examples:
        >>> isinstance(HEADS["ridge"], SpectralHead)
        True
        >>> sorted(HEADS)
        ['lda', 'ridge']
    """

    name: str
    tasks: frozenset[str]

    def left_out_scores(
        self,
        spectrum: Spectrum,
        left_out: LeftOut,
        targets: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
    ) -> NDArray[np.float64]:
        """Scores (n, k) that the head would give to rows if they, or their whole group, had not been fitted."""
        ...

    def coefficients(self, spectrum: Spectrum, lam: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight (d, k) and bias (k,) of the head; scores are up to a constant of each row under a softmax."""
        ...


HEADS: Registry[SpectralHead] = Registry("head")
HEADS.register("ridge", "headstart.heads.ridge:RIDGE")
HEADS.register("lda", "headstart.heads.lda:LDA")
