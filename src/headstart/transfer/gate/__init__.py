"""The gate: whether fine-tuning the body is expected to pay, what it costs, and which model is kept."""

from headstart.transfer.gate.decision import Decision, decide
from headstart.transfer.gate.forecast import Forecast

__all__ = ["Decision", "Forecast", "decide"]
