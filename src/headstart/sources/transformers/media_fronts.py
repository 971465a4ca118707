"""What stands before an image or audio body of transformers: items to arrays, and arrays to what the body reads."""

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

MOST_SECONDS = 30.0  # longer sounds are cut: the cost of attention grows with the square of the length
NOTHING_LEARNT = 1e-7  # transformers adds it to the variance of a sound


class Front(Protocol):
    """How one item becomes an array, and a batch of arrays what the body reads.

    Examples:
        >>> front: Front = PictureFront(PictureTransform(size=(4, 4), scale=(5, 5)))
        >>> front.prepare(np.zeros((8, 8, 3), np.uint8)).shape
        (4, 4, 3)
    """

    def prepare(self, item: object) -> NDArray[Any]:
        """The array of one item; raises `ItemError` where it cannot be read."""
        ...

    def batch(self, stacked: NDArray[Any]) -> Batch:
        """What is handed to the backend."""
        ...

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """What the body is called with, from the batch as tensors."""
        ...

    def example(self) -> list[Any]:
        """A few items."""
        ...


@dataclass(frozen=True)
class PictureFront:
    """Pictures by our own transform, without torch; the body's forward normalises the pixels.

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
        """As it is."""
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
        load: gives the processor.

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
        """Pixels under their name."""
        return {"pixel_values": stacked}

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """As they are."""
        given: Mapping[str, Tensor] = batch
        return given

    def example(self) -> list[Any]:
        """Four pictures."""
        return list(example_pictures())


@dataclass(frozen=True)
class SoundFront:
    """Sounds as samples, or as what transformers' feature extractor makes of them; the first 30 seconds count.

    Attributes:
        rate: samples a second that the body was trained on.
        key: what the body calls its input.
        normalise: whether samples are brought to mean 0 and variance 1.
        load: gives the feature extractor; None for a body that reads samples.

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
        shortest = self.rate // 10  # convolutional front ends need more samples than one of their windows
        samples = np.pad(samples, (0, max(0, shortest - len(samples))))
        if self._extractor is not None:
            found = self._extractor(samples, sampling_rate=self.rate, return_tensors="np")[self.key][0]
            return np.asarray(found, np.float32)
        if self.normalise:
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + NOTHING_LEARNT)
        return samples.astype(np.float32)

    def batch(self, stacked: NDArray[np.float32]) -> Batch:
        """The input under its name."""
        return {self.key: stacked}

    def inputs(self, batch: Any) -> Mapping[str, Tensor]:
        """As it is."""
        given: Mapping[str, Tensor] = batch
        return given

    def example(self) -> list[Any]:
        """Four seconds of noise, one by one."""
        noises = np.random.default_rng(0).normal(scale=0.1, size=(4, self.rate)).astype(np.float32)
        return [(noise, self.rate) for noise in noises]


def front_for(facts: Mapping[str, Any], load: Callable[[], Any]) -> Front:
    """The quickest front that does what a processor of transformers does.

    Args:
        facts: ``settings`` (the processor's, as plain JSON), ``key`` (what the body calls its input) and ``rate``
            (samples a second; None for pictures).
        load: gives the processor.

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
