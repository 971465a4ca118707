"""Options of ``headstart compare``."""

from __future__ import annotations

import argparse

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import Verbs, add_judging, new_verb

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["compare", "a", "b", "photos", "--margin", "0.02"]).margin
        0.02
    """
    parser = new_verb(
        verbs, "compare", "compare saved models on the same labelled data: paired differences, and which items decide",
        words="MODEL MODEL [MODEL ...] [DATA]", example="headstart compare runs/a runs/b photos-of-may/ --out a-or-b",
    )  # fmt: skip
    parser.add_argument(
        "given", metavar="MODEL", nargs="+",
        help="run folders of two or more fits, the baseline first (a difference is a later model minus one before it), "
        "and then labelled data: a folder per class, a folder with "
        "train/val/test, a table, or a tar or zip of these (default: the items that all runs held out, if they split "
        "the same data in the same way)",
    )  # fmt: skip
    files = "comparison.json, items.csv (the items on which they disagree)"
    group = add_judging(parser, files, done="compare", seeded="resamples and permutations")
    group.add_argument(
        "--margin", type=_margin, default=0.01, metavar="M",
        help="models whose main metric differs by less count as equivalent (default: 0.01, one point)",
    )  # fmt: skip


def _margin(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"it must be a number between 0 and 1. Got '{text}' instead.")
    return value
