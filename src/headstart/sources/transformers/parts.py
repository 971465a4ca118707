"""The parts of a transformers source: functions that build, copy and write its module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from headstart.engine.body.recipe import recipe_key
from headstart.sources.bodies.adapters import restore_structure
from headstart.sources.bodies.copies import frozen_copy, structure_of
from headstart.sources.bodies.seeded import state_digest

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BodyParts", "parameter_count"]


@dataclass(frozen=True, kw_only=True)
class BodyParts:
    """How the module of a transformers source is built, copied and written; nothing is loaded yet.

    Attributes:
        key: digest of everything that determines the module's output, including weights and configuration.
        build: makes the module in evaluation mode: with its weights for None, with random weights for a seed.
        copy: writes a checkpoint folder of the body with its weights, or with the random weights of a seed.
        write: writes a checkpoint folder of the body with the weights of a module of the same architecture.
        structure: the adapters inserted into the body, from `headstart.sources.bodies.copies.structure_of`.
        lasting: whether a later process can open it again.
        reference: the reference that opens the source on every install that has it; None if a saved model needs a copy
            of the body.
        known: the facts about the body if they are known without loading it: ``architecture``, ``parameters`` (their
            number), ``blocks`` (name and width of every layer), and those that the kind of source needs besides.

    Examples:
        >>> from torch import nn
        >>> parts = BodyParts(key="line", build=lambda seed: nn.Linear(2, 1), copy=None, write=None)
        >>> other = parts.with_module(nn.Linear(2, 1))
        >>> other.lasting, other.key == parts.key
        (False, False)
    """

    key: str
    build: Callable[[int | None], nn.Module]
    copy: Callable[[Path, int | None], None]
    write: Callable[[Path, nn.Module], None]
    structure: Mapping[str, Any] = field(default_factory=dict)
    lasting: bool = True
    reference: Mapping[str, str] | None = None
    known: Mapping[str, Any] | None = None

    def with_module(self, module: nn.Module) -> Self:
        """The same parts with the weights and the structure of ``module``, which must not be changed afterwards."""
        structure, make, write = structure_of(module), self.build, self.write
        known = None if self.known is None else {**self.known, "parameters": self.count(module)}

        def build(seed: int | None) -> nn.Module:
            if seed is None:
                return frozen_copy(module)
            fresh = make(seed)
            if not structure_of(fresh):
                restore_structure(fresh, structure)
            return fresh

        return replace(
            self,
            key=recipe_key(self.key, state_digest(module), dict(structure)),
            build=build,
            copy=lambda place, seed: write(place, build(seed)),
            structure=structure,
            lasting=False,
            reference=None,
            known=known,
        )

    def count(self, module: nn.Module) -> int:
        """The number of parameters of a body that `build` returned."""
        return parameter_count(module)


def parameter_count(module: nn.Module) -> int:
    """The number of parameters of a module.

    Examples:
        >>> from torch import nn
        >>> parameter_count(nn.Linear(2, 3))
        9
    """
    return sum(parameter.numel() for parameter in module.parameters())
