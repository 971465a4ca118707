"""The page of commands, made from the parser: ``python -m headstart.cli.reference > docs/cli.md``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from headstart.cli import build_parser

__all__ = ["commands", "render"]

WIDTH = 100
HEADER = """\
# Commands

Made by `python -m headstart.cli.reference > docs/cli.md` from what `headstart COMMAND --help` prints; a test compares.
"""


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all its sub-commands, parents first, in the order in which they were added.

    Examples:
        >>> [parser.prog for parser in commands(build_parser())][0]
        'headstart'
    """
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                yield from commands(child)


def render() -> str:
    """The page in Markdown: the help text of every command, at a fixed width and without colours.

    Examples:
        >>> render().splitlines()[0]
        '# Commands'
    """
    with _plain_terminal():
        sections = [
            f"\n{'#' * (1 + len(parser.prog.split()))} {parser.prog}\n\n```text\n{parser.format_help().strip()}\n```\n"
            for parser in commands(build_parser())
        ]
    return HEADER + "".join(sections)


@contextmanager
def _plain_terminal() -> Iterator[None]:
    """A terminal of fixed width without colours, as argparse learns it from the environment."""
    before = dict(os.environ)
    os.environ.update(COLUMNS=str(WIDTH), NO_COLOR="1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.stdout.write(render())
