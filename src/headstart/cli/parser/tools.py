"""The words of ``headstart sources``, ``cache``, ``doctor`` and ``demo``."""

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
        verbs, "sources", "list the pretrained bodies at hand, or show one", example="headstart sources list"
    )
    text = "list what comes with the install and the schemes of other names"
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
    text = "show or clear what is kept so that nothing is computed twice"
    actions = _several(verbs, "cache", text, example="headstart cache info")
    text = "show where the cache is, what it holds and how large it is"
    add_common(new_verb(actions, "info", text, example="headstart cache info"))
    text = "remove what was not used for longest, and what killed processes left"
    prune = new_verb(actions, "prune", text, example="headstart cache prune --limit 5GB")
    how = first_group(prune).add_mutually_exclusive_group()
    how.add_argument("--limit", metavar="SIZE", help="what may stay, such as 5GB (default: the cache's own limit)")
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
    text = "say what this machine and this install can do, and what is broken"
    add_common(new_verb(verbs, "doctor", text, example="headstart doctor"))


def add_demo(verbs: Verbs[Parser]) -> None:
    """``demo``.

    Examples:
        >>> parser = Parser()
        >>> add_demo(parser.add_subparsers())
        >>> parser.parse_args(["demo"]).out
        'runs/demo'
    """
    text = "run the main job offline on data that comes with the install"
    parser = new_verb(verbs, "demo", text, example="headstart demo")
    add_out(first_group(parser), "DIR", "where to write (default: runs/demo)", default="runs/demo")
    add_common(parser)


def _several(verbs: Verbs[Parser], name: str, text: str, *, example: str) -> Verbs[Parser]:
    """The actions of a command that has several."""
    parser = verbs.add_parser(
        name,
        help=text,
        usage="%(prog)s ACTION [options]",
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {example}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION", prog=f"headstart {name}")
