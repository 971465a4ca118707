"""Ridge regression: least squares on targets (one-hot, 0/1 or values) with an L2 penalty and an unpenalised intercept.

Reference: Hoerl & Kennard, "Ridge Regression", Technometrics 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.linear.factor import RidgeFactor
from headstart.linear.leave_out import LeftOut
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum

__all__ = ["RIDGE", "RidgeHead"]


@dataclass(frozen=True)
class RidgeHead:
    """Least squares with an L2 penalty, for every kind of task.

    Attributes:
        name: ``"ridge"``.
        tasks: the task kinds it supports.
        complexity: 0.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [2.0]])
        >>> weight, bias = RIDGE.coefficients(Spectrum.from_rows(x, y), lam=2.0)
        >>> weight.round(3), bias.round(3)      # (XᵀX + λ)⁻¹ XᵀY = 2 / (2 + 2) on centred rows
        (array([[0.5]]), array([0.5]))
    """

    name: str = "ridge"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 0

    def left_out_scores(
        self,
        spectrum: Spectrum,  # noqa: ARG002 (one contract for all heads)
        left_out: LeftOut,
        targets: NDArray[np.float64],  # noqa: ARG002
        groups: NDArray[np.int64] | None,  # noqa: ARG002
        *,
        sample_weight: NDArray[np.float64] | None = None,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """The leave-one-out predictions themselves."""
        return left_out.predictions

    def coefficients(self, spectrum: Spectrum, lam: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight (d, k) and bias (k,) of the ridge solution at λ."""
        return ridge_coefficients(spectrum, lam)

    def coefficients_of(self, factor: RidgeFactor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same from a kept factor."""
        return factor.coefficients, factor.intercept


RIDGE = RidgeHead()
