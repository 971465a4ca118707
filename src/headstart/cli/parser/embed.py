"""Options of ``headstart embed``."""

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
    "last (the final output of the body), blocks (the pooled output of each block, or of 13 blocks if there are more: "
    "the layers that a fit reads), all (the output of every layer), or comma-separated names of layers; --layers all "
    "--json lists the names as 'blocks' (default: last)"
)
CODES = "If an item cannot be read, it is reported, the others are written and the exit code is 1.\n\n" + EXIT_CODES


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["embed", "photos", "--out", "rows.npy"]).layers
        'last'
    """
    parser = new_verb(
        verbs, "embed", "encode items with a source and write their features", words="DATA --out FILE",
        example="headstart embed photos/ --source local:body.safetensors --out features.parquet", codes=CODES,
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", help=DATA + "; labels are not needed")
    group = first_group(parser)
    add_out(group, "FILE", "file to write: .parquet, .csv, .npy or .safetensors", required=True)
    group.add_argument(
        "--source",
        metavar="NAME",
        help="pretrained body (default: the installed one that suits the items); NAME@160 reads pictures of 160 pixels "
        "a side, which is faster (bodies of headstart: and timm:)",
    )
    group.add_argument("--layers", metavar="WHICH", default="last", help=LAYERS)
    group.add_argument(
        "--per", choices=["item", "position"],
        help="one row per item, or per position in it: token, patch or frame; of annotated sentences a position is a "
        "word (default: item, and position for annotated sentences)",
    )  # fmt: skip
    add_reading(parser)
    add_encoding(parser, cluster=True)
    add_common(parser)
