"""The gate: whether fine-tuning the body is expected to pay, what it costs, and which model is kept.

Evidence for or against fine-tuning goes in here; how a body is fine-tuned is the concern of `headstart.tune`.
"""

from headstart.transfer.gate.decision import Decision, decide
from headstart.transfer.gate.forecast import Forecast

__all__ = ["Decision", "Forecast", "decide"]
