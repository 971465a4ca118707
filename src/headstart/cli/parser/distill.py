"""Options of ``headstart distill``."""

from __future__ import annotations

import argparse

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    Verbs,
    add_common,
    add_config,
    add_encoding,
    add_out,
    add_reading,
    add_seed,
    add_time_limit,
    count,
    first_group,
    new_verb,
)
from headstart.cli.parser.training import add_training
from headstart.tune.training.settings import Training

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["distill", "photos", "--teacher", "hf:B", "--out", "small"]).epochs
        20
    """
    parser = new_verb(
        verbs, "distill", "train a small body to reproduce the outputs of larger ones",
        words="DATA --teacher NAME --out DIR", example="headstart distill photos/ --teacher runs/photos --out small",
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", help=DATA + "; labels are not needed")
    group = first_group(parser)
    group.add_argument(
        "--teacher", metavar="NAME", action="append", required=True,
        help="a pretrained body, whose features are the targets, or the run folder of a fit, whose predictions are "
        "targets too; repeat the option for several teachers",
    )  # fmt: skip
    who = group.add_mutually_exclusive_group()
    who.add_argument("--student", metavar="NAME", help="the body to train (default: the one that comes with headstart)")
    who.add_argument("--architecture", metavar="NAME", help="or a timm architecture with random weights")
    add_out(group, "DIR", "new folder for the checkpoint", required=True)
    add_time_limit(group, "limit of the training, such as 90s or 10m")
    group = add_training(parser, "how to train", Training(epochs=20))
    group.add_argument("--side", type=count, metavar="PIXELS", help="side of the input pictures of --architecture")
    group.add_argument("--loss", choices=["mse", "cosine"], default="mse", help="loss between features (default: mse)")
    group.add_argument(
        "--no-augment", dest="augmentation", action="store_const", const="none", default=argparse.SUPPRESS,
        help="the same as --augment none",
    )  # fmt: skip
    add_seed(group, "initial weights, order and augmentation")
    add_reading(parser)
    add_encoding(parser, batches="; also in a step of the training (there 32)")
    add_config(parser)
    add_common(parser)
