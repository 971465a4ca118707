"""Options of ``headstart explain``."""

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
        >>> parser.parse_args(["explain", "run", "where is it", "--method", "influence"]).method
        ['influence']
    """
    parser = new_verb(
        verbs, "explain", "explain one answer: words, columns, and the training items behind it", words="MODEL ITEM",
        example='headstart explain runs/support "Where is my parcel?" -o why.html',
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument(
        "item", metavar="ITEM",
        help="a file; a table, of which --row is explained; for a text model also a literal text, or - for a line of "
        "standard input",
    )  # fmt: skip
    group = first_group(parser)
    add_out(group, "FILE.html", "write one self-contained HTML page")
    group.add_argument(
        "--method", metavar="NAME", action="append",
        help="explanation method; repeat the option for several (default: the one that suits the item, the influence "
        "of training items, similar items and the layer profile): influence, similar, integrated_gradients, "
        "leave_one_word_out, linear_attribution, shapley_sampling, layer_profile, ...",
    )  # fmt: skip
    group.add_argument("--label", metavar="LABEL", help="label or target to explain (default: the answer)")
    group.add_argument(
        "--against", metavar="LABEL", help="label to compare it with (default: the mean of all other labels)"
    )
    group.add_argument(
        "--data", metavar="DATA",
        help="the data of the fit, for a model that keeps no rows of them, and to show the training items themselves "
        "(default: the place where the fit found them, if they are still there)",
    )  # fmt: skip
    group.add_argument(
        "--items", type=count, default=6, metavar="N", help="training items to list on each side (default: 6)"
    )
    group.add_argument("--row", type=int, metavar="N", help="row of a table, from 0 (default: the only one)")
    group.add_argument("--column", metavar="COLUMN", help="column of texts or paths in a table")
    add_version(group)
    add_seed(group, "methods that sample")
    add_encoding(parser)
    add_common(parser)
