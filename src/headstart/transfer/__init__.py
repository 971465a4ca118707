"""The functions that users call: fit, evaluate, rank and audit labels, built from stages, the gate and the ranking."""

from headstart.reporting import Reporter, SilentReporter
from headstart.transfer.fit import Run, fit
from headstart.transfer.ranking.rank import rank
from headstart.transfer.ranking.result import Ranking, Standing

__all__ = ["Ranking", "Reporter", "Run", "SilentReporter", "Standing", "fit", "rank"]
