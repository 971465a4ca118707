"""Image processors of transformers: their resize and crop, read from their settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["transform_arguments"]

FILTERS = {1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}  # Pillow's filter numbers
# name of the processor: (whether a single size is that of the shorter side, whether it centre-crops by default)
KNOWN = {
    "ViT": (False, False), "DeiT": (False, True), "Siglip": (False, False),
    "CLIP": (True, True), "Bit": (True, True), "ConvNext": (True, False),
}  # fmt: skip
SUFFIXES = ("ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor")
STEPS = {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"}
STRETCHED = 384  # from this size up, ConvNeXT's processor stretches instead of cropping


def transform_arguments(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of `PictureTransform`, or None for a processor of another kind.

    Args:
        config: the contents of ``preprocessor_config.json``, or ``processor.to_dict()``.

    Examples:
        >>> settings = {"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}, "resample": 2,
        ...     "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
        >>> transform_arguments(settings)["fit"]
        'stretch'
    """
    name = str(config.get("image_processor_type") or config.get("feature_extractor_type"))
    kind = next((kind for kind in KNOWN for suffix in SUFFIXES if name == kind + suffix), None)
    others = [key for key, value in config.items() if key.startswith("do_") and value and key not in STEPS]
    if kind is None or others or config.get("resample") not in FILTERS or not config.get("do_resize", True):
        return None
    geometry = _convnext(config) if kind == "ConvNext" else _geometry(config, *KNOWN[kind])
    colours = _colours(config)
    if geometry is None or colours is None:
        return None
    return {**geometry, **colours, "interpolation": FILTERS[config["resample"]], "floor": True}


def _geometry(config: Mapping[str, Any], shorter: bool, cropped: bool) -> dict[str, Any] | None:
    size, crop = _size(config.get("size"), shorter), None
    if config.get("do_center_crop", cropped):
        crop = _size(config.get("crop_size"), shorter=False)
        if crop is None:
            return None
    if size is None or (len(size) == 1 and crop is None):
        return None
    if len(size) == 1:  # without a crop, results would differ in size
        return {"size": crop, "scale": (size[0], size[0]), "fit": "shortest"}
    return {"size": crop or size, "scale": size, "fit": "stretch"}


def _convnext(config: Mapping[str, Any]) -> dict[str, Any] | None:
    side = _size(config.get("size"), shorter=True)
    if side is None or len(side) != 1 or config.get("do_center_crop", False):
        return None
    square = (side[0], side[0])
    if side[0] >= STRETCHED:
        return {"size": square, "scale": square, "fit": "stretch"}
    scale = int(side[0] / (config.get("crop_pct") or 224 / 256))  # the default of the processor
    return {"size": square, "scale": (scale, scale), "fit": "shortest"}


def _size(size: object, shorter: bool) -> tuple[int, ...] | None:
    """(height, width), (shorter side,), or None."""
    if isinstance(size, int):
        return (size,) if shorter else (size, size)
    given = {key: value for key, value in size.items() if value is not None} if isinstance(size, Mapping) else {}
    names = next((names for names in (("shortest_edge",), ("height", "width")) if set(names) == set(given)), None)
    if names is None or not all(isinstance(given[name], int) and given[name] > 0 for name in names):
        return None
    return tuple(given[name] for name in names)


def _colours(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Mean and standard deviation of pixels in [0, 1]; None if they are not given per channel."""
    # (x * factor - mean) / std of the processor is our (x / 255 - mean / unit) / (std / unit) with unit = 255 * factor.
    unit = 255 * float(config.get("rescale_factor") or 1 / 255) if config.get("do_rescale", True) else 255.0
    if not config.get("do_normalize", True):
        return {"mean": (0.0, 0.0, 0.0), "std": (1 / unit, 1 / unit, 1 / unit)}
    mean, std = config.get("image_mean"), config.get("image_std")
    if not all(isinstance(values, list | tuple) and len(values) == 3 for values in (mean, std)):
        return None
    return {"mean": tuple(value / unit for value in mean or ()), "std": tuple(value / unit for value in std or ())}
