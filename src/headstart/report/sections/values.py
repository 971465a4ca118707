"""A regression: predicted and true values, and residuals, of each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.words import shortened
from headstart.report.page.elements import PageSection, figure, grid, note, text
from headstart.report.page.scatter import residual_plot, scatter_plot

__all__ = ["values"]

Record = Mapping[str, Any]
MOST_TARGETS = 6  # that are drawn


def values(record: Record) -> PageSection:
    """Scatter plots of the predictions and of the residuals.

    Args:
        record: the facts of a fit or of an evaluation; without residuals there is no section.

    Examples:
        >>> one = {"target": "price", "truth": [1.0, 2.0], "predicted": [1.5, 2.5], "count": 2}
        >>> values({"diagrams": {"residuals": [one]}}).html.count("<svg")
        2
    """
    targets = record.get("diagrams", {}).get("residuals", [])
    parts = []
    for target in targets[:MOST_TARGETS]:
        name = shortened(target["target"])
        shown = (
            f", {len(target['truth']):,} of {target['count']:,} items" if len(target["truth"]) < target["count"] else ""
        )
        heading = f"<h3>{text(name)}</h3>\n" if len(targets) > 1 else ""
        predicted = figure(scatter_plot(target), f"Predicted against true {name}{shown}; dashed: no error.")
        residual = figure(
            residual_plot(target),
            f"Errors against predictions of {name}{shown}. A slope or a curve means that the model misses a pattern.",
        )
        parts.append(f"{heading}{grid([predicted, residual])}")
    hidden = len(targets) - MOST_TARGETS
    left = note(f"{hidden:,} further targets are not drawn.") if hidden > 0 else ""
    return PageSection("values", "Predicted and true values", "\n".join([*parts, left]).strip(), "errors")
