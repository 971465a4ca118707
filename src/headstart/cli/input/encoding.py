"""The options that say how items are encoded."""

from __future__ import annotations

import argparse

from headstart.engine.options import Engine
from headstart.errors import UsageError

__all__ = ["engine_of"]


def engine_of(args: argparse.Namespace) -> Engine:
    """How the words of a command line want items to be encoded.

    Args:
        args: of a command with these options.

    Raises:
        UsageError: for ``--workers`` without ``--ray``.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> engine_of(build_parser().parse_args(["fit", "photos", "--no-cache", "--ray"]))
        Engine(backend='auto', cache=False, batch_size=None, ray='auto', workers=None)
    """
    ray, workers = getattr(args, "ray", None), getattr(args, "workers", None)
    if workers is not None and ray is None:
        raise UsageError(
            "--workers says how many processes work on a Ray cluster; give --ray with it, or leave it out."
        )
    return Engine(args.backend, not args.no_cache, args.batch_size, ray, workers)
