"""The parser of the command line, one module per command; no heavy imports, so that ``--help`` is quick.

Options and help texts go in here; what a command does goes in `headstart.cli`.
"""

from __future__ import annotations

from headstart import __version__
from headstart.cli.parser import (
    adapt,
    compare,
    continual,
    distill,
    drift,
    embed,
    evaluate,
    explain,
    export,
    fit,
    inspect,
    predict,
    pretrain,
    rank,
    search,
    serve,
    suggest,
    teach,
    tools,
)
from headstart.cli.parser.base import Parser, UsageExit
from headstart.cli.parser.common import EXIT_CODES

__all__ = ["UsageExit", "build_parser"]


def build_parser() -> Parser:
    """The parser with all commands.

    Examples:
        >>> args = build_parser().parse_args(["fit", "photos", "--seed", "3"])
        >>> args.verb, args.data, args.seed
        ('fit', 'photos', 3)
    """
    parser = Parser(
        prog="headstart",
        usage="headstart COMMAND [options]",
        description="Transfer learning for small data: from labelled files to a model with honest error estimates.",
        epilog=f"Start with 'headstart demo', or 'headstart fit DATA'. {EXIT_CODES}",
    )
    parser.set_defaults(words=None)  # the complete command line, which `main` adds
    parser.add_argument("--version", action="version", version=f"headstart {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND", prog="headstart")
    for module in (
        inspect,
        rank,
        fit,
        search,
        predict,
        explain,
        evaluate,
        compare,
        drift,
        adapt,
        suggest,
        export,
        embed,
        pretrain,
        distill,
        serve,
    ):
        module.add(verbs)
    teach.add_update(verbs)
    teach.add_forget(verbs)
    teach.add_log(verbs)
    teach.add_rollback(verbs)
    continual.add(verbs)
    tools.add_sources(verbs)
    tools.add_cache(verbs)
    tools.add_doctor(verbs)
    tools.add_demo(verbs)
    return parser
