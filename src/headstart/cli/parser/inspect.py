"""Options of ``headstart inspect``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import DATA, Verbs, add_common, add_label, add_out, add_reading, first_group, new_verb

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["inspect", "photos", "--labels"]).labels
        True
    """
    parser = new_verb(
        verbs, "inspect", "audit labelled data without fitting anything", words="DATA",
        example="headstart inspect photos/",
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", help=DATA)
    group = first_group(parser)
    add_label(group)
    group.add_argument(
        "--labels", action="store_true",
        help="also encode the items and list those whose label is probably wrong, each with the three items that "
        "contradict it most",
    )  # fmt: skip
    group.add_argument(
        "--source", metavar="NAME", help="pretrained body whose tokenizer is checked on texts, or, with --labels, that "
        "encodes the items",
    )  # fmt: skip
    add_out(group, "FILE", "write the suspect labels to a .csv file (needs --labels)")
    add_reading(parser, label=False)
    parser.add_argument_group("other").add_argument(
        "--no-cache", action="store_true", help="neither read nor write cached sketches of pictures and sounds"
    )
    add_common(parser)
