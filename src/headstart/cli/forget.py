"""``headstart forget``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from headstart.cli.input.arguments import command_line, engine_of
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.cli.output.out_file import check_out_file
from headstart.errors import DataError, UsageError
from headstart.io import atomic_file, write_json

__all__ = ["run"]

FORMATS = (".json",)
LARGEST = 64 * 2**20  # bytes of a file of ids


def run(args: argparse.Namespace) -> int:
    """Remove items from a model, and write the certificate.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["forget", "no-such-model", "12"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.forget import forget

    out = None if args.out is None else check_out_file(args.out, FORMATS, [])
    ids, data = _ids_or_data(args.items, args.model)
    found = forget(
        args.model,
        ids,
        data,
        purge=args.purge,
        test=args.test,
        choose=not args.keep_penalty,
        label=args.label,
        item=args.item,
        engine=engine_of(args),
        reporter=reporter_of(args),
        command=command_line(args),
    )
    if out is not None and found.certificate is not None:
        with atomic_file(Path(out)) as scratch:
            write_json(scratch, found.certificate)
    if args.json:
        write_line(json_text({"model": args.model, **found.to_dict(), "out": args.out}))
    return 0


def _ids_or_data(words: Sequence[str], run: str) -> tuple[list[str], str | None]:
    """Ids, and the folder or table among the words; a word that is an id of the fit is never read as a path."""
    from headstart.transfer.teaching.known_items import ids_of

    known = ids_of(Path(run))
    ids: list[str] = []
    data: list[str] = []
    for word in words:
        if word in known:
            ids.append(word)
        elif word.startswith("@") and len(word) > 1:
            ids += _listed(Path(word[1:]))
        elif Path(word).exists():
            data.append(word)
        else:
            ids.append(word)
    if len(data) > 1:
        raise UsageError(f"One folder or table of items can be given at a time. Got {len(data)}: {', '.join(data)}.")
    return ids, data[0] if data else None


def _listed(path: Path) -> list[str]:
    """The ids in a file, one on each line."""
    if not path.is_file():
        raise UsageError(f"'{path}' does not exist or is no file; give @FILE with an id on each line.")
    if path.stat().st_size > LARGEST:
        raise DataError(f"'{path}' is larger than {LARGEST} bytes, the limit for a list of ids; split it.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"'{path}' is not UTF-8 text ({error.reason}); give @FILE with an id on each line.") from error
    found = [line for line in lines if line.strip()]
    if not found:
        raise DataError(f"'{path}' holds no ids; give one on each line.")
    return found
