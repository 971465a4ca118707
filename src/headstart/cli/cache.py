"""``headstart cache info`` and ``headstart cache prune``."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import Any

from headstart.cli.output.console import json_text, write_line, write_pair, write_table, write_text
from headstart.engine.cache.features import stored_rows
from headstart.engine.cache.folder import LIMITED, CacheEntry, cache_entries, cache_limit, parse_size, prune
from headstart.io import cache_folder

__all__ = ["run"]

AGE = 14  # characters of the longest age, such as '59 minutes ago'
UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
AGES = ((86400, "day"), (3600, "hour"), (60, "minute"))


def run(args: argparse.Namespace) -> int:
    """Show the cache, or remove entries from it.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["cache", "prune", "--limit", "lots"])     # the reason goes to standard error
        2
    """
    return _prune(args) if args.action == "prune" else _info(args)


def _info(args: argparse.Namespace) -> int:
    entries = cache_entries()
    rows = {entry.folder: stored_rows(entry.folder) if entry.kind == "features" else None for entry in entries}
    limit = cache_limit()
    if args.json:
        facts = [_plain(entry, rows[entry.folder]) for entry in entries]
        write_line(json_text({**_summary(entries), "limit_bytes": limit, "entries": facts}))
        return 0
    write_pair("cache", cache_folder())
    write_pair("limit", f"{_bytes(limit)} of bodies and features (HEADSTART_CACHE_LIMIT changes it)")
    write_pair("used", f"{_bytes(_total(entries))}, {_entries(len(entries))}")
    if entries:
        write_line()
        shown = [_cells(entry, rows[entry.folder]) for entry in entries]
        write_table([["kind", "size", "rows", "last used".ljust(AGE), "what"], *shown], flexible=4, right=(1, 2))
        write_line()
        write_text("next: headstart cache prune --limit SIZE, or --all")
    return 0


def _prune(args: argparse.Namespace) -> int:
    limit = parse_size(args.limit) if args.limit is not None else 0 if args.all else cache_limit()
    # the limit holds for bodies and features only; --all removes entries of every kind
    removed = prune(limit) if args.all else prune(limit, kinds=LIMITED)
    left = cache_entries()
    if args.json:
        facts = [_plain(entry, None) for entry in removed]
        write_line(json_text({**_summary(left), "removed_bytes": _total(removed), "removed": facts}))
        return 0
    write_pair("removed", f"{_bytes(_total(removed))}, {_entries(len(removed))}")
    write_pair("left", f"{_bytes(_total(left))}, {_entries(len(left))} in {cache_folder()}")
    return 0


def _summary(entries: list[CacheEntry]) -> dict[str, Any]:
    return {"folder": str(cache_folder()), "bytes": _total(entries)}


def _total(entries: list[CacheEntry]) -> int:
    return sum(entry.bytes for entry in entries)


def _plain(entry: CacheEntry, rows: int | None) -> dict[str, Any]:
    used = datetime.fromtimestamp(entry.last_used, UTC).isoformat(timespec="seconds")
    about = {"kind": entry.kind, "key": entry.key, "about": dict(entry.about), "bytes": entry.bytes}
    return {**about, "last_used": used, **({} if rows is None else {"rows": rows})}


def _cells(entry: CacheEntry, rows: int | None) -> list[str]:
    shown = "-" if rows is None else f"{rows:,}"
    return [entry.kind, _bytes(entry.bytes), shown, _age(entry.last_used), _what(entry)]


def _what(entry: CacheEntry) -> str:
    """What an entry was made from, such as the name of a source; its key where nothing is recorded."""
    return ", ".join(str(value) for value in entry.about.values()) or entry.key


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _bytes(size: int) -> str:
    for unit, name in UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"


def _age(when: float) -> str:
    seconds = max(0.0, time.time() - when)
    for length, name in AGES:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"
