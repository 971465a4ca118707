"""The facade: audit, encode, solve, evaluate, compare, save."""

from headstart.transfer.fit import Run, fit
from headstart.transfer.reporter import Reporter, SilentReporter

__all__ = ["Reporter", "Run", "SilentReporter", "fit"]
