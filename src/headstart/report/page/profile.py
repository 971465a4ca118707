"""The transfer profile: the main figure of each block of the body alone, first to last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.curves import best_block
from headstart.report.content.words import number, shortened
from headstart.report.page.axes import Axes, nice_ticks, span, svg
from headstart.report.page.elements import table

__all__ = ["profile_plot", "profile_table"]

Profile = Mapping[str, Any]


def profile_plot(profile: Profile) -> str:
    """The leave-one-out figure of each block alone; the best one is marked.

    Args:
        profile: ``record["profile"]``: a ``metric`` and its value for each of the ``blocks``.

    Examples:
        >>> blocks = [{"block": "stem", "merit": 0.7, "loss": 0.6}, {"block": "last", "merit": 0.9, "loss": 0.3}]
        >>> profile_plot({"metric": "accuracy", "blocks": blocks}).count("<circle")
        2
    """
    blocks = profile["blocks"]
    values = [one["merit"] for one in blocks]
    low, high = span(values)
    axes = Axes((0.5, len(blocks) + 0.5), (low, high))
    step = -(-len(blocks) // 12)
    x_ticks = [(place, str(place)) for place in range(1, len(blocks) + 1, step)]
    best = best_block(profile)
    parts = [
        axes.frame(x_ticks, nice_ticks(low, high), "block, first to last", profile["metric"]),
        axes.path([(place, value) for place, value in enumerate(values, start=1)]),
        *(
            axes.dot(
                place, one["merit"], "mark" if place == best + 1 else "model", 5,
                f"{shortened(one['block'])}: {number(one['merit'])}",
            )
            for place, one in enumerate(blocks, start=1)
        ),
    ]  # fmt: skip
    words = f"best: block {best + 1} ({shortened(blocks[best]['block'])}) with {number(values[best])}"
    return svg(parts, "Transfer profile", words)


def profile_table(profile: Profile) -> str:
    """The same as a table.

    Args:
        profile: as for `profile_plot`.

    Examples:
        >>> blocks = [{"block": "stem", "merit": 0.7, "loss": 0.6}]
        >>> "stem" in profile_table({"metric": "accuracy", "blocks": blocks})
        True
    """
    rows = [
        (str(place), shortened(one["block"]), number(one["merit"]), number(one["loss"]))
        for place, one in enumerate(profile["blocks"], start=1)
    ]
    header = ("Block", "Name", f"{profile['metric']}, leave-one-out", "Loss, leave-one-out")
    return table("Each block of the body alone", header, rows, numeric=(2, 3))
