"""The facade: audit, encode, solve, evaluate, compare, save."""

from headstart.reporting import Reporter, SilentReporter
from headstart.transfer.fit import Run, fit
from headstart.transfer.ranking.rank import rank
from headstart.transfer.ranking.result import Ranking, Standing

__all__ = ["Ranking", "Reporter", "Run", "SilentReporter", "Standing", "fit", "rank"]
