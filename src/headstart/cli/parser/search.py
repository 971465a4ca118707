"""Options of ``headstart search``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    Verbs,
    add_common,
    add_encoding,
    add_label,
    add_out,
    add_overwrite,
    add_reading,
    add_report_items,
    add_seed,
    add_time_limit,
    count,
    first_group,
    new_verb,
)

__all__ = ["add"]

METHOD = (
    "how to search: random, evolution (regularised evolution from the default), zero_cost (evolution that begins with "
    "the best of 200 architectures by a score without training), controller (REINFORCE), darts (differentiable search "
    "of cells) (default: random)"
)


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["search", "photos", "-o", "runs/a", "--tries", "50"]).tries
        50
    """
    parser = new_verb(
        verbs, "search", "search heads and cells on frozen features; keep the winner if it beats the default",
        words="DATA", example="headstart search reviews.csv --out runs/reviews --time-limit 10m",
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", help=DATA)
    group = first_group(parser)
    add_label(group)
    add_out(
        group, "DIR",
        "run folder to write (default: runs/NAME-OF-DATA); until it is complete, DIR.search.jsonl holds the tries, and "
        "the same command goes on with them",
    )  # fmt: skip
    group.add_argument("--method", metavar="NAME", default="random", help=METHOD)
    group.add_argument(
        "--space", choices=["heads", "tuning"], default="heads",
        help="what is searched: heads on the frozen body, or tuning: which of its parameters are trained, and how "
        "(default: heads)",
    )  # fmt: skip
    group.add_argument(
        "--source", metavar="NAME", action="append",
        help="pretrained body; repeat the option for several (default: the installed one that suits the items)",
    )  # fmt: skip
    add_time_limit(group, "limit of everything, such as 10m; no try starts that would not fit")
    group.add_argument(
        "--tries", type=count, metavar="N",
        help="how many architectures to try (default: 100, of --space tuning 16; with --time-limit, as many as fit)",
    )  # fmt: skip
    group.add_argument(
        "--generation", type=count, metavar="N",
        help="how many architectures are proposed before their losses are told to the method (default: 1; 8 with "
        "--ray, however many workers there are, and with --space tuning, where they race with one another)",
    )  # fmt: skip
    add_seed(group, "the outer split, the method, cells and random features")
    add_reading(parser, label=False)
    group = parser.add_argument_group("what is compared and saved")
    add_overwrite(group, "replace the run of these data under the default name, instead of using a new name")
    group.add_argument(
        "--baselines", choices=["all", "fast", "none"], default="fast",
        help="baselines to compare with; all includes the untrained body (default: fast)",
    )  # fmt: skip
    add_report_items(group)
    add_encoding(parser, cluster=True, int8=True)
    add_common(parser)
