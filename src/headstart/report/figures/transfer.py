"""The transfer gain over each baseline, and the transfer profile over blocks, on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headstart.report.content.curves import best_block
from headstart.report.content.tables import bars
from headstart.report.content.words import defined, metric_words, number
from headstart.report.figures.canvas import MODEL, OTHER, WRONG, ink, new_axes, shown_names, text_options

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FLOOR", "draw_profile", "draw_transfer_gain"]

FLOOR = -1.0  # R² has no lower bound; bars are cut off here, as in the report


def draw_transfer_gain(record: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    r"""The main metric of the model and of each baseline with 95% intervals, and the paired gain over each of them.

    Args:
        record: the facts of a fit.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> axes = draw_transfer_gain(EXAMPLE)
        >>> [label.get_text() for label in axes.get_yticklabels()]
        ['this model', 'majority\n+0.333 (+0.083 to +0.583)']
    """
    rows = [(name, metric) for name, metric in bars(record) if defined(metric["value"])]
    ax = new_axes(6.8, 1.6 + 0.62 * len(rows)) if ax is None else ax
    gains = {name: baseline.get("gain") for name, baseline in record["baselines"].items()}
    names = [
        f"{name}\n{_gain(gains.get(label))}".strip()
        for (label, _), name in zip(rows, shown_names([name for name, _ in rows]), strict=True)
    ]
    for place, (name, metric) in enumerate(rows):
        value = max(metric["value"], FLOOR)
        ax.barh(place, value, height=0.55, color=OTHER if name in gains else MODEL)
        ends = metric.get("low"), metric.get("high")
        if defined(ends[0]) and defined(ends[1]):
            low, high = (max(float(end), FLOOR) for end in ends if end is not None)
            ax.plot([low, high], [place, place], color=ink(), linewidth=1.2, marker="|", markersize=8)
        ax.annotate(
            number(metric["value"]), (1.0, place), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center",
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), names, **text_options(names))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    key = next(iter(record["evaluation"]["metrics"]))
    ax.set_xlabel(f"{metric_words(key).name}, with 95% intervals")
    ax.set_title("The model and its baselines, with the gain over each")
    return ax


def _gain(gain: Mapping[str, Any] | None) -> str:
    if not gain or not all(defined(gain[key]) for key in ("value", "low", "high")):
        return ""
    return f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"


def draw_profile(profile: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """The leave-one-out figure of each block of the body alone, first to last; the best one is marked.

    Args:
        profile: ``record["profile"]``: a ``metric`` and its value for each of the ``blocks``.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> blocks = [{"block": "stem", "merit": 0.7, "loss": 0.6}, {"block": "last", "merit": 0.9, "loss": 0.3}]
        >>> draw_profile({"metric": "accuracy", "blocks": blocks}).get_title()
        'Transfer profile: block 2 (last) serves best'
    """
    ax = new_axes() if ax is None else ax
    blocks, best = profile["blocks"], best_block(profile)
    places, values = range(1, len(blocks) + 1), [one["merit"] for one in blocks]
    ax.plot(places, values, color=MODEL, linewidth=2, marker="o")
    ax.plot([best + 1], [values[best]], color=WRONG, marker="o", markersize=10, linestyle="none")
    step = -(-len(blocks) // 12)
    ax.set_xticks(list(places)[::step])
    ax.set(xlabel="block, first to last", ylabel=f"{profile['metric']}, leave-one-out")
    title = f"Transfer profile: block {best + 1} ({shown_names([blocks[best]['block']])[0]}) serves best"
    ax.set_title(title, **text_options([title]))
    return ax
