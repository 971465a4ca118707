"""Options of ``headstart pretrain``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    Verbs,
    add_common,
    add_config,
    add_encoding,
    add_label,
    add_out,
    add_reading,
    add_seed,
    add_time_limit,
    count,
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
        >>> parser.parse_args(["pretrain", "photos", "--architecture", "resnet18", "-o", "body"]).architecture
        'resnet18'
    """
    parser = new_verb(
        verbs, "pretrain", "train a body on a source task, and keep it as a source to transfer from",
        words="DATA --out DIR", example="headstart pretrain photos/ --architecture resnet18 --side 64 --out body",
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", help=DATA)
    group = first_group(parser)
    who = group.add_mutually_exclusive_group()
    who.add_argument(
        "--architecture", metavar="NAME",
        help="body with random weights: an architecture of timm, or a source whose weights are not used (default: the "
        "small source of the install for such items)",
    )  # fmt: skip
    who.add_argument("--source", metavar="NAME", help="or a source whose weights are trained further")
    group.add_argument(
        "--objective", choices=("supervised", "contrastive", "masked"), default="supervised",
        help="supervised learns the labels; without labels, contrastive learns to tell which two views show the same "
        "item, and masked to tell what is hidden of a picture or a text (default: supervised)",
    )  # fmt: skip
    add_label(group)
    add_out(group, "DIR", "new folder for the source, which --source local:DIR opens", required=True)
    add_time_limit(group, "limit of everything, such as 90s or 10m")
    group = add_training(
        parser,
        "how to train (random weights: 30 epochs at 1e-3, --source: 5 epochs; without labels 50 and 10)",
    )
    group.add_argument("--side", type=count, metavar="PIXELS", help="side of the input pictures of --architecture")
    group.add_argument("--license", metavar="NAME", help="licence of the trained weights, for the card")
    add_seed(group, "weights, held-out items, order and augmentation")
    add_reading(parser, label=False)
    add_encoding(parser, cluster=True, batches="; also in a step of the training (there 32, without labels 64)")
    add_config(parser)
    add_common(parser)
