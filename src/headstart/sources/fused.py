"""Fused sources: the features of several sources side by side, each computed independently.

A fused source is itself a source, so the code that uses it needs no special case. `headstart.heads` decides by
leave-one-out or out-of-fold loss which parts a head uses and how they are weighted.

Command: headstart fit DATA --source NAME --source NAME
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from headstart.engine.capabilities import BlockSelecting, WiderRows, with_all_blocks
from headstart.engine.extract import encode
from headstart.errors import ParameterError, SourceError
from headstart.io import is_file, read_json, write_json
from headstart.sources.bodies.block_choice import chosen_blocks
from headstart.sources.scheme import Scheme
from headstart.types import Block, FeatureMatrix, Modality, Source, SourceInfo

__all__ = ["SCHEME", "FusedSource"]

FILE = "fused.json"
MOST_POSITIONS = 10_000  # bounds for saved sources, which may come from anyone
DEEPEST = 3  # nested fused sources


@dataclass(frozen=True)
class FusedSource:
    """A source whose rows are the rows of its parts side by side.

    Args:
        parts: one or more sources; all of one modality, unless ``positions`` are given.
        positions: for items that are tuples, the index of the value that each part reads; empty if every part reads the
            entire item. With positions, each part has one more column, which is 1 where its value is missing.
        labels: a name for each part; by default that of its source.

    Raises:
        ParameterError: if there are no parts, or the number of positions differs from theirs.
        SourceError: if the parts differ in modality without positions, or the blocks of a part are unknown.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> fused = FusedSource((ToySource(), ToySource(1)))
        >>> fused.info.name, fused.encode(["good", "bad"]).shape
        ('fused:toy+toy (untrained, seed 1)', (2, 192))
        >>> [block.name for block in fused.info.blocks][:2]
        ['toy/letters', 'toy/trigrams']
    """

    parts: tuple[Source, ...]
    positions: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        if not self.parts or len(self.positions) not in (0, len(self.parts)):
            raise ParameterError(
                "A FusedSource needs at least one part, and positions for all parts or for none. Got "
                f"{len(self.parts)} parts and {len(self.positions)} positions instead."
            )
        kinds = sorted({part.info.modality for part in self.parts})
        if len(kinds) > 1 and not self.positions:
            raise SourceError(
                f"Fused sources must encode items of the same modality. Got {', '.join(kinds)}; for a table of several "
                "modalities name the columns with --item, and each source as COLUMN=NAME."
            )
        for part in self.parts:
            if not part.info.blocks:
                raise SourceError(
                    f"The source '{part.info.name}' does not state its blocks of columns, so it cannot be fused; "
                    "fuse sources that have a body."
                )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A short name for each part: without its folders if the names then still differ."""
        if self.labels:
            return self.labels
        short = [_short(part.info.name) for part in self.parts]
        names = [a if short.count(a) == 1 else part.info.name for a, part in zip(short, self.parts, strict=True)]
        return tuple(
            name if names.count(name) == 1 else f"{name} ({names[: k + 1].count(name)})" for k, name in enumerate(names)
        )

    @cached_property
    def info(self) -> SourceInfo:
        """The combined facts about the parts: blocks ``PART/BLOCK``, summed parameters, every licence."""
        infos = [part.info for part in self.parts]
        digests = [info.sha256 for info in infos]
        known = [info.parameters for info in infos if info.parameters is not None]
        blocks = tuple(
            block for name, info in zip(self.names, infos, strict=True) for block in _blocks(name, info, self.positions)
        )
        return SourceInfo(
            name=f"fused:{'+'.join(info.name for info in infos)}",
            modality="multimodal" if self.positions else infos[0].modality,
            num_features=sum(block.width for block in blocks),
            blocks=blocks,
            architecture="+".join(info.architecture or "unknown" for info in infos),
            parameters=sum(known) if known else None,
            license=" + ".join(dict.fromkeys(info.license or "not stated" for info in infos)),
            languages=tuple(dict.fromkeys(language for info in infos for language in info.languages)),
            sha256=None if None in digests else hashlib.sha256(" ".join(map(str, digests)).encode()).hexdigest(),
        )

    @property
    def branches(self) -> tuple[tuple[Source, int | None], ...]:
        """Each part with the index of the value that it reads; None for the entire item."""
        return tuple(zip(self.parts, self.positions or (None,) * len(self.parts), strict=True))

    def prepare(self, item: Any) -> list[Any]:
        """One item as each part prepares it; None for a missing value. Raises the `ItemError` of a part."""
        found = []
        for part, position in self.branches:
            value = item if position is None else item[position]
            found.append(None if position is not None and value is None else part.prepare(value))
        return found

    def forward(self, prepared: Sequence[Sequence[Any]]) -> FeatureMatrix:
        """The rows (n, sum of block widths) of n prepared items, part by part."""
        return np.concatenate([self._rows(k, [one[k] for one in prepared]) for k in range(len(self.parts))], axis=1)

    def _rows(self, place: int, prepared: list[Any]) -> FeatureMatrix:
        if not self.positions:
            return self.parts[place].forward(prepared)
        # A missing value is a row of zeros with 1 in the last column, so a head can learn what its absence means.
        present = [k for k, value in enumerate(prepared) if value is not None]
        width = sum(block.width for block in self.parts[place].info.blocks)
        rows = np.zeros((len(prepared), width + 1), np.float32)
        rows[:, width] = 1
        if present:
            own = self.parts[place].forward([prepared[k] for k in present])
            rows = rows.astype(np.result_type(rows.dtype, own.dtype))  # numbers of a table stay float64
            rows[present, :width], rows[present, width] = own, 0
        return rows

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths) of n items; each part encodes all of them."""
        return encode(self, items)

    def untrained(self, seed: int) -> FusedSource | None:
        """The same source with random weights in every body; None if no part has a body."""
        fresh = [part.untrained(seed) for part in self.parts]
        if all(one is None for one in fresh):
            return None
        return replace(self, parts=tuple(one or part for one, part in zip(fresh, self.parts, strict=True)))

    def only(self, places: Sequence[int]) -> Source:
        """The source with only some of its parts; a single part that reads entire items is returned itself.

        Args:
            places: indices of the parts to keep, ascending.

        Examples:
            >>> from headstart.sources.toy import ToySource
            >>> FusedSource((ToySource(), ToySource(1))).only([1]).info.name
            'toy (untrained, seed 1)'
        """
        if len(places) == 1 and not self.positions:
            return self.parts[places[0]]
        positions = tuple(self.positions[k] for k in places) if self.positions else ()
        return FusedSource(tuple(self.parts[k] for k in places), positions, tuple(self.names[k] for k in places))

    def all_blocks(self) -> tuple[Block, ...]:
        """The blocks among which `only_blocks` chooses: all that its parts can give."""
        return self._complete().info.blocks

    def only_blocks(self, names: Sequence[str]) -> Source:
        """The source with only these of `all_blocks`: parts without any of them are dropped, the others give only them.

        A part that cannot leave out blocks gives all of its own. A single part that reads entire items is returned
        itself.

        Args:
            names: names of blocks, ``PART/BLOCK``.

        Raises:
            UnknownNameError: for another name.
            SourceError: for no names.

        Examples:
            >>> from headstart.sources.toy import ToySource
            >>> FusedSource((ToySource(), ToySource(1))).only_blocks(["toy/letters"]).info.name
            'toy'
        """
        complete = self._complete()
        blocks = complete.info.blocks
        wanted = [blocks[k] for k in chosen_blocks(blocks, names)]
        parts, places = list(complete.parts), []
        for place, (label, part) in enumerate(zip(complete.names, complete.parts, strict=True)):
            own = [block.name.removeprefix(f"{label}/") for block in wanted if block.part == label]
            known = [block.name for block in part.info.blocks]
            # the column that marks missing values belongs to the fused source; alone it needs no particular block
            chosen = [name for name in own if name in known] or known[:1]
            if own:
                places.append(place)
                parts[place] = part.only_blocks(chosen) if _can_select(part) else part
        return replace(complete, parts=tuple(parts), labels=complete.names).only(places)

    def wider_rows(self) -> WiderRows | None:
        """None: each part finds its own stored rows."""
        return None

    def _complete(self) -> FusedSource:
        """The same parts with all their blocks."""
        parts = tuple(with_all_blocks(part) for part in self.parts)
        return self if parts == self.parts else replace(self, parts=parts, labels=self.names)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write each part below ``folder``, and the references that open them again as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        saved = []
        for place, part in enumerate(self.parts):
            reference = part.save(folder / f"part{place}")
            info = {"name": part.info.name, "modality": part.info.modality, "sha256": part.info.sha256}
            saved.append({"reference": dict(reference), "info": info})
        write_json(folder / FILE, {"parts": saved, "positions": list(self.positions), "labels": list(self.names)})
        return {"name": "fused:."}


def _can_select(part: Source) -> TypeGuard[BlockSelecting]:
    return isinstance(part, BlockSelecting) and bool(part.all_blocks())


def _short(name: str) -> str:
    scheme, colon, rest = name.partition(":")
    return f"{scheme}{colon}{rest.rstrip('/').rpartition('/')[2]}" if colon and scheme == "local" else name


def _blocks(name: str, info: SourceInfo, positions: Sequence[int]) -> list[Block]:
    own = [Block(f"{name}/{block.name}", block.width, name, block.numbers) for block in info.blocks]
    return [*own, Block(f"{name}/missing", 1, name, numbers=True)] if positions else own


def _open(name: str, modality: Modality | None) -> FusedSource:
    """The source that `FusedSource.save` wrote into the folder ``name``, or that of the sources in ``NAME+NAME``."""
    from headstart.sources.registry import open_saved, open_source

    folder = Path(name)
    if not is_file(folder / FILE):
        if "+" not in name:
            raise SourceError(f"'{name}' holds no fused source ({FILE}); give 'fused:NAME+NAME' or a folder that does.")
        return FusedSource(tuple(open_source(part, modality=modality) for part in name.split("+")))
    if sum((above / FILE).is_file() for above in folder.parents) >= DEEPEST:
        raise SourceError(f"'{folder}' is a fused source nested in {DEEPEST} others; fuse their parts directly.")
    saved = read_json(folder / FILE)
    parts = []
    for place, one in enumerate(saved["parts"]):
        reference, info = one["reference"], one["info"]
        part = open_saved(reference, folder / f"part{place}", info["modality"])
        # A part with its own folder has checked its digest while opening; a named one is compared here.
        promised = None if reference["name"].endswith(":.") else reference.get("sha256") or info["sha256"]
        if promised and part.info.sha256 != promised:
            raise SourceError(
                f"Part {place} of the fused source was '{info['name']}' (sha256 {str(promised)[:16]}), but "
                f"'{part.info.name}' (sha256 {str(part.info.sha256)[:16]}) was opened; give that one or fit again."
            )
        parts.append(part)
    positions = saved["positions"]
    if not all(isinstance(k, int) and 0 <= k < MOST_POSITIONS for k in positions):
        raise SourceError(f"'{folder / FILE}' names positions that no item has ({str(positions)[:60]}); copy it again.")
    return FusedSource(tuple(parts), tuple(positions), tuple(map(str, saved["labels"])))


SCHEME = Scheme("fused:NAME+NAME", open=_open, describe=lambda name: _open(name, None).info, names=tuple)
