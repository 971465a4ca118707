"""Options of ``headstart continual``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    Verbs,
    add_common,
    add_encoding,
    add_label,
    add_out,
    add_seed,
    first_group,
    new_verb,
)
from headstart.cli.parser.training import add_training

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["continual", "a.csv", "b.csv", "--memory", "50"]).memory
        50
    """
    parser = new_verb(
        verbs, "continual", "learn a stream of tasks, and measure what is forgotten", words="DATA [DATA ...]",
        example="headstart continual monday.csv tuesday.csv wednesday.csv --strategy replay",
    )  # fmt: skip
    parser.add_argument(
        "data", metavar="DATA", nargs="+", help="labelled items of each task, in the order of the stream; or one table"
    )
    group = first_group(parser)
    group.add_argument("--task-col", metavar="COLUMN", help="column of a table that names the task of each item")
    group.add_argument(
        "--strategy", choices=["moments", "full", "ewc", "lwf", "der", "replay", "joint"], default="moments",
        help="moments keeps the body frozen and adds up sums, which forgets nothing; the others fine-tune the body on "
        "each task: full on its items alone, ewc, lwf, der and replay against forgetting, joint on all items so far "
        "(default: moments)",
    )  # fmt: skip
    group.add_argument(
        "--memory", metavar="N", type=int,
        help="items that are kept from earlier tasks, by reservoir sampling (default: 200 for der and replay, else 0)",
    )  # fmt: skip
    group.add_argument("--source", metavar="NAME", help="source to transfer from (default: chosen by the items)")
    add_label(group)
    add_out(group, "DIR", "folder for the model, continual.json, matrix.csv and README.md (default: none)")
    add_training(parser, "how to train (as by full, lwf and so on; the last weights are kept)")
    add_seed(group, "held-out items, memory and trainings")
    reading = parser.add_argument_group("how to read the data (inferred where not given)")
    reading.add_argument("--item", metavar="COLUMN", help="column of texts or paths, or several separated by commas")
    reading.add_argument("--modality", choices=["image", "text", "audio", "vector"], help="kind of item")
    add_encoding(parser, batches="; also in a step of the training (there 32)")
    add_common(parser)
