"""The gate: whether fine-tuning the body will pay, what it will cost, and which model is kept in the end."""

from headstart.transfer.gate.decision import Decision, decide
from headstart.transfer.gate.forecast import Forecast

__all__ = ["Decision", "Forecast", "decide"]
