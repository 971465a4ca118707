"""Image and audio bodies of transformers: each layer pooled over patches, space or frames, or one row per position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import to_tensors
from headstart.engine.body.machine import package_version
from headstart.engine.body.recipe import Batch, rows_key
from headstart.sources.bodies.copies import joined_shapes
from headstart.sources.bodies.hidden_layers import Layers, Reading
from headstart.sources.bodies.trainable import PreparedKind
from headstart.sources.preprocessing.long_sounds import long_sounds
from headstart.sources.preprocessing.picture_transform import PictureTransform
from headstart.sources.transformers.body import TransformersBody
from headstart.sources.transformers.media_fronts import MOST_SECONDS, Front, PictureFront
from headstart.sources.transformers.parts import BodyParts

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["MediaBody", "MediaParts"]

LAYOUT = 1  # to be raised when the same checkpoint gives other features


@dataclass(frozen=True, kw_only=True)
class MediaParts(BodyParts):
    """The parts of an image or audio source of transformers; nothing is loaded yet.

    Attributes:
        front: the preprocessing of items to arrays.
        settings: the preprocessing as plain values; the key includes them.
    """

    front: Front
    settings: Mapping[str, Any]


class MediaBody(TransformersBody[MediaParts, NDArray[Any]]):
    """An image or audio source of transformers; it reads the first 30 seconds of a sound.

    Sounds of different lengths never share a batch, so none is padded, and the features of a sound do not depend on the
    other items. The layers are named ``"hidden.0"``, ``"hidden.1"``, ..., ``"last"``.

    Examples:
        >>> from transformers import ViTConfig, ViTModel
        >>> from headstart.types import SourceInfo
        >>> from headstart.sources.preprocessing.picture_transform import PictureTransform
        >>> from headstart.sources.transformers.media_fronts import PictureFront
        >>> config = ViTConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
        >>> front = PictureFront(PictureTransform(size=(224, 224), scale=(224, 224)))
        >>> parts = MediaParts(
        ...     key="tiny", build=lambda seed: ViTModel(config), front=front, settings={}, copy=None, write=None
        ... )
        >>> MediaBody(parts, SourceInfo("tiny", "image"), layers="last", seed=0).info.blocks
        (Block(name='last', width=8),)
    """

    @property
    def picture_transform(self) -> PictureTransform | None:
        """How pictures are resized and cropped; None where a processor does it."""
        return self.parts.front.transform if isinstance(self.parts.front, PictureFront) else None

    def prepare(self, item: object) -> NDArray[Any]:
        """The item as the body's own processor prepares it: pixels, samples, or frames of a spectrogram.

        Raises:
            ItemError: if the item cannot be read.
        """
        return self.parts.front.prepare(item)

    def notes_on(self, items: Sequence[Any]) -> tuple[str, ...]:
        """A sentence on the sounds of which not all is read; none for pictures, and if there are none."""
        if isinstance(self.parts.front, PictureFront):
            return ()
        return long_sounds(items, MOST_SECONDS, f"the first {MOST_SECONDS:g} seconds of each were read")

    def write_checkpoint(self, folder: Path) -> None:
        """Write the checkpoint folder that `save` writes, without adapters, also of a body that every install has."""
        self.parts.copy(folder, self._seed)

    def _identity(self) -> tuple[object, ...]:
        return "media", LAYOUT, self.parts.key

    def _reader(self, layers: Layers, *, positions: bool) -> Reading:
        hidden, front = _patches if positions else _layers, self.parts.front
        return Reading(lambda module, batch: hidden(module, front.inputs(batch)), _names, layers, positions)

    def _preprocessing(self) -> Mapping[str, Any]:
        return self.parts.settings

    def _about(self, module: Any) -> Mapping[str, Any]:
        return {"architecture": str(module.config.model_type)}

    def _example(self, facts: Mapping[str, Any]) -> Batch:  # noqa: ARG002 - the front decides
        return self._batch([self.prepare(item) for item in self.parts.front.example()])

    def _groups(self, prepared: Sequence[NDArray[Any]]) -> list[list[int]]:
        return _by_shape(prepared)

    def _batch(self, prepared: Sequence[NDArray[Any]]) -> Batch:
        return self.parts.front.batch(np.stack(prepared))

    def _own(self, row: NDArray[np.float32], prepared: NDArray[Any]) -> NDArray[np.float32]:  # noqa: ARG002
        return row

    def _compared(self, prepared: Sequence[NDArray[Any]]) -> Batch:
        return self._batch([prepared[k] for k in max(_by_shape(prepared), key=len)])

    def _rows_key(self, form: str) -> str:
        return rows_key(self.info.modality, self.body.recipe.key, form, package_version("transformers"))

    def _kind(self) -> PreparedKind:
        return "picture" if isinstance(self.parts.front, PictureFront) else "array"

    def _collate(self, prepared: Sequence[NDArray[Any]]) -> Any:
        groups = _by_shape(prepared)
        batches = [to_tensors(self._batch([prepared[k] for k in group])) for group in groups]
        return batches[0] if len(batches) == 1 else joined_shapes(groups, batches)


def _by_shape(prepared: Sequence[NDArray[Any]]) -> list[list[int]]:
    """Indices of the items of each shape."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, values in enumerate(prepared):
        groups.setdefault(values.shape, []).append(position)
    return list(groups.values())


def _names(count: int) -> list[str]:
    return [*(f"hidden.{k}" for k in range(count - 1)), "last"]


def _layers(module: nn.Module, inputs: Mapping[str, Tensor]) -> list[Tensor]:
    """Hidden states; of convolutional bodies, the last one is the pooler's output."""
    output = module(**inputs, output_hidden_states=True)
    last = output.last_hidden_state
    pooled = last.ndim == 4 and "pooler_output" in output
    return [*output.hidden_states[:-1], output.pooler_output.flatten(1) if pooled else last]


def _patches(module: Any, inputs: Mapping[str, Tensor]) -> list[Tensor]:
    """Hidden states without the tokens that precede the patches, such as the class token."""
    output = module(**inputs, output_hidden_states=True)
    hidden = [*output.hidden_states[:-1], output.last_hidden_state]
    # Only patch transformers of one resolution have such tokens; bodies with ``depths`` are hierarchical.
    side = getattr(module.config, "patch_size", None)
    if "pixel_values" not in inputs or not isinstance(side, int) or hasattr(module.config, "depths"):
        return hidden
    height, width = inputs["pixel_values"].shape[2:]
    patches = (height // side) * (width // side)
    return [tensor[:, tensor.shape[1] - patches :] for tensor in hidden]
