"""Options of ``headstart sources``, ``cache``, ``doctor`` and ``demo``."""

from __future__ import annotations

import argparse

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import EXIT_CODES, Verbs, add_common, add_out, first_group, new_verb

__all__ = ["add_cache", "add_demo", "add_doctor", "add_sources"]


def add_sources(verbs: Verbs[Parser]) -> None:
    """``sources list`` and ``sources show``.

    Examples:
        >>> parser = Parser()
        >>> add_sources(parser.add_subparsers())
        >>> parser.parse_args(["sources", "show", "vector"]).name
        'vector'
    """
    actions = _several(
        verbs, "sources", "list the available pretrained bodies, or show one", example="headstart sources list"
    )
    text = "list the bodies that come with headstart, and how to name others"
    add_common(new_verb(actions, "list", text, example="headstart sources list --json"))
    show = new_verb(
        actions, "show", "show what is known about a source, without loading it", words="NAME",
        example="headstart sources show vector",
    )  # fmt: skip
    show.add_argument("name", metavar="NAME", help="such as headstart:image, timm:resnet18.a1_in1k or local:PATH")
    add_common(show)


def add_cache(verbs: Verbs[Parser]) -> None:
    """``cache info`` and ``cache prune``.

    Examples:
        >>> parser = Parser()
        >>> add_cache(parser.add_subparsers())
        >>> parser.parse_args(["cache", "prune", "--all"]).all
        True
    """
    text = "show or clear cached features, bodies and results"
    actions = _several(verbs, "cache", text, example="headstart cache info")
    text = "show where the cache is, what it holds and how large it is"
    add_common(new_verb(actions, "info", text, example="headstart cache info"))
    text = "remove the least recently used entries, and remains of killed processes"
    prune = new_verb(actions, "prune", text, example="headstart cache prune --limit 5GB")
    how = first_group(prune).add_mutually_exclusive_group()
    how.add_argument("--limit", metavar="SIZE", help="size to keep, such as 5GB (default: the limit of the cache)")
    how.add_argument("--all", action="store_true", help="remove everything")
    add_common(prune)


def add_doctor(verbs: Verbs[Parser]) -> None:
    """``doctor``.

    Examples:
        >>> parser = Parser()
        >>> add_doctor(parser.add_subparsers(dest="verb"))
        >>> parser.parse_args(["doctor"]).verb
        'doctor'
    """
    text = "report what this machine and this installation can do, and what is broken"
    add_common(new_verb(verbs, "doctor", text, example="headstart doctor"))


def add_demo(verbs: Verbs[Parser]) -> None:
    """``demo``.

    Examples:
        >>> parser = Parser()
        >>> add_demo(parser.add_subparsers())
        >>> parser.parse_args(["demo"]).out
        'runs/demo'
    """
    text = "run the main workflow offline on data that come with headstart"
    parser = new_verb(verbs, "demo", text, example="headstart demo")
    add_out(first_group(parser), "DIR", "folder to write (default: runs/demo)", default="runs/demo")
    add_common(parser)


def _several(verbs: Verbs[Parser], name: str, text: str, *, example: str) -> Verbs[Parser]:
    """Add a command that has several actions, and return where to add them."""
    parser = verbs.add_parser(
        name,
        help=text,
        usage="%(prog)s ACTION [options]",
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {example}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION", prog=f"headstart {name}")
