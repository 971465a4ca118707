"""Image and audio bodies of transformers: every layer's mean over patches, space or frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.data.readers import read_audio, read_image
from headstart.engine.extract import encode
from headstart.engine.pooling import pool
from headstart.engine.spectrogram import resample
from headstart.engine.torch_body import TorchBody
from headstart.sources.seeded import example_pictures, seeded, spread
from headstart.types import Block, FeatureMatrix, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["AudioBody", "ImageBody", "MediaParts"]

MOST_SECONDS = 30.0  # longer sounds are cut: the cost of attention grows with the square of the length


@dataclass(frozen=True)
class MediaParts:
    """What an image or audio source of transformers is made of.

    Attributes:
        build: makes the module with random weights.
        processor: transformers' image processor or feature extractor.

    Examples:
        >>> MediaParts(build=None, processor=None).processor is None
        True
    """

    build: Callable[[], nn.Module]
    processor: Any


def _blocks(module: nn.Module, batch: Mapping[str, Tensor]) -> list[Tensor]:
    """Pooled hidden states; the last is the pooler's of convolutional bodies, the mean of the tokens of others."""
    output = module(**batch, output_hidden_states=True)
    last = output.last_hidden_state
    final = output.pooler_output.flatten(1) if last.ndim == 4 and "pooler_output" in output else last
    hidden = [*output.hidden_states[:-1], final]
    return [pool(output) for output in spread(hidden, 13)]


def _measured(info: SourceInfo, body: TorchBody, example: Mapping[str, Tensor], processor: Any) -> SourceInfo:
    widths = body.widths({name: value[:1] for name, value in example.items()})
    names = [*(f"hidden.{k}" for k in range(len(widths) - 1)), "last"]
    return replace(
        info,
        num_features=widths[-1],
        blocks=tuple(Block(name, width) for name, width in zip(names, widths, strict=True)),
        architecture=str(getattr(body.module, "config").model_type),  # noqa: B009 - nn.Module types it as a tensor
        parameters=sum(parameter.numel() for parameter in body.module.parameters()),
        input={key: value for key, value in processor.to_dict().items() if _is_plain(value)},
    )


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | list | dict)


def _save(folder: Path, module: Any, processor: Any) -> Mapping[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    module.save_pretrained(folder)
    processor.save_pretrained(folder)
    return {"name": "local:."}


def _untrained(info: SourceInfo, seed: int) -> SourceInfo:
    return replace(info, name=f"{info.name} (untrained, seed {seed})", sha256=None, revision=None)


class ImageBody:
    """An image source of transformers.

    Args:
        parts: how it was built and its processor.
        module: the body, with its weights.
        info: what is known; blocks and widths are measured.

    Attributes:
        body: the module and how it is run.

    Examples:
        >>> from transformers import ViTConfig, ViTImageProcessor, ViTModel
        >>> config = ViTConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
        >>> parts = MediaParts(lambda: ViTModel(config, add_pooling_layer=False), ViTImageProcessor())
        >>> ImageBody(parts, parts.build(), SourceInfo("tiny", "image")).info.blocks[-1]
        Block(name='last', width=8)
    """

    def __init__(self, parts: MediaParts, module: nn.Module, info: SourceInfo) -> None:
        import torch

        self.parts = parts
        example = {"pixel_values": torch.stack([self.prepare(picture) for picture in example_pictures()])}
        self.body = TorchBody(module, _blocks, example=example)
        self._info = _measured(info, self.body, example, parts.processor)

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self._info

    @property
    def precision(self) -> str:
        """The number format that it runs in, ``"bf16"`` or ``"fp32"``; final after the first batch."""
        return self.body.precision

    def prepare(self, item: Any) -> Tensor:
        """The image as transformers' own processor makes it, (3, height, width) float32."""
        pixels: Tensor = self.parts.processor(images=read_image(item), return_tensors="pt")["pixel_values"][0]
        return pixels

    def forward(self, prepared: Sequence[Tensor]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n prepared images."""
        import torch

        return self.body({"pixel_values": torch.stack(list(prepared))})

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n images."""
        return encode(self, items)

    def untrained(self, seed: int) -> ImageBody:
        """The same body with fresh random weights."""
        return ImageBody(self.parts, seeded(seed, self.parts.build), _untrained(self.info, seed))

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder of transformers."""
        return _save(folder, self.body.module, self.parts.processor)


class AudioBody:
    """An audio source of transformers; of a sound longer than 30 seconds, the first 30 count.

    Sounds of different lengths never share a batch, so none is padded and the features of one do not depend on
    its neighbours.

    Args:
        parts: how it was built and its feature extractor.
        module: the body, with its weights.
        info: what is known; blocks and widths are measured.

    Attributes:
        body: the module and how it is run.

    Examples:
        >>> from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model
        >>> config = Wav2Vec2Config(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8,
        ...     conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 8), num_conv_pos_embedding_groups=2)
        >>> parts = MediaParts(lambda: Wav2Vec2Model(config), Wav2Vec2FeatureExtractor())
        >>> AudioBody(parts, parts.build(), SourceInfo("tiny", "audio")).info.num_features
        8
    """

    def __init__(self, parts: MediaParts, module: nn.Module, info: SourceInfo) -> None:
        self.parts = parts
        import torch

        self.rate = int(parts.processor.sampling_rate)
        self._key = str(parts.processor.model_input_names[0])
        noises = np.random.default_rng(0).normal(scale=0.1, size=(4, self.rate)).astype(np.float32)
        example = {self._key: torch.stack([self.prepare((noise, self.rate)) for noise in noises])}
        self.body = TorchBody(module, _blocks, example=example)
        self._info = _measured(info, self.body, example, parts.processor)

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self._info

    @property
    def precision(self) -> str:
        """The number format that it runs in, ``"bf16"`` or ``"fp32"``; final after the first batch."""
        return self.body.precision

    def prepare(self, item: Any) -> Tensor:
        """The sound as transformers' own feature extractor makes it: samples, or frames of a spectrogram."""
        samples, rate = read_audio(item)
        samples = resample(samples, rate, self.rate)[: int(MOST_SECONDS * self.rate)]
        shortest = self.rate // 10  # convolutional front ends need more samples than one of their windows
        samples = np.pad(samples, (0, max(0, shortest - len(samples))))
        values: Tensor = self.parts.processor(samples, sampling_rate=self.rate, return_tensors="pt")[self._key][0]
        return values

    def forward(self, prepared: Sequence[Tensor]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n prepared sounds."""
        import torch

        by_shape: dict[torch.Size, list[int]] = {}
        for position, values in enumerate(prepared):
            by_shape.setdefault(values.shape, []).append(position)
        rows = np.empty((len(prepared), sum(block.width for block in self.info.blocks)), np.float32)
        for positions in by_shape.values():
            rows[positions] = self.body({self._key: torch.stack([prepared[k] for k in positions])})
        return rows

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n sounds."""
        return encode(self, items)

    def untrained(self, seed: int) -> AudioBody:
        """The same body with fresh random weights."""
        return AudioBody(self.parts, seeded(seed, self.parts.build), _untrained(self.info, seed))

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder of transformers."""
        return _save(folder, self.body.module, self.parts.processor)
