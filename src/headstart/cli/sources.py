"""``headstart sources list`` and ``headstart sources show``."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from headstart.cli.output.console import json_text, write_line, write_pair, write_table, write_text
from headstart.types import SourceInfo

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """List the sources that come with the installation, or show one.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["sources", "show", "vecctor"])     # the reason goes to standard error
        2
    """
    return _show(args) if args.action == "show" else _list(args)


def _list(args: argparse.Namespace) -> int:
    from headstart.sources import list_sources

    found = list_sources()
    if args.json:
        write_line(json_text({"sources": [asdict(info) for info in found]}))
        return 0
    write_table([["name", "items", "features", "parameters", "licence"], *map(_row, found)], right=(2, 3))
    write_line()
    write_text(
        "also: timm:NAME, hf:ORG/NAME and keras:NAME (from their hub or its cache), local:PATH (a checkpoint on disk)"
    )
    write_text("next: headstart sources show NAME")
    return 0


def _row(info: SourceInfo) -> list[str]:
    size = f"{info.parameters / 1e6:.1f} M" if info.parameters else "-"
    return [info.name, info.modality, str(info.num_features or "-"), size, info.license or "not stated"]


def _show(args: argparse.Namespace) -> int:
    from headstart.data.text.languages import language_names
    from headstart.sources import card_of, describe

    info, card = describe(args.name), card_of(args.name)
    if args.json:
        write_line(json_text({**asdict(info), "card": card}))
        return 0
    for key, value in asdict(info).items():
        if key == "languages":
            if info.modality == "text":
                write_pair(key, language_names(info.languages))
            continue
        if key == "blocks":
            value = ", ".join(f"{block['name']} ({block['width']})" for block in value)  # noqa: PLW2901 (shown as text)
        write_pair(key, value if value not in (None, "", {}) else "not stated")
    if card:
        write_line()
        for line in card.splitlines():
            write_text(line)
    return 0
