"""Attributions to pixels, and to times and frequencies, as pictures inside the page, with a legend.

Blue speaks for the label, orange against it: colours that readers with any kind of colour blindness tell apart.
"""

from __future__ import annotations

import base64
import io
import math
from html import escape

import numpy as np
from numpy.typing import NDArray

from headstart.attributions.kinds import PixelMap, TimeFrequencyMap
from headstart.reporting.text import one_line

__all__ = ["MAP_STYLE", "map_html", "overlay", "png_uri"]

FOR, AGAINST = (20, 110, 230), (235, 95, 0)
MOST_OPACITY = 0.8
LARGEST = 1e30  # of the absolute values
STRONGEST = 99.5  # percentile of the absolute values that is drawn with the most opacity
COLOUR_LEFT = 0.35  # of the picture's own colours under a map
DIMMED = 0.45  # of the brightness of what the body did not see
LEAST_SIDE = 320  # pixels of the longer side of a picture with a map
QUALITY = 82  # of a JPEG
PLOT = (640, 240)  # width and height of a spectrogram in the page's units
MARGIN = (56, 28)  # left of it and below it, for its axes
TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 4000, 8000, 16000)
TICK_ROOM = 18  # between the centres of two labels

MAP_STYLE = """
.attribution figure.map { margin: 0.4rem 0; max-width: 46rem; }
.attribution .pair { display: flex; flex-wrap: wrap; gap: 0.6rem; }
.attribution .pair img { width: 20rem; max-width: 100%; height: auto; border-radius: 0.3rem; }
.attribution svg.map { width: 100%; height: auto; font: 11px sans-serif; fill: currentColor; }
.attribution .legend { display: flex; flex-wrap: wrap; align-items: center; gap: 0.2rem 0.5rem;
  font-size: 0.85rem; margin-top: 0.3rem; }
.attribution .legend span { overflow-wrap: normal; }
.attribution .legend img { width: 10rem; height: 0.7rem; border-radius: 0.2rem; }
"""
"""CSS for the maps; it works on light and dark backgrounds."""


def map_html(shown: PixelMap | TimeFrequencyMap, unit: str) -> str:
    """The map over the picture, beside the picture, or over the spectrogram with its axes; with a legend.

    Args:
        shown: the map.
        unit: of its values.

    Examples:
        >>> map_html(PixelMap(np.eye(2), np.zeros((2, 2, 3), np.uint8), (2, 2)), "score")[:40]
        '<figure class="map"><div class="pair"><i'
    """
    strongest = "; ".join(f"{name} {value:+.3g}" for name, value in shown.largest(2))
    alt = escape(one_line(f"Strongest: {strongest} {unit}"))
    if isinstance(shown, PixelMap):
        base = _enlarged(shown.picture)
        drawn = overlay(shown.values, base, shown.box)
        body = (
            f'<div class="pair"><img class="map" alt="{alt}" src="{_jpeg_uri(drawn)}">'
            f'<img alt="The picture" src="{_jpeg_uri(base)}"></div>'
        )
    else:
        body = _spectrogram(shown, alt)
    dimmed = isinstance(shown, PixelMap) and (max(shown.box[:2]) > 0 or min(shown.box[2:]) < 1)
    return f'<figure class="map">{body}{_legend(signed=shown.signed, dimmed=dimmed)}</figure>'


def overlay(
    values: NDArray[np.float64],
    picture: NDArray[np.uint8],
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> NDArray[np.uint8]:
    """A picture with a map over it: blue where values are above 0, orange below; as opaque as the value is large.

    Args:
        values: (rows, columns), evenly spaced over the box.
        picture: (h, w, 3); its colours are weakened, so that those of the map stand out.
        box: as in `PixelMap`; what lies outside is dimmed.

    Returns:
        (h, w, 3) uint8.

    Examples:
        >>> overlay(np.array([[1.0, 0.0]]), np.zeros((1, 2, 3), np.uint8)).tolist()
        [[[16, 88, 184], [0, 0, 0]]]
    """
    height, width = picture.shape[:2]
    base = picture.astype(np.float64)
    base = COLOUR_LEFT * base + (1 - COLOUR_LEFT) * base.mean(axis=2, keepdims=True)
    left, top, right, bottom = (round(edge * side) for edge, side in zip(box, (width, height) * 2, strict=True))
    scaled = _stretched(values, max(bottom - top, 1), max(right - left, 1))
    # what lies on a margin around the picture is cut off
    y, x = max(top, 0), max(left, 0)
    part = scaled[y - top :, x - left :][: height - y, : width - x]
    placed, seen = np.zeros((height, width)), np.zeros((height, width), bool)
    rows, columns = slice(y, y + part.shape[0]), slice(x, x + part.shape[1])
    placed[rows, columns], seen[rows, columns] = part, True
    base[~seen] *= DIMMED
    opacity = MOST_OPACITY * np.abs(placed)[:, :, None]
    colour = np.where(placed[:, :, None] >= 0, np.array(FOR, float), np.array(AGAINST, float))
    return np.asarray(np.rint((1 - opacity) * base + opacity * colour), dtype=np.uint8)


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


def _jpeg_uri(picture: NDArray[np.uint8]) -> str:
    """A photograph as the data URI of a JPEG, which is a tenth as large as a PNG."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small picture at least 320 pixels long, so that its map is smooth."""
    from PIL import Image

    height, width = picture.shape[:2]
    ratio = LEAST_SIDE / max(height, width)
    if ratio <= 1:
        return picture
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _stretched(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """A map at another size, between -1 and 1: divided by a high percentile of its absolute values."""
    from PIL import Image

    found = np.clip(np.nan_to_num(values), -LARGEST, LARGEST).astype(np.float32)
    if found.shape != (height, width):
        found = np.asarray(Image.fromarray(found).resize((width, height), Image.Resampling.BILINEAR))
    sizes = np.abs(found)
    most = float(np.percentile(sizes, STRONGEST)) or float(sizes.max(initial=0.0)) or 1.0
    return np.clip(found.astype(np.float64) / most, -1, 1)


def _spectrogram(shown: TimeFrequencyMap, alt: str) -> str:
    """The map over the spectrogram, with an axis in seconds and, if there are frequencies, one in hertz."""
    width, height = PLOT
    left, below = MARGIN
    # low frequencies at the bottom
    grey = _grey(shown.spectrogram[::-1]) if len(shown.hertz) else _level(shown.spectrogram)
    values = shown.values[::-1]
    columns = max(grey.shape[1], values.shape[1])
    picture = overlay(values, _wide(grey, max(grey.shape[0], 64), columns))
    lines = [
        f'<image x="{left}" y="4" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'href="{png_uri(picture)}"/>'
    ]
    for second in _nice_ticks(shown.seconds):
        x = left + width * second / shown.seconds
        lines.append(f'<path d="M{x:.1f} {height + 4}v4" stroke="currentColor"/>')
        lines.append(f'<text x="{x:.1f}" y="{height + 20}" text-anchor="middle">{second:g} s</text>')
    last = math.inf
    for hertz in TICKS_HZ:
        y = _height_of(hertz, shown.hertz, height)
        if y is None or last - y < TICK_ROOM:
            continue
        last = y
        name = f"{hertz / 1000:g} kHz" if hertz >= 1000 else f"{hertz} Hz"
        lines.append(f'<path d="M{left - 4} {y + 4:.1f}h4" stroke="currentColor"/>')
        lines.append(f'<text x="{left - 7}" y="{y + 8:.1f}" text-anchor="end">{name}</text>')
    box = f"0 0 {left + width + 16} {height + below}"
    return f'<svg class="map" viewBox="{box}" role="img" aria-label="{alt}">{"".join(lines)}</svg>'


def _height_of(hertz: float, rows: NDArray[np.float64], height: int) -> float | None:
    """The distance from the top at which a frequency lies; None outside."""
    if not len(rows) or not rows[0] <= hertz <= rows[-1]:
        return None
    place = float(np.interp(hertz, rows, np.arange(len(rows)))) + 0.5
    return height * (1 - place / len(rows))


def _nice_ticks(seconds: float) -> list[float]:
    """About six round times from 0 on."""
    if not seconds > 0:
        return [0.0]
    rough = seconds / 6
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [round(step * k, 10) for k in range(int(seconds / step + 1e-9) + 1)]


def _wide(picture: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    from PIL import Image

    if picture.shape[:2] == (rows, columns):
        return picture
    return np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.BILINEAR))


def _legend(*, signed: bool, dimmed: bool) -> str:
    steps = np.linspace(-1 if signed else 0, 1, 160)
    strip = overlay(steps[None], np.full((1, len(steps), 3), 235, np.uint8))
    low = "speaks against it" if signed else "no evidence"
    outside = "<span>dark: outside of what the model saw</span>" if dimmed else ""
    return (
        f'<div class="legend"><span>{low}</span><img alt="" src="{png_uri(strip)}"><span>speaks for it</span>{outside}'
        "</div>"
    )


def _grey(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    scaled = (values - low) / ((high - low) or 1.0) if np.isfinite(high - low) else np.zeros_like(values)
    return np.repeat(np.rint(255 * scaled).astype(np.uint8)[:, :, None], 3, axis=2)


def _level(values: NDArray[np.float64], rows: int = 64) -> NDArray[np.uint8]:
    """The level of a waveform over time (1, columns) as bars around the middle."""
    scaled = values[0] / (float(np.abs(values).max(initial=0.0)) or 1.0)
    away = np.abs(np.linspace(-1, 1, rows))[:, None]
    return np.repeat(np.where(away <= scaled[None], 200, 40).astype(np.uint8)[:, :, None], 3, axis=2)
