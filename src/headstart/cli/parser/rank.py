"""Options of ``headstart rank``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    Group,
    Verbs,
    add_common,
    add_config,
    add_encoding,
    add_label,
    add_out,
    add_reading,
    add_seed,
    add_time_limit,
    first_group,
    new_verb,
)

__all__ = ["add", "add_sources_to_rank"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["rank", "photos", "--sources", "a", "b"]).sources
        ['a', 'b']
    """
    parser = new_verb(
        verbs, "rank", "rank pretrained bodies by how well they suit labelled data", words="DATA",
        example="headstart rank photos/ --sources timm:resnet18.a1_in1k local:body.safetensors",
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", help=DATA)
    group = first_group(parser)
    add_label(group)
    add_sources_to_rank(group)
    add_out(group, "FILE", "also write the ranking to a .csv or .json file")
    add_time_limit(group, "limit such as 90s or 10m; no source is started after that")
    group = parser.add_argument_group("what is ranked and shown")
    group.add_argument("--max-params", metavar="N", help="largest number of parameters of a body, such as 10M")
    group.add_argument(
        "--license", choices=["any", "permissive"], default="any",
        help="permissive: Apache, MIT, BSD, CC0, CC-BY, ISC or Unlicense; bodies that state no licence are left out "
        "(default: any)",
    )  # fmt: skip
    group.add_argument(
        "--scores", metavar="NAME", nargs="+", action="extend", default=[],
        help="further transferability scores to show, such as logme h_score (leep and nce: only for bodies with the "
        "classifier of their pretraining); they do not affect the order",
    )  # fmt: skip
    group.add_argument("--profile", action="store_true", help="show how accurate each block of a body is alone")
    group.add_argument(
        "--no-untrained", action="store_true", help="leave out the body with random weights, the lower baseline"
    )
    add_seed(group, "samples and bootstrap resamples")
    add_reading(parser, label=False)
    add_encoding(parser, cluster=True)
    add_config(parser)
    add_common(parser)


def add_sources_to_rank(group: Group) -> None:
    """``--sources``.

    Examples:
        >>> parser = Parser()
        >>> add_sources_to_rank(first_group(parser))
        >>> parser.parse_args(["--sources", "toy"]).sources
        ['toy']
    """
    group.add_argument(
        "--sources", metavar="NAME", nargs="+", action="extend",
        help="bodies to rank, separated by spaces or commas (default: all that are installed or cached for this kind "
        "of item); NAME@160 reads pictures of 160 pixels a side, which is faster (bodies of headstart: and timm:)",
    )  # fmt: skip
