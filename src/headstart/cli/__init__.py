"""The command line: ``headstart VERB ...``."""

from headstart.cli.main import main
from headstart.cli.parser import build_parser

__all__ = ["build_parser", "main"]
