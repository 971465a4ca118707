"""The blocks that a source gives, chosen from those of its body: what `BlockSelecting` sources share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from headstart.engine.body.recipe import Forward, recipe_key
from headstart.engine.body.selection import Selection
from headstart.engine.capabilities import WiderRows
from headstart.errors import SourceError, UnknownNameError
from headstart.types import Block

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BlockChoice", "chosen_blocks"]

S = TypeVar("S")


def chosen_blocks(blocks: Sequence[Block], names: Sequence[str]) -> tuple[int, ...]:
    """Ascending positions of the named blocks.

    Args:
        blocks: all blocks, first to last.
        names: names of some of them, in any order.

    Raises:
        UnknownNameError: for a name that none of them has.
        SourceError: for no names.

    Examples:
        >>> chosen_blocks([Block("stem", 1), Block("middle", 2), Block("last", 3)], ["last", "stem"])
        (0, 2)
    """
    known = [block.name for block in blocks]
    for name in names:
        if name not in known:
            raise UnknownNameError("block", name, known)
    if not names:
        raise SourceError(f"A source must keep at least one of its blocks: {', '.join(known)}; name one.")
    return tuple(k for k, name in enumerate(known) if name in names)


@dataclass
class BlockChoice(Generic[S]):
    """Some of the blocks of a source.

    Attributes:
        full: the source with all its blocks.
        names: the chosen blocks, first to last.
        selection: the same for its body.
        full_key: the key of the rows with all blocks; empty before a backend is chosen.

    Examples:
        >>> choice = BlockChoice.of("a source", [Block("stem", 1), Block("last", 3)], ["last"], lambda names: None)
        >>> choice.names, choice.rows() is None
        (('last',), True)
        >>> key = choice.key("full key")
        >>> choice.rows()
        WiderRows(key='full key', ranges=((1, 4),))
    """

    full: S
    names: tuple[str, ...]
    selection: Selection
    full_key: str = ""

    @classmethod
    def of(
        cls,
        full: S,
        blocks: Sequence[Block],
        names: Sequence[str],
        build: Callable[[tuple[str, ...]], tuple[nn.Module, Forward]],
    ) -> BlockChoice[S]:
        """The choice of the named blocks; ``build`` makes the module and the forward function of the blocks named."""
        positions = chosen_blocks(blocks, names)
        kept = tuple(blocks[k].name for k in positions)
        widths = tuple(block.width for block in blocks)
        return cls(full, kept, Selection(positions, widths, _Build(build, kept)))

    def key(self, full_key: str) -> str:
        """The key of the rows of the chosen blocks, from that of the rows with all blocks."""
        self.full_key = full_key
        return self.key_of(full_key)

    def key_of(self, full_key: str) -> str:
        """A key for the chosen blocks, from the one for all blocks."""
        return recipe_key("blocks", self.names, full_key)

    def rows(self) -> WiderRows | None:
        """Where the rows with all blocks are stored; None before a backend is chosen."""
        return WiderRows(self.full_key, self.selection.ranges) if self.full_key else None


@dataclass(frozen=True)
class _Build:
    """A build function with its argument: unlike a lambda it can be pickled."""

    build: Callable[[tuple[str, ...]], tuple[nn.Module, Forward]]
    names: tuple[str, ...]

    def __call__(self) -> tuple[nn.Module, Forward]:
        return self.build(self.names)
