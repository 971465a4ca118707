"""Power law: err(n) = a + b n⁻ᶜ through the errors at several sizes, averaged over the plausible exponents.

For a given c the law is linear. It is written by its values at the two ends of the range, u at the smallest size m₀ and
v at the present size n,

    err(m) = v + (u - v) g(m),   g(m) = ((m/n)⁻ᶜ - 1) / ((m₀/n)⁻ᶜ - 1),

so that generalised least squares is well conditioned for every c; as c → 0, g is linear in log m. A flat prior on
(u, v) where the floor a = v - (u - v) / ((m₀/n)⁻ᶜ - 1) is not negative, and one on log c, give each exponent a weight
and each forecast a distribution. One exponent alone would make the interval too narrow (Viering & Loog 2022).

References: Cortes et al., "Learning Curves: Asymptotic Values and Rate of Convergence", NIPS 1993; Mukherjee et al.,
Journal of Computational Biology 2003; Figueroa et al., "Predicting sample size required for classification
performance", BMC Medical Informatics 2012 (weighted least squares); Hestness et al., 2017; Viering & Loog, "The Shape
of Learning Curves: A Review", TPAMI 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError

__all__ = ["EXPONENTS", "FittedLaws", "PowerLaw", "fit_power_law"]

Array = NDArray[np.float64]

# From an almost logarithmic curve to the fastest rate that averages over labels have.
EXPONENTS: Array = np.geomspace(0.05, 2.0, 23)
SAMPLES = 300  # of (u, v) for each exponent
JITTER = 1e-9  # relative to the largest variance: keeps the covariance of sizes that share all items invertible
LEAST_VARIANCE = 1e-14  # of a mean error; errors are shares, or in units of the targets' variance


@dataclass(frozen=True)
class PowerLaw:
    """err(n) = floor + scale · n^-exponent.

    Attributes:
        floor: a, the error that no number of labels removes, 0 or more.
        scale: b; below zero if the error rises with n.
        exponent: c, in (0, 2].

    Examples:
        >>> PowerLaw(0.1, 1.0, 0.5)(100.0)
        0.2
    """

    floor: float
    scale: float
    exponent: float

    def __call__(self, size: float) -> float:
        """The error with ``size`` labels."""
        return float(self.floor + self.scale * size**-self.exponent)


@dataclass(frozen=True, eq=False)
class FittedLaws:
    """The laws that are compatible with the errors, as weighted samples.

    Attributes:
        first: m₀, the smallest size.
        last: n, the present size.
        exponents: (s,) exponent of each sample.
        start: (s,) u, the error at m₀.
        end: (s,) v, the error at n.
        weights: (s,) of the samples; they sum to 1.
        best: the law of least weighted squares.

    Examples:
        >>> sizes = np.array([50, 100, 200, 400])
        >>> laws = fit_power_law(sizes, 0.05 + 2.0 / sizes, np.eye(4) * 1e-10)
        >>> round(laws.best(800), 2), 0.8 < laws.best.exponent < 1.2
        (0.05, True)
    """

    first: float
    last: float
    exponents: Array
    start: Array
    end: Array
    weights: Array
    best: PowerLaw

    def errors(self, size: float) -> Array:
        """The error of each sample with ``size`` labels, (s,), not below 0."""
        shape = _shape(np.array([size]), self.first, self.last, self.exponents)[:, 0]
        return np.maximum(self.end + (self.start - self.end) * shape, 0.0)


def fit_power_law(sizes: ArrayLike, errors: ArrayLike, covariance: ArrayLike, *, seed: int = 0) -> FittedLaws:
    """Fit err(n) = a + b n⁻ᶜ by generalised least squares for each c, and weight the exponents by their likelihood.

    If the best law misses the errors by more than their covariance explains (χ² above its degrees of freedom), the
    covariance is enlarged by that ratio, as is usual for fits of an approximate law (Birge 1932).

    Args:
        sizes: (J,) numbers of labels, at least two different ones; the largest is the present one.
        errors: (J,) mean errors, 0 or more.
        covariance: (J, J) of their noise.
        seed: of the samples.

    Raises:
        ParameterError: if there are fewer than two sizes, or shapes do not fit.

    Examples:
        >>> laws = fit_power_law([100, 200, 400], [0.3, 0.2, 0.15], np.eye(3) * 1e-4)
        >>> 0.10 < float(laws.weights @ laws.errors(800)) < 0.15
        True
    """
    m, e = np.asarray(sizes, np.float64), np.asarray(errors, np.float64)
    noise = np.asarray(covariance, np.float64)
    if len(np.unique(m)) < 2 or e.shape != m.shape or noise.shape != (len(m), len(m)):
        raise ParameterError(
            "fit_power_law needs an error for each of two or more different sizes, and their covariance. Got sizes "
            f"{m.tolist()}, {e.size} errors and a covariance of shape {noise.shape}."
        )
    noise = noise + np.eye(len(m)) * (JITTER * noise.diagonal().max(initial=0.0) + LEAST_VARIANCE)
    precision: Array = np.linalg.inv(noise)
    first, last = float(m.min()), float(m.max())
    shapes = _shape(m, first, last, EXPONENTS)  # (C, J)
    design: Array = np.stack([shapes, 1 - shapes], axis=-1)  # (C, J, 2): the columns of u and v
    information = design.swapaxes(1, 2) @ precision @ design
    right = design.swapaxes(1, 2) @ (precision @ e)[:, None]
    ends = np.asarray(np.linalg.solve(information, right)[..., 0], np.float64)  # (C, 2)
    ends = _with_floor(ends, design, precision, e, first / last)
    residual = e - (design @ ends[..., None])[..., 0]
    squares = np.einsum("cj,jk,ck->c", residual, precision, residual)
    ratio = max(1.0, float(squares.min()) / max(len(m) - 2, 1)) if len(m) > 2 else 1.0
    best = int(squares.argmin())
    samples = _samples(ends, information / ratio, squares / ratio, first / last, seed)
    return FittedLaws(first, last, *samples, best=_law(ends[best], float(EXPONENTS[best]), first, last))


def _shape(m: Array, first: float, last: float, exponents: Array) -> Array:
    """g(m) (C, J): 1 at the smallest size, 0 at the present one, below 0 beyond it."""
    power = np.expm1(-exponents[:, None] * np.log(m / last))
    return np.asarray(power / np.expm1(-exponents * np.log(first / last))[:, None])


def _drop(exponents: Array, share: float) -> Array:
    """1 / ((m₀/n)⁻ᶜ - 1): what is left to gain after n, relative to what was gained from m₀ to n."""
    return np.asarray(1 / np.expm1(-exponents * np.log(share)))


def _with_floor(ends: Array, design: Array, precision: Array, errors: Array, share: float) -> Array:
    """The least-squares ends, with those of a negative floor replaced by the best law through a floor of zero."""
    drop = _drop(EXPONENTS, share)
    below = ends[:, 1] - (ends[:, 0] - ends[:, 1]) * drop < 0
    # a = 0: u = v (1 + drop) / drop, one unknown
    line = design[..., 0] * ((1 + drop) / drop)[:, None] + design[..., 1]
    weighted = line @ precision
    v = np.maximum((weighted @ errors) / np.einsum("cj,cj->c", weighted, line), 0.0)
    on_floor = np.stack([v * (1 + drop) / drop, v], axis=1)
    return np.where(below[:, None], on_floor, ends)


def _samples(
    ends: Array, information: Array, squares: Array, share: float, seed: int
) -> tuple[Array, Array, Array, Array]:
    """Exponent, u, v and weight of samples from the posterior."""
    rng = np.random.default_rng(seed)
    spread = np.linalg.cholesky(np.linalg.inv(information))
    draws = ends[:, None] + rng.standard_normal((len(ends), SAMPLES, 2)) @ spread.swapaxes(1, 2)
    u, v = draws[..., 0], draws[..., 1]
    # what violates a floor of zero is moved onto it: a small error is compatible with every exponent
    drop = _drop(EXPONENTS, share)[:, None]
    v = np.maximum(v, 0.0)
    v = np.maximum(np.where(v - (u - v) * drop < 0, u * drop / (1 + drop), v), 0.0)
    log_weight = -0.5 * (squares - squares.min()) - 0.5 * np.linalg.slogdet(information)[1]
    weight = np.exp(log_weight - log_weight.max())
    weight = np.repeat(weight / weight.sum() / SAMPLES, SAMPLES)
    return np.repeat(EXPONENTS, SAMPLES), u.ravel(), v.ravel(), weight


def _law(ends: Array, exponent: float, first: float, last: float) -> PowerLaw:
    u, v = ends.tolist()
    rest = float((u - v) * _drop(np.array([exponent]), first / last)[0])  # b n⁻ᶜ at the present size
    return PowerLaw(max(v - rest, 0.0), rest * last**exponent, exponent)
