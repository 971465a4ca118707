"""Options of ``headstart serve``."""

from __future__ import annotations

import argparse

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import Verbs, add_common, add_encoding, count, first_group, new_verb

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["serve", "run", "--port", "8080"]).port
        8080
    """
    parser = new_verb(
        verbs, "serve", "answer HTTP requests with a model: JSON, files, and the protocols of other tools",
        words="MODEL", example="headstart serve runs/support --port 8000",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    group = first_group(parser)
    group.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="TCP port; 0 for a free one (default: 8000)"
    )
    group.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="address to listen on; other machines can reach any but the default, and then a token is needed in the "
        "environment variable HEADSTART_TOKEN (default: 127.0.0.1, only this machine)",
    )  # fmt: skip
    group.add_argument(
        "--workers", type=count, default=1, dest="processes", metavar="N",
        help="processes that share the port, each with its own copy of the model (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--ray", dest="cluster", metavar="ADDRESS",
        help="run these processes as replicas of Ray Serve on the cluster at ADDRESS (host:port), or with 'auto' on "
        "the one of this machine or a new one",
    )  # fmt: skip
    group.add_argument(
        "--store", metavar="PLACE",
        help="where feedback is kept: a file or the URL of a database (default: feedback.db in MODEL)",
    )  # fmt: skip
    group.add_argument(
        "--teach-every", type=count, metavar="N",
        help="make a new version whenever N corrections wait (default: only by POST /teach)",
    )  # fmt: skip
    group.add_argument(
        "--pool", metavar="DATA",
        help="unlabelled items, such as a folder or table; the page and GET /queue ask for the labels that help most",
    )  # fmt: skip
    group = parser.add_argument_group("access and limits")
    group.add_argument(
        "--no-token", action="store_true", help="let other machines send requests without a token (with --host)"
    )
    group.add_argument(
        "--host-name", metavar="NAME", action="append",
        help="a name under which the server is also reached, such as by a proxy; repeat the option for several "
        "(default: those of this machine, for the default address)",
    )  # fmt: skip
    group.add_argument("--max-batch", type=count, metavar="N", help="most items that run together (default: 64)")
    group.add_argument(
        "--deadline", type=_seconds, metavar="SECONDS", help="time until a request is given up (default: 30)"
    )
    add_encoding(parser)
    add_common(parser)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"a port must be a whole number from 0 to 65535. Got '{text}' instead.")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 86_400:
        raise argparse.ArgumentTypeError(f"it must be a number of seconds above 0. Got '{text}' instead.")
    return seconds
