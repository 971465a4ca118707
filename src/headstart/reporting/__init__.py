"""What is shown while work is done, and how: who hears of it, and what a terminal, a file or a notebook can show."""

from headstart.reporting.console import ConsoleReporter, chosen_reporter
from headstart.reporting.reporter import LOOKING, Progress, Reporter, SilentReporter

__all__ = ["LOOKING", "ConsoleReporter", "Progress", "Reporter", "SilentReporter", "chosen_reporter"]
