"""A speech body: Whisper's encoder on sounds at their own length, each layer averaged over the frames of the sound.

Whisper itself pads every sound to 30 seconds. Here the table of positions is cut, which makes a sound of one second 38
times faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import read_audio
from headstart.engine.body.arrays import to_tensors
from headstart.engine.body.recipe import Tensors, rows_key
from headstart.sources.bodies.averaging import item_means, item_rows
from headstart.sources.bodies.hidden_layers import Hidden, Layers, Reading
from headstart.sources.bodies.trainable import PreparedKind, Trainable
from headstart.sources.preprocessing.long_sounds import long_sounds
from headstart.sources.preprocessing.mel import resample
from headstart.sources.preprocessing.speech_mel import BANDS, MOST_FRAMES, RATE, speech_mel, speech_parts
from headstart.sources.transformers.body import TransformersBody
from headstart.sources.transformers.lengths import length_batches, padded_length
from headstart.sources.transformers.parts import BodyParts

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["SPEECH_INPUT", "SpeechBody", "SpeechParts"]

LAYOUT = 1  # to be raised when the same checkpoint gives other features
SOUND_FORM = 1  # to be raised when the same sound gives another spectrogram
FRAMES_AT_ONCE = 2048  # in a batch; OpenVINO is as fast for 8 sounds of a second as for 32
COMPARED_FRAMES = 250  # of a real sound, on which number formats are compared: 5 s
MOST_SECONDS = 0.02 * MOST_FRAMES  # 30 s
SPEECH_INPUT: Mapping[str, Any] = {
    "sample_rate": RATE,
    "mel_bands": BANDS,
    "most_seconds": MOST_SECONDS,
    "longer": "equal parts, averaged by their frames",
}

Sound = list[NDArray[np.float32]]  # a log-mel spectrogram (bands, 2 * frames, 1) for each part of at most 30 seconds


@dataclass(frozen=True, kw_only=True)
class SpeechParts(BodyParts):
    """The parts of a speech source; nothing is loaded yet.

    Attributes:
        hidden: a function of (module, batch) that returns the embeddings and every layer, (n, frames, width) each.

    Examples:
        >>> SpeechParts(key="", build=None, hidden=None, copy=None, write=None).lasting
        True
    """

    hidden: Hidden


class SpeechBody(TransformersBody[SpeechParts, Sound]):
    """A speech source: the embeddings and every layer, each averaged over the frames that hold sound.

    A frame is 20 ms. A sound of more than 30 seconds is split into equal parts, and the rows of its parts are averaged,
    weighted by their number of frames. Sounds of similar lengths share a batch; the padding is masked and follows from
    a sound's own length, so its row does not depend on the others. The layers are named ``"embeddings"``,
    ``"layer.1"``, ``"layer.2"``, ...; the last one is normalised. With ``positions``, each frame has a row.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> source = open_source("headstart:speech")
        >>> source.info.blocks[-1]
        Block(name='layer.4', width=384)
        >>> [part.shape for part in source.prepare((np.ones(8000), 8000))]
        [(80, 100, 1)]
    """

    def prepare(self, item: object) -> Sound:
        """The log-mel spectrogram of each part of a sound, (80, 2 * frames, 1) float32.

        Raises:
            ItemError: if the item cannot be read.
        """
        samples, rate = read_audio(item)
        parts = speech_parts(resample(samples, rate, RATE))
        return [np.ascontiguousarray(speech_mel(part).T)[:, :, None] for part in parts]

    def notes_on(self, items: Sequence[Any]) -> tuple[str, ...]:
        """A sentence on the sounds that are split; none if there are none."""
        return long_sounds(items, MOST_SECONDS, "each was split into equal parts, and the rows of the parts averaged")

    def forward(self, prepared: Sequence[Sound]) -> Any:
        """The rows of n prepared sounds.

        Returns:
            (n, sum of block widths) float32; with ``positions``, a list of n arrays (frames, sum of block widths).
        """
        parts = [[part] for sound in prepared for part in sound]
        rows = super().forward(parts)
        if len(parts) == len(prepared):
            return rows
        counts = [len(sound) for sound in prepared]
        if self.positions:
            ends = np.cumsum([0, *counts])
            return [np.concatenate(rows[begin:end]) for begin, end in pairwise(ends)]
        return item_rows(rows, counts, np.array([_frames(part) for part in parts], np.float32))

    def trainable(self) -> Trainable:
        """The body for training; all parts of a batch run together, and the rows of each sound are averaged."""
        inner = super().trainable()
        return replace(inner, forward=lambda module, batch: _averaged(inner.forward(module, batch), batch))

    def _identity(self) -> tuple[object, ...]:
        return "speech", LAYOUT, self.parts.key

    def _reader(self, layers: Layers, *, positions: bool) -> Reading:
        return Reading(self.parts.hidden, _names, layers, positions)

    def _preprocessing(self) -> Mapping[str, Any]:
        return SPEECH_INPUT

    def _about(self, module: nn.Module) -> Mapping[str, Any]:  # noqa: ARG002 - the architecture is known
        return {"architecture": "whisper"}

    def _example(self, facts: Mapping[str, Any]) -> dict[str, NDArray[Any]]:  # noqa: ARG002 - the input is known
        """Four sounds of 0.6 to 0.96 seconds of noise that fades out."""
        rng = np.random.default_rng(0)
        noises = [
            rng.normal(scale=0.1, size=320 * (48 - 6 * k)) * np.geomspace(1, 0.01, 320 * (48 - 6 * k)) for k in range(4)
        ]
        return self._batch([self.prepare((noise.astype(np.float32), RATE)) for noise in noises])

    def _groups(self, prepared: Sequence[Sound]) -> Iterator[NDArray[np.intp]]:
        lengths = np.array([padded_length(_frames(sound), MOST_FRAMES) for sound in prepared], np.intp)
        return length_batches(lengths, FRAMES_AT_ONCE)

    def _batch(self, prepared: Sequence[Sound]) -> dict[str, NDArray[Any]]:
        longest = max(map(_frames, prepared))
        return _padded([sound[0] for sound in prepared], padded_length(longest, MOST_FRAMES))

    def _own(self, row: NDArray[np.float32], prepared: Sound) -> NDArray[np.float32]:
        return row[: _frames(prepared)]

    def _compared(self, prepared: Sequence[Sound]) -> dict[str, NDArray[Any]]:
        return self._batch([[sound[0][:, : 2 * COMPARED_FRAMES]] for sound in prepared])

    def _rows_key(self, form: str) -> str:
        return rows_key("audio", SOUND_FORM, self.body.recipe.key, form)

    def _kind(self) -> PreparedKind:
        return "pictures"

    def _collate(self, prepared: Sequence[Sound]) -> Any:
        import torch

        batch = to_tensors(self._batch([[part] for sound in prepared for part in sound]))
        return {**batch, "counts": torch.tensor([len(sound) for sound in prepared])}


def _names(count: int) -> list[str]:
    return ["embeddings", *(f"layer.{k}" for k in range(1, count))]


def _frames(sound: Sound) -> int:
    """The frames of the body for the first part of a sound, two frames of the spectrogram each."""
    return int(sound[0].shape[1]) // 2


def _padded(parts: Sequence[NDArray[np.float32]], width: int) -> dict[str, NDArray[Any]]:
    """The batch of n parts: ``input_features`` (n, width, 160) and ``attention_mask`` (n, width), 0 at padding."""
    # The frames are on axis 1 of both arrays, so that the converted body takes any number of them.
    features = np.zeros((len(parts), width, 2 * BANDS), np.float32)
    mask = np.zeros((len(parts), width), np.int64)
    for k, part in enumerate(parts):
        frames = part.shape[1] // 2
        features[k, :frames] = part[:, :, 0].T.reshape(frames, 2 * BANDS)
        mask[k, :frames] = 1
    return {"input_features": features, "attention_mask": mask}


def _averaged(blocks: Sequence[Tensor], batch: Tensors) -> list[Tensor]:
    """The rows of sounds from those of their parts, weighted by the number of frames."""
    if not isinstance(batch, Mapping) or "counts" not in batch or len(batch["counts"]) == len(batch["attention_mask"]):
        return list(blocks)
    return item_means(blocks, batch["counts"], batch["attention_mask"].sum(dim=1).float())
