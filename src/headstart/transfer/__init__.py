"""The functions that users call: fit, evaluate, rank and audit labels, built from stages, the gate and the ranking.

A new call for users is one module here; its steps belong to the sub-packages.
"""

from headstart.reporting import Reporter, SilentReporter
from headstart.transfer.fit import fit
from headstart.transfer.ranking.rank import rank
from headstart.transfer.ranking.result import Ranking, Standing
from headstart.transfer.run import Run

__all__ = ["Ranking", "Reporter", "Run", "SilentReporter", "Standing", "fit", "rank"]
