"""Options of ``headstart adapt``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    Verbs,
    add_common,
    add_encoding,
    add_out,
    add_overwrite,
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
        >>> parser.parse_args(["adapt", "run", "new", "--methods", "coral"]).methods
        'coral'
    """
    parser = new_verb(
        verbs, "adapt", "adapt a model to unlabelled items that have shifted, if that is shown to help",
        words="MODEL UNLABELLED", example="headstart adapt runs/photos new-photos/ --out runs/photos-new",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument(
        "data", metavar="UNLABELLED", help="a folder, table or archive of at least ten items; labels are not read"
    )
    group = first_group(parser)
    add_out(group, "DIR", "folder of the adapted model; with the model as it is where nothing is adapted")
    add_overwrite(group, "replace the model in DIR")
    group.add_argument(
        "--methods", metavar="NAME,...",
        help="methods to compare: standardisation, coral, linear_monge, subspace_alignment, optimal_transport, ulsif, "
        "kernel_mean_matching, classifier_ratio (default: all)",
    )  # fmt: skip
    group.add_argument(
        "--test", metavar="DATA",
        help="labelled items of the target, on which every candidate is judged; they decide nothing",
    )  # fmt: skip
    group.add_argument(
        "--level", type=float, default=0.05, metavar="SHARE",
        help="probability of finding a shift where there is none (default: 0.05)",
    )  # fmt: skip
    group.add_argument("--item", metavar="COLUMN", help="column of texts or paths in a table")
    add_version(group)
    add_seed(group, "all random assignments and pairs")
    add_encoding(parser)
    add_common(parser)
