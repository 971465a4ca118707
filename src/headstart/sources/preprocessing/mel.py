"""Log-mel spectrograms, and pictures of them for image bodies."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from headstart.types import FeatureMatrix

__all__ = ["log_mel", "mel_centres", "mel_filters", "mel_power", "picture", "resample"]

FLOOR = 1e-10  # of the mel power, before the logarithm: -100 dB


def resample(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Resample to another rate, band-limited (soxr at its default quality HQ).

    Args:
        samples: (n,) mono.
        rate: their sample rate, in Hz.
        wanted: the new sample rate, in Hz.

    Returns:
        About n * wanted / rate samples, float32.

    Examples:
        >>> resample(np.zeros(8000, np.float32), 8000, 16000).shape
        (16000,)
    """
    if rate == wanted:
        return samples
    import soxr

    out: NDArray[np.float32] = soxr.resample(samples, rate, wanted)
    return out


def log_mel(
    samples: NDArray[np.float32],
    rate: int,
    *,
    sample_rate: int,
    n_fft: int,
    hop: int,
    n_mels: int,
    fmin: float,
    fmax: float,
) -> FeatureMatrix:
    """The log-mel spectrogram of a sound: power in decibels by mel band and frame.

    10 log10(max(M |STFT|², 1e-10)) with a periodic Hann window, frames centred on multiples of the hop (the sound is
    mirrored at its ends) and triangular mel filters M, each of unit area (Slaney 1998, "Auditory Toolbox").

    Args:
        samples: (n,) mono samples, at least one.
        rate: their sample rate, in Hz.
        sample_rate: rate to analyse at, in Hz; the sound is resampled to it once.
        n_fft: samples per window.
        hop: samples between the starts of two windows.
        n_mels: number of bands.
        fmin: lower end of the lowest band, in Hz.
        fmax: upper end of the highest band, in Hz; at most ``sample_rate / 2``.

    Returns:
        (n_mels, frames) float32, frames = 1 + floor(n * sample_rate / rate / hop).

    Examples:
        >>> tone = np.sin(np.arange(8000) * 2 * np.pi * 1000 / 8000).astype(np.float32)
        >>> bands = log_mel(tone, 8000, sample_rate=8000, n_fft=512, hop=160, n_mels=20, fmin=0, fmax=4000)
        >>> bands.shape, int(bands.mean(axis=1).argmax())
        ((20, 51), 8)
    """
    wave = resample(samples, rate, sample_rate)
    half = n_fft // 2
    # numpy mirrors repeatedly, which a sound shorter than half a window needs; a single sample can only be repeated.
    padded = np.pad(wave, half, mode="reflect" if len(wave) > 1 else "edge")
    mel = mel_power(padded, sample_rate=sample_rate, n_fft=n_fft, hop=hop, n_mels=n_mels, fmin=fmin, fmax=fmax)
    return (10 * np.log10(np.maximum(mel, FLOOR))).T.astype(np.float32)


def mel_power(
    padded: NDArray[np.float32], *, sample_rate: int, n_fft: int, hop: int, n_mels: int, fmin: float, fmax: float
) -> NDArray[np.float64]:
    """The power M |STFT|² of a sound by frame and mel band, with a periodic Hann window.

    Args:
        padded: (n,) mono samples, at least ``n_fft``; the first frame begins at the first sample.
        sample_rate: of the sound, in Hz.
        n_fft: samples per window.
        hop: samples between the starts of two windows.
        n_mels: number of bands.
        fmin: lower end of the lowest band, in Hz.
        fmax: upper end of the highest band, in Hz.

    Returns:
        (frames, n_mels), frames = 1 + floor((n - n_fft) / hop).

    Examples:
        >>> silence = np.zeros(8000, np.float32)
        >>> mel_power(silence, sample_rate=8000, n_fft=512, hop=160, n_mels=20, fmin=0, fmax=4000).shape
        (47, 20)
    """
    from scipy.fft import rfft

    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    # Periodic Hann window: divided by n_fft, not by n_fft - 1 as np.hanning does.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    spectrum = rfft(frames * window, axis=1)
    power: NDArray[np.float64] = spectrum.real**2 + spectrum.imag**2
    return power @ mel_filters(n_fft // 2 + 1, n_mels, fmin, fmax, sample_rate)


@cache
def mel_filters(bins: int, n_mels: int, fmin: float, fmax: float, sample_rate: int) -> NDArray[np.float64]:
    """Triangular filters of unit area, evenly spaced on Slaney's mel scale: linear below 1000 Hz, then logarithmic.

    Args:
        bins: number of frequencies of the spectrum, evenly spaced from 0 to ``sample_rate / 2``.
        n_mels: number of filters.
        fmin: lower end of the lowest filter, in Hz.
        fmax: upper end of the highest filter, in Hz.
        sample_rate: of the sound, in Hz.

    Returns:
        (bins, n_mels).

    Examples:
        >>> mel_filters(257, 20, 0.0, 4000.0, 8000).shape
        (257, 20)
    """
    # Filter k rises from edge k to edge k + 1 and falls to edge k + 2; 2 / (base width) gives it unit area.
    edges = _hertz(np.linspace(_mel(fmin), _mel(fmax), n_mels + 2))
    frequencies = np.linspace(0, sample_rate / 2, bins)[:, None]
    rising = (frequencies - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequencies) / np.diff(edges)[1:]
    filters: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))
    return filters


def mel_centres(n_mels: int, fmin: float, fmax: float) -> NDArray[np.float64]:
    """The frequency in Hz at which each of the filters of `mel_filters` is largest, (n_mels,).

    Args:
        n_mels: number of filters.
        fmin: lower end of the lowest filter, in Hz.
        fmax: upper end of the highest filter, in Hz.

    Examples:
        >>> mel_centres(3, 0.0, 800.0)
        array([200., 400., 600.])
    """
    return _hertz(np.linspace(_mel(fmin), _mel(fmax), n_mels + 2))[1:-1]


# Slaney's scale: 200/3 Hz per mel up to 1000 Hz (15 mel), then 27 mels for each factor of 6.4.
def _mel(hertz: float) -> float:
    return float(15 + 27 * np.log(hertz / 1000) / np.log(6.4)) if hertz >= 1000 else 3 * hertz / 200


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel >= 15, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27), 200 * mel / 3)


def picture(bands: FeatureMatrix, side: int, *, range_db: float = 45.0) -> FeatureMatrix:
    """A spectrogram as a square greyscale picture: high frequencies at the top, the loudest point white.

    Args:
        bands: (n_mels, frames) in decibels, from `log_mel`.
        side: height and width in pixels; bands and frames are stretched to it (bicubic).
        range_db: values this many decibels or more below the loudest point are black.

    Returns:
        (side, side) float32 in [0, 1].

    Examples:
        >>> picture(np.array([[-90.0, -30.0], [-90.0, -90.0]], np.float32), 2)
        array([[0., 0.],
               [0., 1.]], dtype=float32)
    """
    from PIL import Image

    grey = np.maximum((bands - bands.max()) / range_db + 1, 0)[::-1]
    unscaled = Image.fromarray(np.ascontiguousarray(grey, dtype=np.float32))
    stretched = np.asarray(unscaled.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
    return stretched.clip(0, 1)  # bicubic interpolation overshoots at edges
