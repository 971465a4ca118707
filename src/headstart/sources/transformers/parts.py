"""Sources of transformers whose weights are those of a module: what changes in the parts that they are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headstart.engine.body.recipe import recipe_key
from headstart.sources.bodies.adapters import restore_structure
from headstart.sources.bodies.copies import resting_copy, structure_of
from headstart.sources.bodies.seeded import state_digest

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BodyParts", "moved_parts", "parameter_count"]


class BodyParts(Protocol):
    """What a source of transformers is made of.

    Examples:
        >>> "write" in BodyParts.__annotations__ or hasattr(BodyParts, "write")
        True
    """

    @property
    def key(self) -> str:
        """Digest of everything that decides the features."""
        ...

    @property
    def build(self) -> Callable[[int | None], nn.Module]:
        """Makes the module: with its weights for None, with fresh ones for a seed."""
        ...

    @property
    def write(self) -> Callable[[Path, nn.Module], None]:
        """Writes a checkpoint folder of the body with the weights of a module of the same make."""
        ...


def parameter_count(module: nn.Module) -> int:
    """How many weights a module has.

    Examples:
        >>> from torch import nn
        >>> parameter_count(nn.Linear(2, 3))
        9
    """
    return sum(parameter.numel() for parameter in module.parameters())


def moved_parts(parts: BodyParts, module: nn.Module) -> dict[str, Any]:
    """The fields of ``parts`` that change where its weights, and its structure, are those of ``module``.

    Args:
        parts: of a text, image or audio source.
        module: the body; it is not changed any more.

    Returns:
        ``key``, ``build``, ``copy``, ``structure`` and ``lasting``.

    Examples:
        >>> from types import SimpleNamespace
        >>> from torch import nn
        >>> sorted(moved_parts(SimpleNamespace(key="", build=None, write=None), nn.Linear(1, 1)))
        ['build', 'copy', 'key', 'lasting', 'structure']
    """
    structure, make, write = structure_of(module), parts.build, parts.write

    def build(seed: int | None) -> nn.Module:
        if seed is None:
            return resting_copy(module)
        fresh = make(seed)
        if not structure_of(fresh):
            restore_structure(fresh, structure)
        return fresh

    return {
        "key": recipe_key(parts.key, state_digest(module), dict(structure)),
        "build": build,
        "copy": lambda place, seed: write(place, build(seed)),
        "structure": structure,
        "lasting": False,
    }
