"""The command line: ``headstart VERB ...``."""

# Only `main`, which is light, is imported here: Ctrl-C during a longer import would end in a traceback.
from headstart.cli.main import build_parser, main

__all__ = ["build_parser", "main"]
