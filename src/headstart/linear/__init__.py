"""Closed-form linear methods: sufficient statistics of rows, and all that can be computed from them without training.

``rows -> Moments -> Spectrum -> ridge path, exact leave-one-out, discriminants, influence``; float64 throughout.
Linear algebra on arrays goes in here; heads, sources and files do not.
"""

from headstart.linear.calibration import fit_platt, fit_temperature, log_loss, log_softmax, softmax
from headstart.linear.influence import deletion_influence
from headstart.linear.leave_out import LeftOut, fitted, leave_one_group_out, leave_one_out
from headstart.linear.moments import Moments
from headstart.linear.optimal_scoring import OptimalScoring, optimal_scoring
from headstart.linear.ridge import gcv, lambda_grid, ridge_coefficients
from headstart.linear.spectrum import Spectrum

__all__ = [
    "LeftOut",
    "Moments",
    "OptimalScoring",
    "Spectrum",
    "deletion_influence",
    "fit_platt",
    "fit_temperature",
    "fitted",
    "gcv",
    "lambda_grid",
    "leave_one_group_out",
    "leave_one_out",
    "log_loss",
    "log_softmax",
    "optimal_scoring",
    "ridge_coefficients",
    "softmax",
]
