"""The words of ``headstart embed``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    EXIT_CODES,
    Verbs,
    add_common,
    add_encoding,
    add_out,
    add_reading,
    first_group,
    new_verb,
)

__all__ = ["add"]

LAYERS = (
    "last (what the body gives at its end), blocks (the pooled output of each block, or of 13 of them where there are "
    "more: what a fit reads), all (of everything in the body), or names of layers with commas between; --layers all "
    "--json lists the names as 'blocks' (default: last)"
)
CODES = "An item that cannot be read is reported and makes the exit code 1; the others are written.\n\n" + EXIT_CODES


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["embed", "photos", "--out", "rows.npy"]).layers
        'last'
    """
    parser = new_verb(
        verbs, "embed", "write the features that a source gives", words="DATA --out FILE",
        example="headstart embed photos/ --source local:body.safetensors --out features.parquet", codes=CODES,
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", help=DATA + "; labels are not needed")
    group = first_group(parser)
    add_out(group, "FILE", ".parquet, .csv, .npy or .safetensors", required=True)
    group.add_argument("--source", metavar="NAME", help="pretrained body (default: what comes with the install)")
    group.add_argument("--layers", metavar="WHICH", default="last", help=LAYERS)
    group.add_argument(
        "--per", choices=["item", "position"], default="item",
        help="a row for each item, or for each position in it: token, patch or frame (default: item)",
    )  # fmt: skip
    add_reading(parser)
    add_encoding(parser, cluster=True)
    add_common(parser)
