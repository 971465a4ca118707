"""Options of ``headstart evaluate``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import DATA, Verbs, add_judging, add_version, new_verb

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["evaluate", "run", "photos", "--split", "val"]).split
        'val'
    """
    parser = new_verb(
        verbs, "evaluate", "evaluate a saved model on labelled data", words="MODEL DATA",
        example="headstart evaluate runs/photos photos-of-may/ --out may",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument("data", metavar="DATA", help=DATA)
    files = "metrics.json, confusion.csv, predictions (.csv and .parquet)"
    add_version(add_judging(parser, files, done="evaluate", seeded="bootstrap resamples", config=True))
