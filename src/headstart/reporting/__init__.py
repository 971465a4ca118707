"""Reporters: how the steps, results and progress of a run are shown on a terminal, in a file or in a notebook.

How something is shown goes in here; what is reported is decided by the callers.
"""

from headstart.reporting.console import ConsoleReporter, chosen_reporter
from headstart.reporting.reporter import LOOKING, Progress, Reporter, SilentReporter

__all__ = ["LOOKING", "ConsoleReporter", "Progress", "Reporter", "SilentReporter", "chosen_reporter"]
