"""Preprocessing for image and audio bodies of transformers: items to arrays, and batches of arrays to body inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import read_audio, read_image
from headstart.engine.body.recipe import Batch
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.preprocessing.mel import resample
from headstart.sources.preprocessing.picture_transform import PictureTransform, normalise

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Front", "PictureFront", "ProcessorFront", "SoundFront", "front_for"]

MOST_SECONDS = 30.0  # longer sounds are truncated: attention is quadratic in the length
VARIANCE_FLOOR = 1e-7  # transformers adds it to the variance of a sound


class Front(Protocol):
    """The preprocessing before a body: from an item to an array, and from a batch of arrays to the body's inputs.

    Examples:
        >>> front: Front = PictureFront(PictureTransform(size=(4, 4), scale=(5, 5)))
        >>> front.prepare(np.zeros((8, 8, 3), np.uint8)).shape
        (4, 4, 3)
    """

    def prepare(self, item: object) -> NDArray[Any]:
        """The array of one item; raises `ItemError` if the item cannot be read."""
        ...

    def batch(self, stacked: NDArray[Any]) -> Batch:
        """The batch for the backend."""
        ...

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """The arguments of the body, from the batch as tensors."""
        ...

    def example(self) -> list[Any]:
        """A few items."""
        ...


@dataclass(frozen=True)
class PictureFront:
    """Pictures by our own transform, without torch; the pixels are normalised together with the body's forward pass.

    Attributes:
        transform: resizes and crops.

    Examples:
        >>> PictureFront(PictureTransform(size=(4, 4), scale=(5, 5))).prepare(np.zeros((8, 8, 3), np.uint8)).dtype
        dtype('uint8')
    """

    transform: PictureTransform

    def prepare(self, item: object) -> NDArray[np.uint8]:
        """The crop, (height, width, 3) uint8."""
        return self.transform.prepare(item)

    def batch(self, stacked: NDArray[np.uint8]) -> Batch:
        """The batch, unchanged."""
        return stacked

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """Normalised pixels, channels first."""
        return {"pixel_values": normalise(batch, self.transform.mean, self.transform.std)}

    def example(self) -> list[Any]:
        """Four pictures."""
        return list(example_pictures())


@dataclass(frozen=True)
class ProcessorFront:
    """Pictures by transformers' own image processor.

    Attributes:
        load: returns the processor.

    Examples:
        >>> from transformers import ViTImageProcessor
        >>> ProcessorFront(ViTImageProcessor).prepare(np.zeros((8, 8, 3), np.uint8)).shape
        (3, 224, 224)
    """

    load: Callable[[], Any]

    @cached_property
    def _processor(self) -> Any:
        return self.load()

    def prepare(self, item: object) -> NDArray[np.float32]:
        """The processor's pixels, (3, height, width) float32."""
        pixels = self._processor(images=read_image(item), return_tensors="pt")["pixel_values"][0]
        found: NDArray[np.float32] = pixels.numpy()
        return found

    def batch(self, stacked: NDArray[np.float32]) -> Batch:
        """The pixels by the name of the body's input."""
        return {"pixel_values": stacked}

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """The batch, unchanged."""
        given: Mapping[str, Tensor] = batch
        return given

    def example(self) -> list[Any]:
        """Four pictures."""
        return list(example_pictures())


@dataclass(frozen=True)
class SoundFront:
    """The first 30 seconds of a sound, as samples or as the output of transformers' feature extractor.

    Attributes:
        rate: sample rate that the body was trained on, in Hz.
        key: name of the body's input.
        normalise: whether each sound is standardised to mean 0 and variance 1.
        load: returns the feature extractor; None for a body that reads samples.

    Examples:
        >>> SoundFront(16_000, "input_values", normalise=True).prepare((np.ones(8000), 8000)).shape
        (16000,)
    """

    rate: int
    key: str
    normalise: bool = False
    load: Callable[[], Any] | None = None

    @cached_property
    def _extractor(self) -> Any:
        return None if self.load is None else self.load()

    def prepare(self, item: object) -> NDArray[np.float32]:
        """Samples (n,), or frames of a spectrogram, float32."""
        samples, rate = read_audio(item)
        samples = resample(samples, rate, self.rate)[: int(MOST_SECONDS * self.rate)]
        shortest = self.rate // 10  # 0.1 s, more than one window of a convolutional front end
        samples = np.pad(samples, (0, max(0, shortest - len(samples))))
        if self._extractor is not None:
            found = self._extractor(samples, sampling_rate=self.rate, return_tensors="np")[self.key][0]
            return np.asarray(found, np.float32)
        if self.normalise:  # as Wav2Vec2's feature extractor, without importing it
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + VARIANCE_FLOOR)
        return samples.astype(np.float32)

    def batch(self, stacked: NDArray[np.float32]) -> Batch:
        """The arrays by the name of the body's input."""
        return {self.key: stacked}

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """The batch, unchanged."""
        given: Mapping[str, Tensor] = batch
        return given

    def example(self) -> list[Any]:
        """Four sounds of one second of noise."""
        noises = np.random.default_rng(0).normal(scale=0.1, size=(4, self.rate)).astype(np.float32)
        return [(noise, self.rate) for noise in noises]


def front_for(facts: Mapping[str, Any], load: Callable[[], Any]) -> Front:
    """The fastest front that is equivalent to a processor of transformers.

    Args:
        facts: ``settings`` (the processor's, as plain JSON), ``key`` (name of the body's input) and ``rate`` (sample
            rate in Hz; None for pictures).
        load: returns the processor.

    Examples:
        >>> facts = {"settings": {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True},
        ...     "key": "input_values", "rate": 16000}
        >>> front_for(facts, load=lambda: None)
        SoundFront(rate=16000, key='input_values', normalise=True, load=None)
    """
    settings = facts["settings"]
    if facts["rate"] is None:
        transform = PictureTransform.from_processor(settings)
        return ProcessorFront(load) if transform is None else PictureFront(transform)
    if settings.get("feature_extractor_type") == "Wav2Vec2FeatureExtractor":
        return SoundFront(facts["rate"], facts["key"], normalise=bool(settings.get("do_normalize")))
    return SoundFront(facts["rate"], facts["key"], load=load)
