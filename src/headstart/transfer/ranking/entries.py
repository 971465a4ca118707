"""Candidate sources of a ranking: those that were named, or all that are installed or cached for the modality."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.errors import SourceError
from headstart.sources import describe, list_sources
from headstart.transfer.ranking.contestant import Entry
from headstart.transfer.ranking.limits import Limits
from headstart.types import Modality, Source, SourceInfo

__all__ = ["Described", "describe_all", "make_entries", "split_names"]

Described = tuple[str, Source | None, SourceInfo]


def split_names(words: Sequence[str]) -> list[str]:
    """Names from command-line words, each of which may hold several names separated by commas.

    Args:
        words: as given on the command line.

    Examples:
        >>> split_names(["timm:a,timm:b", "toy"])
        ['timm:a', 'timm:b', 'toy']
    """
    return [name.strip() for word in words for name in word.split(",") if name.strip()]


def describe_all(sources: Sequence[str | Source]) -> list[Described]:
    """What is known of each source without opening it; repeated names are listed once.

    Args:
        sources: names or open sources.

    Returns:
        (name in the ranking, open source or None, info) for each source.

    Raises:
        UnknownNameError: for a name that does not exist.
        SourceError: if a source cannot be described, or none was given.

    Examples:
        >>> [name for name, _, _ in describe_all(["toy", "vector", "toy"])]
        ['toy', 'vector']
    """
    if isinstance(sources, str):
        sources = split_names([sources])
    found: list[Described] = []
    for source in sources:
        if not isinstance(source, str):
            found.append((_free_name(source.info.name, found), source, source.info))
        elif source not in [name for name, _, _ in found]:
            found.append((source, None, describe(source)))
    if not found:
        raise SourceError(
            "A ranking needs at least one source; name some, or none at all to rank those that are installed or cached."
        )
    return found


def _free_name(name: str, found: Sequence[Described]) -> str:
    """The name, with a number appended if another source has it."""
    taken = {other for other, _, _ in found}
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def make_entries(
    described: Sequence[Described] | None, modality: Modality, limits: Limits
) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """The candidates, smallest body first, and those that a limit excludes, with the reason.

    Args:
        described: from `describe_all`; None for all sources that are installed or cached.
        modality: of the items.
        limits: on size and licence.

    Raises:
        SourceError: if nothing was named and nothing is installed or cached.

    Examples:
        >>> entries, out = make_entries(describe_all(["toy"]), "text", Limits(license="permissive"))
        >>> [entry.name for entry in entries], out
        (['toy'], [])
    """
    if described is None:
        described = [(info.name, None, info) for info in list_sources() if _reads(info, modality)]
    if not described:
        raise SourceError(
            f"No source for {modality} items is installed or cached, so there is nothing to rank; name some with "
            "--sources, such as 'timm:mobilenetv3_large_100.ra_in1k' (downloaded from its hub) or 'local:PATH'."
        )
    entries, out = [], []
    for name, source, info in described:
        entry = Entry(name, source, modality, info, limits)
        against = limits.refuses(info)
        if against is None:
            entries.append(entry)
        else:
            out.append((entry, against))
    # small bodies first: under a time limit they are the ones that can be measured
    entries.sort(key=lambda entry: entry.info.parameters or float("inf"))
    return entries, out


def _reads(info: SourceInfo, modality: Modality) -> bool:
    """Whether a source encodes items of this modality; an image source reads sounds as spectrograms."""
    return info.modality == modality or (modality == "audio" and info.modality == "image")
