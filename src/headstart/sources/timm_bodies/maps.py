"""The blocks of a timm body as maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from headstart.engine.body.recipe import Forward
from headstart.sources.bodies.map_body import MapBody, to_map
from headstart.sources.bodies.pooling import blocks_forward
from headstart.sources.preprocessing.picture_transform import PictureTransform, normalised
from headstart.sources.timm_bodies.module import TimmSpec, block_names, data_config

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["map_reader", "timm_map_body"]


def timm_map_body(
    key: str, spec: TimmSpec, load: Callable[[], nn.Module], size: tuple[int, int], *, lasting: bool
) -> MapBody:
    """A body of timm whose blocks are read as maps.

    Args:
        key: of its weights, architecture and normalisation.
        spec: how it is built.
        load: returns the module with its weights.
        size: (height, width) of its own pictures.
        lasting: whether a later process can load it again.

    Examples:
        >>> from headstart.sources.timm_bodies.module import build
        >>> spec = TimmSpec("test_resnet")
        >>> body = timm_map_body("0" * 40, spec, lambda: build(spec), (64, 64), lasting=False)
        >>> body.names(body.build(())[0])
        ['act1', 'layer1', 'layer2', 'layer3', 'layer4']
    """

    def build(names: tuple[str, ...]) -> tuple[nn.Module, Forward]:
        module = load().eval()
        return module, map_reader(spec, module, names or tuple(block_names(module)))

    return MapBody(key, lasting, size, build, block_names)


def map_reader(spec: TimmSpec, module: nn.Module, names: Sequence[str]) -> Forward:
    """The forward function of a body's maps, of (module, (n, height, width, 3) uint8).

    Args:
        spec: how the body was built.
        module: the body.
        names: the blocks that are read; the body stops after the deepest of them.

    Examples:
        >>> import torch
        >>> from headstart.sources.timm_bodies.module import build
        >>> spec = TimmSpec("test_resnet")
        >>> module = build(spec).eval()
        >>> pictures = torch.zeros(1, 64, 96, 3, dtype=torch.uint8)
        >>> [tuple(found.shape) for found in map_reader(spec, module, ["layer1", "layer3"])(module, pictures)]
        [(1, 32, 16, 24), (1, 192, 4, 6)]
    """
    first = getattr(module, "output_fmt", "NCHW") != "NHWC"
    prefix = int(getattr(module, "num_prefix_tokens", 0))
    transform = PictureTransform.from_timm(data_config(spec, module))

    def read(body: nn.Module, pictures: Tensor) -> list[Tensor]:
        size = int(pictures.shape[2]), int(pictures.shape[3])

        def as_map(output: Tensor, *, channels_first: bool) -> Tensor:
            return to_map(output, channels_first=channels_first, prefix=prefix, size=size)

        run = blocks_forward(
            list(names), lambda m, x: m(x), dict.fromkeys(names, first), last=False, stop=True, rows=as_map
        )
        return run(body, pictures)

    return normalised(read, transform.mean, transform.std)
