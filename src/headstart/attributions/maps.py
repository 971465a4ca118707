"""Attributions to pixels, and to times and frequencies, as pictures inside the page."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from numpy.typing import NDArray

from headstart.attributions.kinds import PixelMap, TimeFrequencyMap

__all__ = ["map_html", "overlay", "png_uri"]

FOR, AGAINST = (30, 120, 220), (220, 90, 20)  # as in the style sheet
MOST_OPACITY = 0.65


def map_html(shown: PixelMap | TimeFrequencyMap, unit: str) -> str:
    """The map over the picture, or over the spectrogram, as an ``<img>`` with a description.

    Args:
        shown: the map.
        unit: of its values.

    Examples:
        >>> map_html(PixelMap(np.eye(2), np.zeros((2, 2, 3), np.uint8), (2, 2)), "score")[:36]
        '<img class="map" alt="Strongest: row'
    """
    strongest = "; ".join(f"{name} {value:+.3g}" for name, value in shown.largest(2))
    alt = escape(f"Strongest: {strongest} {unit}")
    if isinstance(shown, PixelMap):
        picture = overlay(shown.values, shown.picture)
    else:
        # low frequencies at the bottom
        picture = overlay(shown.values[::-1], _grey(shown.spectrogram[::-1]))
    return f'<img class="map" alt="{alt}" src="{png_uri(picture)}">'


def overlay(values: NDArray[np.float64], picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture with a map over it: blue where values are above 0, orange below; as opaque as the value is large.

    Args:
        values: (h, w).
        picture: (h, w, 3).

    Returns:
        (h, w, 3) uint8.

    Examples:
        >>> overlay(np.array([[1.0, 0.0]]), np.zeros((1, 2, 3), np.uint8)).tolist()
        [[[20, 78, 143], [0, 0, 0]]]
    """
    scaled = values / (np.abs(values).max(initial=0.0) or 1.0)
    opacity = (MOST_OPACITY * np.abs(scaled))[:, :, None]
    colour = np.where(scaled[:, :, None] >= 0, np.array(FOR, float), np.array(AGAINST, float))
    return np.rint((1 - opacity) * picture + opacity * colour).astype(np.uint8)


def png_uri(picture: NDArray[np.uint8]) -> str:
    """A picture (h, w, 3) uint8 as the data URI of a PNG.

    Examples:
        >>> png_uri(np.zeros((1, 1, 3), np.uint8))[:22]
        'data:image/png;base64,'
    """
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def _grey(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    scaled = (values - low) / ((high - low) or 1.0)
    return np.repeat(np.rint(255 * scaled).astype(np.uint8)[:, :, None], 3, axis=2)
