"""The gate: whether moving the body will pay, what it will cost, and what is kept in the end."""

from headstart.transfer.gate.decision import Decision, decide
from headstart.transfer.gate.forecast import Forecast

__all__ = ["Decision", "Forecast", "decide"]
