"""Adapted sources: a source whose items are changed by a cheap input transform before it encodes them.

An adapted source is itself a source, so heads, evaluation and saving need not know. It is for data that differ from
those of a fit in framing, polarity, resolution, case, loudness or bandwidth; its body stays as it is.

Command: headstart fit DATA --source adapted:invert+NAME
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headstart.engine.capabilities import (
    BatchPreparing,
    BlockSelecting,
    Cacheable,
    ItemNoting,
    LayerChoosing,
    Releasing,
    Runtime,
    WiderRows,
    reads_positions,
    runtime_of,
)
from headstart.engine.extract import encode
from headstart.engine.options import Engine
from headstart.errors import ItemError, ParameterError, SourceError
from headstart.io import is_file, read_json, write_json
from headstart.sources.preprocessing.input_transform import InputTransform, parse_transform
from headstart.sources.scheme import Scheme
from headstart.types import Block, FeatureMatrix, Modality, Source, SourceInfo

__all__ = ["SCHEME", "AdaptedSource"]

FILE = "adapted.json"
DEEPEST = 3  # adapted sources inside one another: saved ones may come from anyone


@dataclass(frozen=True)
class AdaptedSource:
    """A source behind an input transform.

    Args:
        source: the source that encodes.
        transform: what happens to each item first.

    Raises:
        SourceError: if the transform is for items of another modality.

    Examples:
        >>> import numpy as np
        >>> from headstart.sources.toy import ToySource
        >>> adapted = AdaptedSource(ToySource(modality="image"), InputTransform("invert"))
        >>> adapted.info.name
        'adapted:invert+toy'
        >>> black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
        >>> np.array_equal(adapted.encode([black]), ToySource(modality="image").encode([white]))
        True
    """

    source: Source
    transform: InputTransform

    def __post_init__(self) -> None:
        if self.source.info.modality != self.transform.modality:
            raise SourceError(
                f"The input transform '{self.transform}' is for items of the modality {self.transform.modality}, but "
                f"the source '{self.source.info.name}' encodes {self.source.info.modality}; choose another of the two."
            )

    @property
    def info(self) -> SourceInfo:
        """The facts about the source, under its own name, with a digest that covers the transform."""
        known = self.source.info
        digest = None if known.sha256 is None else _mixed(known.sha256, self.transform, 64)
        return replace(known, name=f"adapted:{self.transform}+{known.name}", sha256=digest)

    @property
    def runtime(self) -> Runtime:
        """The runtime of the source's body."""
        return runtime_of(self.source)

    @property
    def positions(self) -> bool:
        """Whether ``forward`` returns a row for each position of an item."""
        return reads_positions(self.source)

    def prepare(self, item: Any) -> Any:
        """One item, changed, as the source prepares it; raises `ItemError` where it cannot be read."""
        return self.source.prepare(self.transform(item))

    def prepare_many(self, items: Sequence[Any]) -> list[Any | ItemError]:
        """``prepare`` for many items; an item that fails gives its `ItemError` instead of a value."""
        changed = [_attempt(self.transform, item) for item in items]
        good = [k for k, item in enumerate(changed) if not isinstance(item, ItemError)]
        if isinstance(self.source, BatchPreparing):
            prepared: Sequence[Any] = self.source.prepare_many([changed[k] for k in good])
        else:
            prepared = [_attempt(self.source.prepare, changed[k]) for k in good]
        for k, value in zip(good, prepared, strict=True):
            changed[k] = value
        return changed

    def forward(self, prepared: Sequence[Any]) -> FeatureMatrix:
        """The rows of n prepared items, as the source gives them."""
        return self.source.forward(prepared)

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths) of n items."""
        return encode(self, items)

    def untrained(self, seed: int) -> AdaptedSource | None:
        """The same body with random weights behind the same transform; None where there is no body."""
        fresh = self.source.untrained(seed)
        return None if fresh is None else replace(self, source=fresh)

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str | None:
        """Let the source pick its backend; the key of stored rows covers the transform."""
        key = self.source.choose(engine, count, few) if isinstance(self.source, Cacheable) else None
        return None if key is None else _mixed(key, self.transform, 40)

    def release(self) -> None:
        """Close the body, where the source can."""
        if isinstance(self.source, Releasing):
            self.source.release()

    def notes_on(self, items: Sequence[Any]) -> Sequence[str]:
        """What the source does with unusual items."""
        return self.source.notes_on(items) if isinstance(self.source, ItemNoting) else ()

    def with_layers(self, layers: str | Sequence[str], *, positions: bool = False) -> AdaptedSource:
        """The same with other layers of the body; without a choice of layers the source itself."""
        if not isinstance(self.source, LayerChoosing):
            return self
        return replace(self, source=self.source.with_layers(layers, positions=positions))

    def all_blocks(self) -> tuple[Block, ...]:
        """The blocks among which `only_blocks` chooses; empty if the source cannot leave out any."""
        return self.source.all_blocks() if isinstance(self.source, BlockSelecting) else ()

    def only_blocks(self, names: Sequence[str]) -> AdaptedSource:
        """The same with only these of `all_blocks`; raises `SourceError` if the source cannot leave out any."""
        if not isinstance(self.source, BlockSelecting):
            raise SourceError(f"The source '{self.source.info.name}' cannot leave out blocks; read all of them.")
        return replace(self, source=self.source.only_blocks(names))

    def wider_rows(self) -> WiderRows | None:
        """Where the rows with all blocks are stored."""
        wider = self.source.wider_rows() if isinstance(self.source, BlockSelecting) else None
        return None if wider is None else replace(wider, key=_mixed(wider.key, self.transform, 40))

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write the source below ``folder``, and the transform as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        reference = self.source.save(folder / "source")
        known = self.source.info
        info = {"name": known.name, "modality": known.modality, "sha256": known.sha256}
        transform = {"name": self.transform.name, "value": self.transform.value}
        write_json(folder / FILE, {"reference": dict(reference), "info": info, "transform": transform})
        return {"name": "adapted:."}


def _mixed(digest: str, transform: InputTransform, digits: int) -> str:
    return hashlib.sha256(f"{digest} after {transform!r}".encode()).hexdigest()[:digits]


def _attempt(act: Callable[[Any], Any], item: Any) -> Any | ItemError:
    try:
        return act(item)
    except ItemError as error:
        return error


def _open(name: str, modality: Modality | None) -> AdaptedSource:
    """The source that `AdaptedSource.save` wrote into the folder ``name``, or that of ``TRANSFORM+NAME``."""
    from headstart.sources.registry import open_saved, open_source

    folder = Path(name)
    if not is_file(folder / FILE):
        words, plus, rest = name.partition("+")
        if not plus:
            raise SourceError(
                f"'{name}' holds no adapted source ({FILE}); give 'adapted:TRANSFORM+NAME' or a folder that does."
            )
        return AdaptedSource(open_source(rest, modality=modality), parse_transform(words))
    if sum((above / FILE).is_file() for above in folder.parents) >= DEEPEST:
        raise SourceError(f"'{folder}' is an adapted source inside {DEEPEST} others; adapt their source directly.")
    saved = read_json(folder / FILE)
    try:
        reference, info, kind = saved["reference"], saved["info"], saved["transform"]
        transform = InputTransform(kind["name"], kind["value"])
        stated, promised = info["modality"], info["sha256"]
    except (KeyError, TypeError, ParameterError) as error:
        raise SourceError(f"'{folder / FILE}' does not describe an adapted source ({error}); copy it again.") from None
    source = open_saved(reference, folder / "source", stated)
    if promised is not None and source.info.sha256 != promised:
        raise SourceError(
            f"The source of '{folder / FILE}' had the sha256 digest {str(promised)[:16]}, but "
            f"'{source.info.name}' with {str(source.info.sha256)[:16]} was opened; give that one or fit again."
        )
    return AdaptedSource(source, transform)


SCHEME = Scheme("adapted:TRANSFORM+NAME", open=_open, describe=lambda name: _open(name, None).info, names=tuple)
