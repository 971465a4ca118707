"""The version of a run folder that ``--version`` names."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from headstart.cli.input.arguments import engine_of

if TYPE_CHECKING:
    from headstart.model import TransferModel

__all__ = ["named_version"]


def named_version(args: argparse.Namespace) -> str | TransferModel:
    """The run folder, or where ``--version`` is given, the model of that version.

    Args:
        args: of a command with MODEL, ``--version`` and the options that say how to encode.

    Raises:
        NoModelError: if the folder has no such version.

    Examples:
        >>> named_version(argparse.Namespace(model="run", version=None))
        'run'
    """
    if args.version is None:
        return str(args.model)
    from headstart.model import TransferModel

    return TransferModel.load(args.model, engine=engine_of(args), version=args.version)
