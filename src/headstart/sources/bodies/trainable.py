"""A body that can be fine-tuned: its module, and a forward function that computes features with gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from headstart.engine.body.recipe import Forward
from headstart.errors import SourceError
from headstart.types import Source

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["HasBodyKey", "Trainable", "TrainableSource", "body_key", "trainable"]

PreparedKind = Literal["picture", "pictures", "tokens", "array"]


@dataclass(frozen=True, eq=False)
class Trainable:
    """A body as the training loop uses it.

    Attributes:
        module: a separate copy of the body with the source's weights: float32, on the CPU, in evaluation mode, every
            parameter with ``requires_grad``.
        forward: a function of (module, batch) that returns one (n, width) float32 tensor for each block of
            ``info.blocks``, with gradients.
        collate: makes a batch of CPU tensors of n prepared items.
        groups: names of the module's parameters in groups, stem first, last block last; parameters that no feature
            depends on, such as a classifier's, are in no group.
        kind: what a prepared item is: ``"picture"`` (height, width, 3) uint8, ``"pictures"`` (a list of them),
            ``"tokens"`` (int64 token ids of a text) or ``"array"`` (anything else).
        source_head: a function of (module, batch) that returns the logits (n, source classes) of the body's own source
            task; None if the body has no head for it.

    Examples:
        >>> import torch
        >>> body = torch.nn.Linear(2, 3)
        >>> tuned = Trainable(body, lambda m, x: [m(x)], lambda items: torch.tensor(items), (("weight", "bias"),))
        >>> tuned.forward(tuned.module, tuned.collate([[1.0, 2.0]]))[0].shape
        torch.Size([1, 3])
    """

    module: nn.Module
    forward: Forward
    collate: Callable[[Sequence[Any]], Any]
    groups: tuple[tuple[str, ...], ...]
    kind: PreparedKind = "array"
    source_head: Callable[[nn.Module, Any], Tensor] | None = None


@runtime_checkable
class TrainableSource(Source, Protocol):
    """A source whose body can be fine-tuned."""

    def trainable(self) -> Trainable:
        """The body for training; each call returns a separate copy of the module."""
        ...

    def with_module(self, module: nn.Module, name: str) -> Source:
        """The same source with the weights of ``module``, under another name.

        Args:
            module: from `trainable`, with other weights, and perhaps with adapters, which `save` writes too; it must
                not be changed afterwards.
            name: the new source's full name.
        """
        ...


@runtime_checkable
class HasBodyKey(Protocol):
    """A source with a key that identifies its body and its preprocessing.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> isinstance(open_source("headstart:image"), HasBodyKey)
        True
    """

    @property
    def body_key(self) -> str:
        """The key; it differs for other weights, layers or preprocessing."""
        ...


def trainable(source: Source) -> Trainable:
    """The body of a source for training.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> trainable(open_source("vector"))
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'vector' has no body that can be fine-tuned; ...
    """
    if not isinstance(source, TrainableSource):
        raise SourceError(
            f"The source '{source.info.name}' has no body that can be fine-tuned; use the strategy 'frozen', or one "
            "source of timm or transformers, a local checkpoint, or one that comes with the install."
        )
    return source.trainable()


def body_key(source: Source) -> str:
    """The key of a source's body and preprocessing, so that training never resumes from another body's checkpoint.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> body_key(open_source("vector"))
        'vector'
    """
    return source.body_key if isinstance(source, HasBodyKey) else source.info.name
