"""Perceptual hashes of pictures and sounds, by which near duplicates are found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import MAX_IMAGE_BYTES, read_audio, read_bytes, read_picture

__all__ = ["Sketch", "digest", "sketch_audio", "sketch_image"]

FLAT_GREY = 4.0  # standard deviation of grey levels below which a picture counts as plain
MAX_WHITE = 3e38  # of float32
FLAT_DECADES = 0.02  # the same for the log10 energies of a sound
SEGMENTS = 17  # their 16 differences in 8 bands are 128 bits
BAND_EDGES = np.geomspace(60.0, 4000.0, 9)  # Hz


@dataclass(frozen=True)
class Sketch:
    """A compact summary of a picture or sound, for comparing it with others.

    Attributes:
        digest: digest of the exact content.
        bits: (8,) uint16, a perceptual hash of 128 bits: similar content differs in few bits.
        grid: (d,) float32, the coarse content with mean 0 and norm 1.
        size: log of a quantity that near copies share, in float32 precision: the aspect ratio (width / height) of a
            picture, the duration of a sound in seconds.
        flat: whether it has so little content (a plain picture, silence) that only exact copies can be recognised.
        has_more: whether the file holds further pages or frames, which are not read.
        white: the value that is shown as white, for a picture with more than 8 bits per channel; else 0.

    Examples:
        >>> sketch_image(np.zeros((32, 32), np.uint8)).flat
        True
    """

    digest: str
    bits: NDArray[np.uint16]
    grid: NDArray[np.float32]
    size: float
    flat: bool
    has_more: bool = False
    white: float = 0.0

    def to_row(self) -> NDArray[np.float32]:
        """The sketch as one row of finite numbers, without loss, so that it can be cached like features.

        Examples:
            >>> sketch = sketch_image(np.zeros((32, 32), np.uint8))
            >>> Sketch.from_row(sketch.to_row()).digest == sketch.digest
            True
        """
        key = np.frombuffer(bytes.fromhex(self.digest), np.uint16)
        # float32 represents integers up to 2^24 exactly, so the 16-bit words of digest and hash survive.
        about = [self.size, self.flat, self.has_more, min(self.white, MAX_WHITE)]
        return np.concatenate([key, self.bits, about, self.grid]).astype(np.float32)

    @classmethod
    def from_row(cls, row: NDArray[np.float32]) -> Sketch:
        """The sketch from a row that `to_row` returned."""
        words = row[:16].astype(np.uint16)
        size, flat, has_more, white = row[16:20].tolist()
        return cls(words[:8].tobytes().hex(), words[8:], row[20:], size, bool(flat), bool(has_more), white)


def digest(*parts: bytes | memoryview) -> str:
    """A 128-bit digest (BLAKE2b) of bytes, in hexadecimal.

    Examples:
        >>> len(digest(b"abc"))
        32
    """
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(part)
    return state.hexdigest()


def sketch_image(item: object) -> Sketch:
    """Difference hash: 64 bits along rows and 64 along columns of a picture, with its 24 x 24 grey means.

    The hash is the dHash taken along rows and along columns, 64 bits each. Only differences above one grey level count,
    so noise in plain areas does not flip bits.

    Reference: Krawetz, "Kind of Like That", The Hacker Factor Blog, 2013.

    Args:
        item: a picture as `read_image` takes it.

    Raises:
        ItemError: if it cannot be read.

    Examples:
        >>> ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
        >>> int(np.bitwise_count(sketch_image(ramp).bits).sum())
        64
    """
    from PIL import Image

    if isinstance(item, (str, os.PathLike, bytes, Mapping)):
        raw = read_bytes(item, MAX_IMAGE_BYTES)
        name = item.get("path") if isinstance(item, Mapping) else None if isinstance(item, bytes) else os.fspath(item)
        read, key = read_picture({"bytes": raw, "path": name}, draft_size=(72, 72)), digest(raw)
        picture = read.image
    else:
        read = read_picture(item)
        picture = read.image
        key = digest(str(picture.size).encode(), picture.tobytes())
    # 72 is divisible by 8, 9 and 24, so all three grids below are means of whole blocks of pixels.
    grey = picture.convert("L").resize((72, 72), Image.Resampling.BOX, reducing_gap=2.0)
    values = np.asarray(grey, dtype=np.float32)
    # 8 x 9 means: 8 differences along each of 8 rows; then the same along columns.
    rows = np.diff(values.reshape(8, 9, 9, 8).mean(axis=(1, 3)), axis=1) > 1
    columns = np.diff(values.reshape(9, 8, 8, 9).mean(axis=(1, 3)), axis=0) > 1
    grid = values.reshape(24, 3, 24, 3).mean(axis=(1, 3)).ravel()
    # The log of the ratio, because the tolerance is relative: 2:1 and 1:2 are equally far from 1:1.
    size = float(np.float32(np.log(picture.width / picture.height)))
    is_flat = float(grid.std()) < FLAT_GREY
    return Sketch(key, _pack(rows, columns), _unit(grid), size, is_flat, read.has_more, float(np.float32(read.white)))


def sketch_audio(item: object) -> Sketch:
    """Audio fingerprint: changes of the energy in 8 bands from 60 to 4000 Hz between 17 segments of equal length.

    Args:
        item: a sound as `read_audio` takes it.

    Raises:
        ItemError: if it cannot be read.

    Examples:
        >>> sketch_audio((np.zeros(8000), 8000)).flat
        True
    """
    samples, rate = read_audio(item)
    key = digest(str(rate).encode(), samples.tobytes())
    energy = np.stack([_bands(part, rate) for part in np.array_split(samples, SEGMENTS)])
    level = np.log10(energy + 1e-6 * max(float(energy.max()), 1e-30))  # floor: 60 dB below the loudest
    bits = np.diff(level, axis=0) > 0.1  # 1 dB
    grid = (level - level.mean(axis=0)).ravel().astype(np.float32)
    size = float(np.float32(np.log(len(samples) / rate)))
    return Sketch(key, _pack(bits), _unit(grid), size, float(grid.std()) < FLAT_DECADES)


def _bands(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    length = 2 ** max(len(samples) - 1, 1).bit_length()  # zero-padded to a power of two, for a fast FFT
    power = np.abs(np.fft.rfft(samples, length)) ** 2
    # The energy between two edges is a difference of the running sum of the power spectrum.
    bins = np.clip(np.round(BAND_EDGES * length / rate).astype(np.intp), 0, len(power))
    total = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    return np.asarray(np.diff(total[bins]) / max(len(samples), 1), dtype=np.float64)


def _pack(*bits: NDArray[np.bool_]) -> NDArray[np.uint16]:
    return np.packbits(np.concatenate([part.ravel() for part in bits])).view(np.uint16)


def _unit(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = grid - grid.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-12), dtype=np.float32)
