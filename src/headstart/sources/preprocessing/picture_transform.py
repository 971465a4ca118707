"""The evaluation transforms of timm and of transformers' image processors: resize and crop on uint8, without torch.

Only the arithmetic on the finished crop (`normalised`) is left to torch; a backend runs it together with the body.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.recipe import Forward
from headstart.errors import SourceError
from headstart.sources.preprocessing.decode import OpenedPicture, open_picture

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

__all__ = ["PictureTransform", "normalise", "normalised"]

Size = tuple[int, int]
Colour = tuple[float, float, float]
Fit = Literal["shortest", "cover", "inside", "stretch", "none"]

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
RADIUS = {"bilinear": 1, "hamming": 1, "bicubic": 2, "lanczos": 3}  # half the width of the continuous kernels
OVERSAMPLING = 2  # a picture may be decoded smaller while it is at least this many times the size it is resized to


@dataclass(frozen=True)
class PictureTransform:
    """Resize a picture, then crop or pad it around the centre.

    Attributes:
        size: (height, width) of the result, in pixels.
        scale: (height, width) that ``fit`` resizes to, in pixels.
        fit: ``"shortest"``: the shorter side becomes ``scale[0]`` and the longer one keeps the proportions, rounded
            down; ``"cover"``: the smallest size of the same proportions that covers ``scale``; ``"inside"``: the
            largest one that fits inside it; ``"stretch"``: exactly ``scale``; ``"none"``: not resized.
        interpolation: Pillow's name of the resampling filter, in lower case.
        fill: padding colour (red, green, blue), 0 to 255.
        floor: whether an odd margin is split with the smaller part first (transformers), or rounded to even (timm).
        mean: per channel, subtracted after division by 255.
        std: per channel, divided by after that.

    References:
        `timm.data.transforms_factory.transforms_imagenet_eval`; `transformers.TorchvisionBackend`.

    Examples:
        >>> transform = PictureTransform(size=(4, 4), scale=(5, 5))
        >>> transform.prepare(np.zeros((20, 30), np.uint8)).shape
        (4, 4, 3)
    """

    size: Size
    scale: Size
    fit: Fit = "shortest"
    interpolation: str = "bicubic"
    fill: tuple[int, int, int] = (0, 0, 0)
    floor: bool = False
    mean: Colour = (0.0, 0.0, 0.0)
    std: Colour = (1.0, 1.0, 1.0)

    @classmethod
    def from_timm(cls, config: Mapping[str, Any]) -> PictureTransform:
        """The resize and crop of ``timm.data.create_transform(**config, is_training=False)``.

        Args:
            config: input_size, mean, std, interpolation, crop_pct and crop_mode, from
                ``timm.data.resolve_data_config``.

        Raises:
            SourceError: if the body does not read three channels, or the interpolation is unknown.

        Examples:
            >>> config = {"input_size": [3, 224, 224], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.875}
            >>> PictureTransform.from_timm({**config, "interpolation": "bicubic", "crop_mode": "center"}).scale
            (256, 256)
        """
        channels, height, width = (int(side) for side in config["input_size"])
        interpolation = config["interpolation"]
        interpolation = "bilinear" if interpolation == "random" else interpolation  # as timm does outside of training
        if channels != 3:
            raise SourceError(f"An image body must read 3 channels (red, green, blue). Got one that reads {channels}.")
        if interpolation not in INTERPOLATIONS:
            allowed = ", ".join(INTERPOLATIONS)
            raise SourceError(f"The interpolation of a body must be one of {allowed}. Got {interpolation!r} instead.")
        mean, std = _colour(config["mean"]), _colour(config["std"])
        scale = (math.floor(height / config["crop_pct"]), math.floor(width / config["crop_pct"]))
        fits: dict[str, Fit] = {"squash": "stretch", "border": "inside"}
        fit = fits.get(config["crop_mode"], "shortest" if scale[0] == scale[1] else "cover")
        red, green, blue = (round(255 * value) if fit == "inside" else 0 for value in mean)
        return cls((height, width), scale, fit, interpolation, (red, green, blue), mean=mean, std=std)

    @classmethod
    def from_processor(cls, config: Mapping[str, Any]) -> PictureTransform | None:
        """The transform of an image processor of transformers (ViT, DeiT, CLIP, SigLIP, BiT, DINOv2, ConvNeXT).

        Args:
            config: the contents of ``preprocessor_config.json``, or ``processor.to_dict()``.

        Returns:
            The transform; None for other processors, and for those whose results differ in size.

        Examples:
            >>> PictureTransform.from_processor({"image_processor_type": "DonutImageProcessor"}) is None
            True
        """
        from headstart.sources.preprocessing.processors import transform_arguments

        arguments = transform_arguments(config)
        return None if arguments is None else cls(**arguments)

    @property
    def decode_size(self) -> Size | None:
        """(height, width) in pixels that the decoded picture must cover; None where it is decoded at full scale."""
        # Without resizing, and with the nearest pixel, another scale would give other pixels.
        if self.fit == "none" or self.interpolation == "nearest":
            return None
        return (OVERSAMPLING * self.scale[0], OVERSAMPLING * self.scale[1])

    def prepare(self, item: object) -> NDArray[np.uint8]:
        """The crop, (height, width, 3) uint8, of anything that `headstart.data.media.readers.read_image` reads.

        Raises:
            ItemError: if the picture cannot be read.
        """
        return self(open_picture(item, self.decode_size))

    def __call__(self, opened: OpenedPicture) -> NDArray[np.uint8]:
        """The crop, (height, width, 3) uint8, of an opened picture."""
        from PIL import Image

        width, height = self._resized(*opened.size)
        left, top = self._margin(width, self.size[1]), self._margin(height, self.size[0])
        inside = (max(left, 0), max(top, 0), min(left + self.size[1], width), min(top + self.size[0], height))
        part = self._part(opened, (width, height), inside)
        if part.size != self.size[::-1]:
            padded = Image.new("RGB", self.size[::-1], self.fill)
            padded.paste(part, (max(-left, 0), max(-top, 0)))
            part = padded
        return np.asarray(part)

    def seen(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of a picture that the result shows: left, top, right and bottom as fractions of its sides.

        Below 0 or above 1 where the result is padded.

        Args:
            width: of the picture, in pixels.
            height: of the picture, in pixels.

        Examples:
            >>> PictureTransform(size=(4, 4), scale=(4, 4)).seen(200, 100)
            (0.25, 0.0, 0.75, 1.0)
        """
        wide, tall = self._resized(width, height)
        left, top = self._margin(wide, self.size[1]), self._margin(tall, self.size[0])
        return left / wide, top / tall, (left + self.size[1]) / wide, (top + self.size[0]) / tall

    def _resized(self, width: int, height: int) -> Size:
        """(width, height) of the full picture after resizing."""
        tall, wide = self.scale
        if self.fit == "none":
            return width, height
        if self.fit == "stretch":
            return wide, tall
        if self.fit == "shortest":
            return (tall, int(tall * height / width)) if width <= height else (int(tall * width / height), tall)
        choose = min if self.fit == "cover" else max
        ratio = choose(height / tall, width / wide)
        return max(1, round(width / ratio)), max(1, round(height / ratio))

    def _margin(self, length: int, wanted: int) -> int:
        """Offset of the crop along one axis; negative where the result is padded there."""
        if wanted > length:
            return -((wanted - length) // 2)
        return (length - wanted) // 2 if self.floor else round((length - wanted) / 2)

    def _part(self, opened: OpenedPicture, resized: Size, inside: tuple[int, int, int, int]) -> Image:
        """The box ``inside`` of the picture resized to ``resized``, computing little more than that box."""
        image, (begin_x, begin_y, end_x, end_y) = opened.image, opened.box
        if image.size == opened.size == resized:
            return image.crop(inside)
        from PIL.Image import Resampling

        kernel = Resampling[self.interpolation.upper()]
        if self.interpolation not in RADIUS:
            return image.resize(resized, kernel, box=opened.box).crop(inside)
        left, top, right, bottom = inside
        # Pixels of the decoded image per pixel of the resized one.
        step_x, step_y = (end_x - begin_x) / resized[0], (end_y - begin_y) / resized[1]
        begin, end = begin_y + top * step_y, begin_y + bottom * step_y
        # A kernel reaches RADIUS output pixels when shrinking, RADIUS input pixels when enlarging; 1 is for rounding.
        reach = RADIUS[self.interpolation] * max(1.0, step_y) + 1
        first, last = max(0, math.floor(begin - reach)), min(image.height, math.ceil(end + reach))
        rows = image.crop((0, first, image.width, last))
        columns = (begin_x + left * step_x, 0, min(begin_x + right * step_x, image.width), rows.height)
        # Pillow resizes along x and then along y, with uint8 in between, so two calls give the same as one.
        rows = rows.resize((right - left, rows.height), kernel, box=columns)
        end = min(end - first, rows.height)
        return rows.resize((right - left, bottom - top), kernel, box=(0, begin - first, rows.width, end))


def _colour(values: Iterable[float]) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def normalise(batch: Tensor, mean: Colour, std: Colour) -> Tensor:
    """Normalise pictures for a torch body: (x / 255 - mean) / std, channels first.

    Args:
        batch: (n, height, width, 3) uint8.
        mean: per channel (red, green, blue), of values in [0, 1].
        std: per channel, of values in [0, 1].

    Returns:
        (n, 3, height, width) float32, channels last in memory.

    Examples:
        >>> import torch
        >>> normalise(torch.full((1, 2, 2, 3), 255, dtype=torch.uint8), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)).unique()
        tensor([1.])
    """
    import torch

    pixels = batch.permute(0, 3, 1, 2).float() / 255
    centre, spread = (torch.tensor(values, device=batch.device).view(1, 3, 1, 1) for values in (mean, std))
    return (pixels - centre) / spread


def normalised(forward: Forward, mean: Colour, std: Colour) -> Forward:
    """A forward function of uint8 pictures, which normalises them before it calls ``forward``.

    Args:
        forward: a function of (module, (n, 3, height, width) float32).
        mean: per channel (red, green, blue), of values in [0, 1].
        std: per channel, of values in [0, 1].

    Returns:
        A function of (module, (n, height, width, 3) uint8).

    Examples:
        >>> import torch
        >>> run = normalised(lambda module, x: [x.mean((2, 3))], (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        >>> run(None, torch.zeros(1, 2, 2, 3, dtype=torch.uint8))
        [tensor([[0., 0., 0.]])]
    """

    def run(module: nn.Module, batch: Tensor) -> list[Tensor]:
        return forward(module, normalise(batch, mean, std))

    return run
