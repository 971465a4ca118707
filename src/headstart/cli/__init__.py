"""The command line: ``headstart VERB ...``."""

# Nothing is imported here but what stops a process in a sentence: whatever else is imported may be interrupted.
from headstart.cli.main import build_parser, main

__all__ = ["build_parser", "main"]
