"""Axes to draw on, colours that stand out on light and dark backgrounds, and labels in any script.

matplotlib is the extra ``plot`` and is imported when something is drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from headstart.errors import MissingExtraError
from headstart.report.content.words import shortened
from headstart.reporting.terminal import in_notebook

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MODEL", "OTHER", "WRONG", "ink", "new_axes", "percentages", "shown_names", "text_options"]

# Blue and vermilion (Okabe & Ito 2008) stay apart for every kind of colour blindness; each of these three has a
# contrast of more than 3:1 with white and with black, so that no style of the user hides them.
MODEL, WRONG, OTHER = "#0072B2", "#D55E00", "#808080"

# Fonts of Windows, macOS and Linux with the scripts that matplotlib's own font lacks, the usual ones first.
FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei", "SimHei",
    "PingFang SC", "Hiragino Sans GB", "Heiti TC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Arial Unicode MS", "Noto Sans CJK JP", "Noto Sans JP", "Yu Gothic", "Hiragino Sans", "Malgun Gothic",
    "Apple SD Gothic Neo", "Noto Sans KR", "Noto Sans Devanagari", "Nirmala UI", "Noto Sans Thai", "Leelawadee UI",
    "Tahoma", "Noto Sans Arabic", "Noto Sans Hebrew", "FreeSans", "Unifont",
)  # fmt: skip
PLAIN: Mapping[str, Any] = {"parse_math": False, "usetex": False}  # a "$" in a label is a "$"


def new_axes(width: float = 6.4, height: float = 4.8) -> Axes:
    """Axes of a new figure: in a notebook pyplot shows it below the cell, elsewhere only the caller knows it.

    Args:
        width: of the figure, in inches.
        height: of the figure, in inches.

    Raises:
        MissingExtraError: if matplotlib is not installed.

    Examples:
        >>> new_axes(4, 3).figure.get_size_inches().tolist()
        [4.0, 3.0]
    """
    require_matplotlib()
    if in_notebook():
        import matplotlib.pyplot as plt

        return plt.figure(figsize=(width, height), layout="constrained").add_subplot()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def require_matplotlib() -> None:
    """Raise `MissingExtraError` unless matplotlib is installed.

    Examples:
        >>> require_matplotlib()
    """
    try:
        import_module("matplotlib")
    except ImportError:
        raise MissingExtraError("Drawing a plot", "plot") from None


def ink() -> str:
    """The colour of text and error bars in the user's style.

    Examples:
        >>> ink()
        'black'
    """
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def shown_names(names: Sequence[object], limit: int = 28) -> list[str]:
    """Names of labels as text that a font can show: a name in a script that no installed font has becomes its number.

    Args:
        names: labels in the order of the record.
        limit: the largest number of characters.

    Examples:
        >>> shown_names(["ant", "b" * 50], 5)
        ['ant', 'bbbb…']
    """
    shown = [shortened(name, limit) for name in names]
    lacking = [place for place, name in enumerate(shown) if _missing(frozenset(name))]
    if lacking:
        some = ", ".join(f"'{shown[place]}'" for place in lacking[:3])
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        warnings.warn(
            f"No installed font has the characters of {some}{more}; such names are drawn as #1, #2, ..., their places "
            "in the labels. Install a font of their script, such as Noto Sans CJK.",
            stacklevel=2,
        )
    return [f"#{place + 1}" if place in lacking else name for place, name in enumerate(shown)]


def text_options(texts: Iterable[str]) -> dict[str, Any]:
    """Keyword arguments with which matplotlib draws texts as they are, in fonts that have their characters.

    Args:
        texts: what is drawn.

    Examples:
        >>> text_options(["ant"])
        {'parse_math': False, 'usetex': False}
    """
    fonts = _fonts(frozenset("".join(texts)))
    if not fonts:
        return dict(PLAIN)
    from matplotlib import rcParams

    return {**PLAIN, "fontfamily": [*rcParams["font.family"], *fonts]}


def _missing(characters: frozenset[str]) -> frozenset[str]:
    """Characters that neither the user's font nor any of `FONTS` has."""
    left = characters - _own_characters()
    for font in _fonts(characters):
        left -= _characters_of(font)
    return left


def _fonts(characters: frozenset[str]) -> list[str]:
    """The fonts that are needed beside the user's, fewest first."""
    left, found = characters - _own_characters(), []
    for font in FONTS if left else ():
        covered = _characters_of(font) & left
        if covered:
            found.append(font)
            left -= covered
        if not left:
            break
    return found


def _own_characters() -> frozenset[str]:
    """The characters of the font of the user's style, and what is not drawn."""
    from matplotlib import font_manager, rcParams

    path = font_manager.findfont(font_manager.FontProperties(family=rcParams["font.family"]))
    return _characters(path) | {" "}


def _characters_of(family: str) -> frozenset[str]:
    """The characters of an installed font; none if it is not installed."""
    from matplotlib import font_manager

    paths = sorted(one.fname for one in font_manager.fontManager.ttflist if one.name == family)
    return _characters(paths[0]) if paths else frozenset()


@cache
def _characters(path: str) -> frozenset[str]:
    from matplotlib import font_manager

    return frozenset(map(chr, font_manager.get_font(path).get_charmap()))


def percentages(axis: Any) -> None:
    """Write the ticks of an axis of shares as percentages.

    Args:
        axis: of matplotlib axes.

    Examples:
        >>> axes = new_axes()
        >>> percentages(axes.yaxis)
        >>> axes.yaxis.get_major_formatter()(0.5)
        '50%'
    """
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))
