"""The plan of a cell: for each node the operation that it applies, and the earlier node that it reads.

``"0:relu 1:attention"`` is a cell of two nodes. Node 0 is the input, so the first node reads the input and applies a
linear layer with ReLU, and the second reads the first. What no other node reads is averaged to the cell's output.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import ParameterError

__all__ = ["MATRICES", "MOST_NODES", "OPERATIONS", "CellPlan"]

MOST_NODES = 3
MATRICES = {"skip": 0, "linear": 1, "relu": 1, "gate": 2, "attention": 3}
"""The operations, with the number of (width, width) matrices of each."""
OPERATIONS = tuple(MATRICES)


@dataclass(frozen=True)
class CellPlan:
    """Nodes of a cell, in order.

    Attributes:
        nodes: for each node the position of the earlier one that it reads (0 is the input), and its operation.

    Examples:
        >>> plan = CellPlan.parse("0:relu 0:skip 1:gate")
        >>> plan.nodes[2], plan.outputs, str(plan)
        ((1, 'gate'), (2, 3), '0:relu 0:skip 1:gate')
    """

    nodes: tuple[tuple[int, str], ...]

    @classmethod
    def parse(cls, text: str) -> CellPlan:
        """The plan that a text states.

        Args:
            text: as ``"0:relu 1:attention"``, of one to three nodes.

        Raises:
            ParameterError: names the node, and what is allowed.
        """
        words = text.split() if isinstance(text, str) else []
        if not 1 <= len(words) <= MOST_NODES:
            raise ParameterError(f"A cell has 1 to {MOST_NODES} nodes, such as '0:relu 1:attention'. Got '{text}'.")
        nodes = []
        for number, word in enumerate(words, 1):
            read, _, operation = word.partition(":")
            if operation not in MATRICES or not (read.isascii() and read.isdecimal()) or int(read) >= number:
                raise ParameterError(
                    f"Node {number} of a cell is READ:OPERATION, where READ is a node from 0 to {number - 1} and "
                    f"OPERATION one of {', '.join(OPERATIONS)}. Got '{word}'."
                )
            nodes.append((int(read), operation))
        return cls(tuple(nodes))

    @property
    def outputs(self) -> tuple[int, ...]:
        """Positions of the nodes that no other node reads; their mean is the cell's output."""
        read = {source for source, _ in self.nodes}
        return tuple(k for k in range(1, len(self.nodes) + 1) if k not in read)

    @property
    def matrices(self) -> int:
        """Number of (width, width) matrices of all nodes."""
        return sum(MATRICES[operation] for _, operation in self.nodes)

    def __str__(self) -> str:
        """The text that `parse` reads."""
        return " ".join(f"{read}:{operation}" for read, operation in self.nodes)
