"""Options of ``headstart drift``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import Verbs, add_common, add_encoding, add_seed, add_version, first_group, new_verb

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["drift", "run", "new", "--level", "0.01"]).level
        0.01
    """
    parser = new_verb(
        verbs, "drift", "say whether new items differ from those of a fit, in what, and what to do", words="MODEL NEW",
        example="headstart drift runs/photos new-photos/",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument(
        "data", metavar="NEW", help="a folder, table or archive of at least ten items; labels are not read"
    )
    group = first_group(parser)
    group.add_argument(
        "--reference", metavar="DATA",
        help="items to compare with, which the model was not fitted on (default: the training items that it keeps)",
    )  # fmt: skip
    group.add_argument(
        "--level", type=float, default=0.05, metavar="SHARE",
        help="probability of reporting a shift where there is none, whatever was looked at (default: 0.05)",
    )  # fmt: skip
    group.add_argument("--item", metavar="COLUMN", help="column of texts or paths in a table")
    group.add_argument(
        "--group-col", metavar="COLUMN",
        help="column of groups (patient, speaker, site); items of a group are not independent, and each group is also "
        "compared by itself",
    )  # fmt: skip
    group.add_argument(
        "--group-pattern", metavar="REGEX",
        help="regular expression that captures the group from each item's name or value of --group-col",
    )  # fmt: skip
    add_version(group)
    add_seed(group, "all random assignments")
    add_encoding(parser)
    add_common(parser)
