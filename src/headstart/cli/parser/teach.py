"""Options of ``headstart update``, ``forget``, ``log`` and ``rollback``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    Group,
    Verbs,
    add_common,
    add_encoding,
    add_label,
    add_out,
    add_reading,
    count,
    first_group,
    new_verb,
)

__all__ = ["add_forget", "add_log", "add_rollback", "add_update"]

RUN = "run folder of a fit"


def add_update(verbs: Verbs[Parser]) -> None:
    """Add the command ``update``.

    Examples:
        >>> parser = Parser()
        >>> add_update(parser.add_subparsers())
        >>> parser.parse_args(["update", "run", "new.csv", "--relabel"]).relabel
        True
    """
    parser = new_verb(
        verbs, "update", "fit a model on further items and classes too, exactly, as a new version", words="RUN NEW",
        example="headstart update runs/tickets corrected.csv --test held-out.csv",
    )  # fmt: skip
    parser.add_argument("model", metavar="RUN", help=RUN)
    parser.add_argument("data", metavar="NEW", help=DATA)
    group = first_group(parser)
    add_label(group)
    _add_test(group)
    group.add_argument(
        "--relabel", action="store_true",
        help="an item with the content of one of the fit and another label corrects that label (default: it is left "
        "out and named)",
    )  # fmt: skip
    _add_keep(group)
    group.add_argument(
        "--split", choices=["train", "val", "test", "all"],
        help="part of data that come with a split (default: train, else all)",
    )  # fmt: skip
    add_reading(parser, label=False)
    add_encoding(parser)
    add_common(parser)


def add_forget(verbs: Verbs[Parser]) -> None:
    """Add the command ``forget``.

    Examples:
        >>> parser = Parser()
        >>> add_forget(parser.add_subparsers())
        >>> parser.parse_args(["forget", "run", "12", "37"]).items
        ['12', '37']
    """
    parser = new_verb(
        verbs, "forget", "remove items from a model, exactly, as a new version with a certificate",
        words="RUN ITEM ...",
        example="headstart forget runs/tickets 12 37 --out certificate.json",
    )  # fmt: skip
    parser.add_argument("model", metavar="RUN", help=RUN)
    parser.add_argument(
        "items", metavar="ITEM", nargs="+",
        help="an id of the fit (as in splits.parquet), @FILE with an id on each line, or a folder or table of the "
        "items themselves",
    )  # fmt: skip
    group = first_group(parser)
    add_out(group, "FILE.json", "also write the certificate here; the version holds it in any case")
    group.add_argument(
        "--purge", action="store_true", help="delete the versions that knew one of the items (default: they stay)"
    )
    _add_test(group)
    _add_keep(group)
    add_label(group)
    group.add_argument("--item", metavar="COLUMN", help="column of texts or paths in a table")
    add_encoding(parser)
    add_common(parser)


def add_log(verbs: Verbs[Parser]) -> None:
    """Add the command ``log``.

    Examples:
        >>> parser = Parser()
        >>> add_log(parser.add_subparsers())
        >>> parser.parse_args(["log", "run"]).model
        'run'
    """
    parser = new_verb(
        verbs, "log", "list the versions of a run folder", words="RUN", example="headstart log runs/tickets"
    )
    parser.add_argument("model", metavar="RUN", help=RUN)
    add_common(parser)


def add_rollback(verbs: Verbs[Parser]) -> None:
    """Add the command ``rollback``.

    Examples:
        >>> parser = Parser()
        >>> add_rollback(parser.add_subparsers())
        >>> parser.parse_args(["rollback", "run", "2"]).number
        2
    """
    parser = new_verb(
        verbs, "rollback", "put an earlier version of a run folder in force again", words="RUN [N]",
        example="headstart rollback runs/tickets 2",
    )  # fmt: skip
    parser.add_argument("model", metavar="RUN", help=RUN)
    parser.add_argument(
        "number", metavar="N", nargs="?", type=count, help="its number (default: the one before the one in force)"
    )
    first_group(parser).add_argument("--to", metavar="N", type=count, help="the same as N")
    add_common(parser)


def _add_test(group: Group) -> None:
    group.add_argument("--test", metavar="DATA", help="labelled items to judge on, before and after")


def _add_keep(group: Group) -> None:
    group.add_argument(
        "--keep-penalty", action="store_true",
        help="keep the penalty and the calibration (default: chosen anew where the rows of all items are at hand)",
    )  # fmt: skip
