"""The reporter under its former place; it stands in `headstart.reporting`."""

from headstart.reporting import Progress, Reporter, SilentReporter

__all__ = ["Progress", "Reporter", "SilentReporter"]
