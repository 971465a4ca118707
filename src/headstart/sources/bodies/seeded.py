"""Helpers of several bodies: random weights by seed, digests of weights, example pictures, evenly spaced choices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.machine import package_version

if TYPE_CHECKING:
    from torch import nn

__all__ = ["example_pictures", "initialization_key", "seeded", "spread", "state_digest"]

T = TypeVar("T")


def seeded(seed: int, make: Callable[[], T]) -> T:
    """The result of ``make`` with torch's generator seeded; the generator's state is restored afterwards.

    Examples:
        >>> import torch
        >>> bool((seeded(1, lambda: torch.rand(3)) == seeded(1, lambda: torch.rand(3))).all())
        True
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def state_digest(module: nn.Module) -> str:
    """The sha256 digest of a module's parameters and buffers, by name, dtype, shape and value.

    Examples:
        >>> import torch
        >>> state_digest(torch.nn.ReLU())[:8]
        'e3b0c442'
    """
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # numpy has no bf16, and float64 holds every value of the smaller float types exactly
        digest.update(tensor.detach().cpu().double().numpy().tobytes())
    return digest.hexdigest()


def spread(names: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of the names, evenly spaced, including the first and the last.

    Examples:
        >>> spread("abcde", 3)
        ['a', 'c', 'e']
    """
    if len(names) <= most:
        return list(names)
    return [names[k] for k in np.linspace(0, len(names) - 1, most).round().astype(int)]


def example_pictures(count: int = 4, side: int = 256) -> list[NDArray[np.uint8]]:
    """Random pictures, (side, side, 3) uint8, with the 1 / frequency spectrum of natural images (Field 1987).

    Examples:
        >>> example_pictures(2)[1].shape
        (256, 256, 3)
    """
    rng = np.random.default_rng(0)
    # |f| of each entry of rfft2, in cycles per pixel; the zero frequency is clipped to the lowest one
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    fall = 1 / np.maximum(frequency, 1 / side)
    pictures = []
    for _ in range(count):
        # One grey field dominates and three weaker ones colour it, as the channels of photographs are correlated.
        grey, *colours = (np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) * fall) for _ in range(4))
        mixed = np.stack([grey + 0.3 * colour for colour in colours], axis=2)
        scaled = 128 + 55 * (mixed - mixed.mean()) / mixed.std()
        pictures.append(np.clip(scaled, 0, 255).astype(np.uint8))
    return pictures


def initialization_key(seed: int) -> str:
    """What determines random weights: the seed, and the releases of the libraries that draw them.

    Examples:
        >>> initialization_key(3).startswith("untrained, seed 3, torch ")
        True
    """
    names = ("torch", "timm", "transformers")
    return ", ".join([f"untrained, seed {seed}", *(f"{name} {package_version(name)}" for name in names)])
