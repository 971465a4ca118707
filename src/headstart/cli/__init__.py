"""The command line: ``headstart VERB ...``.

A command is one module here and one in `parser`; what comes in and what is shown belong to the sub-packages.
"""

# Only `main`, which is light, is imported here: Ctrl-C during a longer import would end in a traceback.
from headstart.cli.main import build_parser, main

__all__ = ["build_parser", "main"]
