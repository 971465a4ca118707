"""Options of ``headstart suggest``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    Verbs,
    add_common,
    add_encoding,
    add_out,
    add_seed,
    add_version,
    count,
    first_group,
    new_verb,
)

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["suggest", "run", "new", "--n", "20"]).n
        20
    """
    parser = new_verb(
        verbs, "suggest", "choose the unlabelled items whose label would help a model most", words="MODEL UNLABELLED",
        example="headstart suggest runs/photos new-photos/ --n 50 --out next.csv",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument("data", metavar="UNLABELLED", help="a folder, table or archive of items; labels are not read")
    group = first_group(parser)
    group.add_argument("--n", type=count, default=50, metavar="N", help="how many items to suggest (default: 50)")
    add_out(
        group, "FILE",
        "write .csv (id, item, prediction, probability and why), or .json: tasks for Label Studio, with the labelling "
        "interface beside them as .xml",
    )  # fmt: skip
    group.add_argument("--item", metavar="COLUMN", help="column of texts or paths in a table")
    group.add_argument(
        "--group-col", metavar="COLUMN",
        help="column of groups (patient, speaker, site), of which each gives at most twice its share",
    )  # fmt: skip
    group.add_argument(
        "--group-pattern", metavar="REGEX",
        help="regular expression that captures the group from each item's name or value of --group-col",
    )  # fmt: skip
    add_version(group)
    add_seed(group, "the sample of a pool of more than 2,000 items")
    add_encoding(parser)
    add_common(parser)
