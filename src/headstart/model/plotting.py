"""`TransferModel.plot`: a property of the model whose work is done by a layer above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from headstart.registry import OPERATIONS

__all__ = ["plots_of"]


class _Recorded(Protocol):
    """A model with the facts of its fit."""

    @property
    def card(self) -> Mapping[str, Any]: ...


def plots_of(self: _Recorded) -> Any:
    """The diagrams of the fit for a notebook, such as ``model.plot.confusion()``; they need the extra ``plot``.

    They show what the run folder holds of its fit; of a later version, too. A model without a run has none.

    Returns:
        The plots (`headstart.report.plots.Plots`).

    Examples:
        >>> import headstart, tempfile
        >>> rows = [[0.0, 0.1], [0.1, 0.3], [0.2, 0.2], [2.0, 0.1], [2.1, 0.3], [2.2, 0.2]]
        >>> rows = [[a + k / 50, b] for k in range(4) for a, b in rows]
        >>> run = headstart.fit((rows, ["low", "low", "low", "high", "high", "high"] * 4), verbose=False)
        >>> headstart.load(run.save(tempfile.mkdtemp())).plot.available == run.plot.available
        True
    """
    return OPERATIONS["plot"](self.card)
