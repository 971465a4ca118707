"""Sounds as log-mel pictures for an image body: transfer from images to audio.

Bodies trained on photographs transfer to spectrograms (Palanisamy et al. 2020, "Rethinking CNN Models for Audio
Classification").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import read_audio
from headstart.engine.body.recipe import rows_key
from headstart.engine.capabilities import (
    BlockSelecting,
    Cacheable,
    LayerChoosing,
    Runtime,
    WiderRows,
    reads_positions,
    runtime_of,
)
from headstart.engine.extract import encode
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.io import read_json, write_json
from headstart.sources.bodies.averaging import item_means, item_rows
from headstart.sources.bodies.picture_side import opened_at
from headstart.sources.bodies.seeded import spread
from headstart.sources.bodies.trainable import Trainable, TrainableSource, body_key, trainable
from headstart.sources.preprocessing.mel import log_mel, picture, resample
from headstart.types import Block, FeatureMatrix, Source, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["PictureSettings", "Spectrogram", "read_picture_settings"]

VERSION = 1  # to be raised when the same sound and settings give other pictures
# Ranges that a saved file may ask for: it may come from anyone, and some values would fill the memory.
RANGES = {
    "sample_rate": (1000, 384_000), "n_fft": (16, 2**16), "n_mels": (1, 1024), "fmin": (0, 20_000),
    "range_db": (1, 1000), "frames": (1, 8192), "most_seconds": (0.01, 3600), "most_parts": (1, 1000),
}  # fmt: skip
AT_ONCE = 32  # pictures in a batch of the body


@dataclass(frozen=True)
class PictureSettings:
    """How a sound becomes pictures. The defaults were chosen on the training parts of ESC-10 and FSDD.

    Attributes:
        sample_rate: rate at which sounds are analysed, in Hz.
        n_fft: samples per window of the spectrum.
        n_mels: number of mel bands, from ``fmin`` to half the sample rate.
        fmin: lower end of the lowest band, in Hz.
        range_db: values this many decibels below the loudest point of the picture are black.
        frames: windows per picture. The hop follows from the length of the sound, so a short word and a long clip both
            fill the picture.
        most_seconds: longer sounds are cut into equal parts of at most this length in seconds, and the features of the
            parts are averaged.
        most_parts: if a sound has more parts, only this many, evenly spaced, are used.
    """

    sample_rate: int = 16000
    n_fft: int = 1024
    n_mels: int = 128
    fmin: float = 20.0
    range_db: float = 45.0
    frames: int = 224
    most_seconds: float = 10.0
    most_parts: int = 12


def read_picture_settings(file: Path) -> PictureSettings:
    """The settings that `Spectrogram.save` wrote.

    Raises:
        SourceError: if the file holds unknown settings, or values out of their ranges.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "spectrogram.json"
        >>> write_json(file, asdict(PictureSettings(n_mels=64)))
        >>> read_picture_settings(file).n_mels
        64
    """
    settings = read_json(file)
    known = {field.name: field.type for field in fields(PictureSettings)}
    for name, value in settings.items():
        low, high = RANGES.get(name, (1, 0))
        kinds = int | float if known.get(name) == "float" else int
        if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
            raise SourceError(
                f"'{file}' may only set {', '.join(sorted(known))}, within their ranges. Got {str(value)[:40]} for "
                f"'{name[:40]}' instead; copy the model again."
            )
    return PictureSettings(**settings)


class Spectrogram:
    """An audio source that encodes log-mel pictures of the sounds with an image source.

    Args:
        image_source: encodes the pictures.
        settings: how a sound becomes pictures; by default `PictureSettings()`.

    Raises:
        SourceError: if the source does not encode images.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> source = Spectrogram(ToySource(modality="image"))
        >>> source.encode([(np.sin(np.arange(4000.0)), 8000)]).shape
        (1, 96)
    """

    def __init__(self, image_source: Source, settings: PictureSettings | None = None) -> None:
        if image_source.info.modality != "image":
            raise SourceError(
                f"Spectrogram needs an image source. Got '{image_source.info.name}', which encodes "
                f"{image_source.info.modality}, instead."
            )
        self.image_source = image_source
        self.settings = settings or PictureSettings()
        self._side, self._margin = _sides(image_source.info.input)

    @property
    def info(self) -> SourceInfo:
        """The facts about the source: those of the image source, with the settings of the pictures."""
        inner = self.image_source.info
        return replace(inner, modality="audio", input={**inner.input, "spectrogram": asdict(self.settings)})

    @property
    def runtime(self) -> Runtime:
        """The runtime of the image source's body."""
        return runtime_of(self.image_source)

    @property
    def positions(self) -> bool:
        """Whether each position of a picture has a row; else each sound has one."""
        return reads_positions(self.image_source)

    @property
    def body_key(self) -> str:
        """The key that identifies the image source's body and the settings of the pictures."""
        return f"{body_key(self.image_source)} {self.settings}"

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[list[Any]]]) -> str | None:
        """Choose the backend for about ``count`` sounds; returns the digest under which their rows may be cached.

        Args:
            engine: the user's options.
            count: how many sounds will be encoded.
            few: returns some prepared sounds.

        Returns:
            The digest; None if the rows of the image source may not be cached.
        """
        inner = self.image_source
        if not isinstance(inner, Cacheable):
            return None
        key = inner.choose(engine, count, lambda: [picture for pictures in few() for picture in pictures][:AT_ONCE])
        return None if key is None else self._key(key)

    def prepare(self, item: object) -> list[Any]:
        """The pictures of one sound, as the image source prepares them.

        Raises:
            ItemError: if the sound cannot be read.
        """
        samples, rate = read_audio(item)
        wave = resample(samples, rate, self.settings.sample_rate)
        return [self.image_source.prepare(self._picture(part)) for part in self._parts(wave)]

    def forward(self, prepared: Sequence[list[Any]]) -> Any:
        """The rows of n prepared sounds.

        Returns:
            (n, sum of block widths) float32, the mean over each sound's pictures. If the image source returns a row for
            each position, a list of n arrays (positions, sum of block widths) float32, with the positions of a sound's
            pictures one after another.
        """
        pictures = [one for part in prepared for one in part]
        rows = [self.image_source.forward(pictures[k : k + AT_ONCE]) for k in range(0, len(pictures), AT_ONCE)]
        # The pictures of sound i are begins[i] to begins[i + 1].
        begins = np.cumsum([0, *(len(part) for part in prepared)])
        if isinstance(rows[0], list):
            each = [row for batch in rows for row in batch]
            return [np.concatenate(each[begin:end]) for begin, end in pairwise(begins)]
        return item_rows(np.concatenate(rows), np.diff(begins).tolist())

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n sounds."""
        return encode(self, items)

    def untrained(self, seed: int) -> Spectrogram | None:
        """The same source with an untrained image source."""
        inner = self.image_source.untrained(seed)
        return None if inner is None else Spectrogram(inner, self.settings)

    def with_layers(self, layers: str | Sequence[str], *, positions: bool = False) -> Spectrogram:
        """The same source, reading other layers of the image source.

        Args:
            layers: as in `with_layers` of the image source.
            positions: whether each position of a picture has a row.

        Raises:
            SourceError: if the image source has no layers to choose.
        """
        inner = self.image_source
        if not isinstance(inner, LayerChoosing):
            raise SourceError(f"The source '{self.image_source.info.name}' has no layers to choose.")
        return Spectrogram(inner.with_layers(layers, positions=positions), self.settings)

    def with_side(self, side: int) -> Spectrogram:
        """The same source with pictures of another size.

        Args:
            side: height and width of the pictures, in pixels.

        Raises:
            SourceError: if the image source reads pictures of its own size only.
        """
        return Spectrogram(opened_at(self.image_source, side), self.settings)

    def all_blocks(self) -> tuple[Block, ...]:
        """The blocks of the image source among which `only_blocks` chooses; empty if it cannot leave out any."""
        inner = self.image_source
        return inner.all_blocks() if isinstance(inner, BlockSelecting) else ()

    def only_blocks(self, names: Sequence[str]) -> Spectrogram:
        """The same source with only these blocks of the image source.

        Raises:
            UnknownNameError: for another name.
            SourceError: for no names, or if the image source cannot leave out blocks.
        """
        inner = self.image_source
        if not isinstance(inner, BlockSelecting):
            raise SourceError(f"The source '{inner.info.name}' cannot leave out blocks; use all of them.")
        return Spectrogram(inner.only_blocks(names), self.settings)

    def wider_rows(self) -> WiderRows | None:
        """Where the rows with all blocks are stored; None if it has all."""
        inner = self.image_source
        wider = inner.wider_rows() if isinstance(inner, BlockSelecting) else None
        return None if wider is None else replace(wider, key=self._key(wider.key))

    def trainable(self) -> Trainable:
        """The image source's body; all pictures of a batch run together, and the rows of each sound are averaged.

        Raises:
            SourceError: if the image source has no body that can be fine-tuned.
        """
        inner = trainable(self.image_source)
        head = inner.source_head
        return replace(
            inner,
            forward=lambda module, batch: item_means(inner.forward(module, _pictures(batch)), batch["counts"]),
            collate=lambda prepared: _counted(inner.collate, prepared),
            kind="pictures" if inner.kind == "picture" else "array",
            source_head=None if head is None else _averaging(head),
        )

    def with_module(self, module: nn.Module, name: str) -> Spectrogram:
        """The same source with the weights of ``module`` in its image source, under another name.

        Args:
            module: from `trainable`, with other weights or with adapters; it must not be changed afterwards.
            name: the new source's full name.

        Raises:
            SourceError: if the image source has no body that can be fine-tuned.
        """
        inner = self.image_source
        if not isinstance(inner, TrainableSource):
            raise SourceError(
                f"The source '{inner.info.name}' has no body that can be fine-tuned; use an image body of timm."
            )
        return Spectrogram(inner.with_module(module, name), self.settings)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write the image source's checkpoint and the settings; of a source without a checkpoint, only the name."""
        inner = self.image_source
        reference = inner.save(folder / "image")
        named = reference["name"] != "local:."
        # A name cannot carry settings, so a named source is made to write its checkpoint.
        if named and self.settings != PictureSettings() and isinstance(inner, LayerChoosing):
            reference = inner.with_layers("blocks").save(folder / "image")  # the same body, without a name
        if reference["name"] != "local:.":
            return reference
        write_json(folder / "spectrogram.json", asdict(self.settings))
        return {"name": "local:."}

    def _key(self, inner: str) -> str:
        return rows_key("audio", "spectrogram", VERSION, inner, asdict(self.settings))

    def spans(self, length: int) -> list[tuple[int, int]]:
        """Where each picture of a sound begins and ends, in samples at the settings' rate.

        These are equal parts of at most ``most_seconds``; of too many, ``most_parts`` evenly spaced ones.

        Args:
            length: of the sound, in samples at that rate.

        Examples:
            >>> from headstart.sources.toy import ToySource
            >>> Spectrogram(ToySource(modality="image")).spans(320_000)
            [(0, 160000), (160000, 320000)]
        """
        count = math.ceil(length / (self.settings.most_seconds * self.settings.sample_rate))
        edges = np.linspace(0, length, max(count, 1) + 1).round().astype(int).tolist()
        return spread(list(pairwise(edges)), self.settings.most_parts)

    def _parts(self, wave: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [wave[begin:end] for begin, end in self.spans(len(wave))]

    def _picture(self, wave: NDArray[np.float32]) -> NDArray[np.uint8]:
        """(side + margins, side + margins, 3) uint8; the image source's centre crop removes exactly the margins."""
        s = self.settings
        bands = log_mel(
            wave,
            s.sample_rate,
            sample_rate=s.sample_rate,
            n_fft=s.n_fft,
            hop=max(1, round(len(wave) / s.frames)),
            n_mels=s.n_mels,
            fmin=s.fmin,
            fmax=s.sample_rate / 2,
        )
        grey = np.round(255 * picture(bands, self._side, range_db=s.range_db)).astype(np.uint8)
        margins = np.pad(grey, self._margin, mode="edge")
        return np.repeat(margins[:, :, None], 3, axis=2)


def _counted(collate: Callable[[Sequence[Any]], Any], prepared: Sequence[list[Any]]) -> dict[str, Any]:
    """The pictures of all sounds as one batch, with the number of pictures of each sound."""
    import torch

    batch = collate([one for part in prepared for one in part])
    arrays = batch if isinstance(batch, Mapping) else {"pictures": batch}
    return {"counts": torch.tensor([len(part) for part in prepared]), **arrays}


def _pictures(batch: Mapping[str, Any]) -> Any:
    if "pictures" in batch:
        return batch["pictures"]
    return {name: tensor for name, tensor in batch.items() if name != "counts"}


def _averaging(head: Callable[[nn.Module, Any], Tensor]) -> Callable[[nn.Module, Any], Tensor]:
    return lambda module, batch: item_means([head(module, _pictures(batch))], batch["counts"])[0]


def _sides(settings: Mapping[str, Any]) -> tuple[int, tuple[int, int]]:
    """The side in pixels of the image source's input, and the margins that its resize and crop remove."""
    size = settings.get("input_size")
    side = int(size[-1]) if isinstance(size, list | tuple) else 224
    resized = math.floor(side / float(settings.get("crop_pct", 1.0)))
    before = round((resized - side) / 2)
    return side, (before, resized - side - before)
