"""Architectures of timm with random weights, for training from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headstart.errors import SourceError
from headstart.params import check_number
from headstart.types import SourceInfo

if TYPE_CHECKING:
    from headstart.sources.timm import TimmSource

__all__ = ["timm_architecture"]


def timm_architecture(
    name: str,
    *,
    num_classes: int = 0,
    side: int | None = None,
    seed: int = 0,
    model_args: Mapping[str, Any] | None = None,
) -> TimmSource:
    """A body of timm with random weights; no checkpoint is needed.

    Args:
        name: timm's name of the architecture, such as ``"mobilenetv2_035"``.
        num_classes: outputs of its classifier; 0 (the default) for no classifier.
        side: height and width of the pictures in pixels; by default the architecture's own.
        seed: for the random weights.
        model_args: further arguments of timm's constructor, such as ``{"layers": (2, 2, 2, 1)}`` for a ResNet.

    Raises:
        SourceError: if timm does not know the architecture, or cannot build it with these arguments.
        ParameterError: if a number is out of its range.

    Examples:
        >>> timm_architecture("test_resnet", side=32).info.num_features
        96
    """
    from headstart.sources.timm import TimmSource, random_weights
    from headstart.sources.timm_bodies.module import TimmSpec

    check_number(num_classes, "num_classes", "timm_architecture", low=0, integer=True)
    config: dict[str, Any] = {}
    if side is not None:
        check_number(side, "side", "timm_architecture", low=8, integer=True)
        config = {"input_size": (3, side, side), "crop_pct": 1.0}
    spec = TimmSpec(name, {**(model_args or {}), "num_classes": num_classes}, config)
    info = SourceInfo(f"timm:{name} (untrained, seed {seed})", "image")
    try:
        return TimmSource(spec, random_weights(spec, seed), info)
    except (AssertionError, RuntimeError, ValueError) as error:  # raised for pictures of a size the body cannot read
        reason = " ".join(str(error).split())[:200]
        raise SourceError(
            f"timm's '{name}' cannot read pictures of {side or 'its own'} pixels a side ({reason}); give another side, "
            "or leave it out."
        ) from error
