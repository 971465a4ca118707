"""Options of ``headstart evaluate``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    Verbs,
    add_common,
    add_encoding,
    add_label,
    add_out,
    add_reading,
    add_report_items,
    add_seed,
    add_version,
    first_group,
    new_verb,
)

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
    group = first_group(parser)
    add_label(group)
    add_out(group, "DIR", "folder for metrics.json, confusion.csv, predictions (.csv and .parquet) and report.html")
    group.add_argument(
        "--split", choices=["train", "val", "test", "all"],
        help="part to evaluate on, if the data come with a split (default: test, else val)",
    )  # fmt: skip
    add_version(group)
    add_seed(group, "bootstrap resamples")
    add_report_items(group)
    add_reading(parser, label=False)
    add_encoding(parser)
    add_common(parser)
