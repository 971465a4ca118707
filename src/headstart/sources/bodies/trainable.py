"""A body that can be moved: its module, and how features come out of it with gradients."""

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
    """A body as training sees it.

    Attributes:
        module: a copy of the body of its own, with the source's weights: float32, on the CPU, in evaluation mode, every
            parameter requiring a gradient.
        forward: a function of (module, batch) that gives one (n, width) float32 tensor for each block of
            ``info.blocks``, with gradients.
        collate: makes a batch of CPU tensors of n prepared items.
        groups: names of the module's parameters, stem first, last block last; those that no feature depends on (a
            classifier) are in none.
        kind: what a prepared item is: ``"picture"`` (height, width, 3) uint8, ``"pictures"`` (a list of them),
            ``"tokens"`` (int64 numbers of a text's tokens) or ``"array"`` (anything else).
        source_head: gives the logits (n, source classes) of the body's own source task for a batch; None where the
            body has no head for it.

    Examples:
        >>> import torch
        >>> body = torch.nn.Linear(2, 3)
        >>> moved = Trainable(body, lambda m, x: [m(x)], lambda items: torch.tensor(items), (("weight", "bias"),))
        >>> moved.forward(moved.module, moved.collate([[1.0, 2.0]]))[0].shape
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
    """A source whose body can be moved."""

    def trainable(self) -> Trainable:
        """The body as training sees it; each call makes a module of its own."""
        ...

    def with_module(self, module: nn.Module, name: str) -> Source:
        """The same source with the weights of ``module``, under another name; the module is not changed any more.

        Args:
            module: from `trainable`, with other weights (its structure may hold what `save` knows how to write).
            name: the new source's full name.
        """
        ...


@runtime_checkable
class HasBodyKey(Protocol):
    """A source that tells its body, with how its items are prepared, from all others.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> isinstance(open_source("headstart:image"), HasBodyKey)
        True
    """

    @property
    def body_key(self) -> str:
        """Another one for other weights, layers or preprocessing."""
        ...


def trainable(source: Source) -> Trainable:
    """The body of a source as training sees it.

    Raises:
        SourceError: if the source has no body that can be moved.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> trainable(open_source("vector"))
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'vector' has no body that can be moved; use the strategy 'frozen', ...
    """
    if not isinstance(source, TrainableSource):
        raise SourceError(
            f"The source '{source.info.name}' has no body that can be moved; use the strategy 'frozen', or one source "
            "of timm, transformers, a local checkpoint, or what comes with the install."
        )
    return source.trainable()


def body_key(source: Source) -> str:
    """Tells a body, with how its items are prepared, from all others, so that no checkpoint of another one is taken up.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> body_key(open_source("vector"))
        'vector'
    """
    return source.body_key if isinstance(source, HasBodyKey) else source.info.name
