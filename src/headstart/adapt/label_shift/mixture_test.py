"""Mixture test: whether some mixture of the labelled classes explains the new items, as label shift says.

With the kernel k(a, b) = exp(-‖a - b‖² / 2h²), the mean embeddings μ_c of the classes and μ_t of the new items,

    residual = min over π with Σπ = 1 of ‖Σ_c π_c μ_c - μ_t‖².

It has a closed form. The p-value compares it with residuals where label shift holds by construction: labelled items are
resampled within each class, and new items are drawn from the classes with the fitted shares.

References: Zhang, Schölkopf, Muandet & Wang, "Domain Adaptation under Target and Conditional Shift", ICML 2013;
Gretton, Borgwardt, Rasch, Schölkopf & Smola, "A Kernel Two-Sample Test", JMLR 2012.

Command: - (Python)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.label_shift.shares import draw_counts
from headstart.errors import DataError, ParameterError
from headstart.linear.checks import check_finite, check_matrix
from headstart.params import check_number

__all__ = ["MixtureFit", "mixture_test"]

Array = NDArray[np.float64]
LEAST_ROWS = 10  # of a class that are kept where rows are drawn
RIDGE = 1e-8  # relative to the mean squared length of the class means, where two classes coincide


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """How well the best mixture of classes explains the new items.

    Attributes:
        residual: squared distance of the mean embeddings.
        p_value: probability of at least this residual under label shift. A small one means that the items of some class
            look different, or that there are new classes.
        shares: (K,) shares of the best mixture, for the classes that have labelled items, in the order of their codes.
        bandwidth: h, in units of the rows.
    """

    residual: float
    p_value: float
    shares: Array
    bandwidth: float


def mixture_test(
    xs: ArrayLike, ys: ArrayLike, xt: ArrayLike, *, resamples: int = 200, max_rows: int = 500, seed: int = 0
) -> MixtureFit:
    """Fit the mixture, and test its residual.

    Rows may be features, or the probabilities of a model (left-out ones for the labelled items).

    Args:
        xs: (n, d) rows of the labelled items.
        ys: (n,) their class codes.
        xt: (m, d) rows of the new items.
        resamples: for the p-value, default 200; it is at least 1/(resamples + 1).
        max_rows: above this number, a random subset of each side is used (default 500), since all pairs are compared;
            of each class at least 10.
        seed: of the subsets and the resamples, default 0.

    Raises:
        ParameterError: if shapes, codes or options are wrong.
        DataError: if a value is not finite, there are fewer than two new rows, or half of the pairs of rows are equal.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs, ys = rng.normal(size=(60, 2)), np.arange(60) % 2
        >>> xs[ys == 1] += 3
        >>> other_shares = rng.normal(size=(60, 2)) + 3 * (rng.random((60, 1)) < 0.9)
        >>> mixture_test(xs, ys, other_shares).p_value > 0.05, mixture_test(xs, ys, other_shares + 2).p_value < 0.05
        (True, True)
    """
    rows, codes, others = _checked(xs, ys, xt)
    check_number(resamples, "resamples", "mixture_test", low=1, integer=True)
    check_number(max_rows, "max_rows", "mixture_test", low=2, integer=True)
    rng = np.random.default_rng(seed)
    kept = _drawn(rng, codes, max_rows)
    rows, codes = rows[kept], codes[kept]
    others = others[rng.permutation(len(others))[:max_rows]]
    kernel, bandwidth = _kernel(np.concatenate([rows, others]))
    n, m = len(rows), len(others)
    uniform = np.full(m, 1 / m)
    own = kernel[:n, :n]
    squared = float(uniform @ kernel[n:, n:] @ uniform)
    residual, shares = _fit(own, _means(codes, np.ones(n)), kernel[:n, n:] @ uniform, squared)
    drawn = _residuals(own, codes, rng.multinomial(m, _chances(codes, shares), size=resamples) / m, rng)
    # resampled rows vary by (n - K)/n of what new rows would
    drawn *= n / max(n - len(shares), 1)
    return MixtureFit(residual, (1 + int((drawn >= residual - 1e-12).sum())) / (1 + resamples), shares, bandwidth)


def _checked(xs: ArrayLike, ys: ArrayLike, xt: ArrayLike) -> tuple[Array, NDArray[np.intp], Array]:
    rows = np.asarray(check_matrix(xs, "xs", "mixture_test"), dtype=np.float64)
    others = np.asarray(check_matrix(xt, "xt", "mixture_test", columns=rows.shape[1]), dtype=np.float64)
    codes = np.asarray(ys)
    if codes.shape != (len(rows),) or codes.dtype.kind not in "iu":
        raise ParameterError(
            f"The 'ys' parameter of mixture_test must hold one class code for each of {len(rows)} rows. "
            f"Got an array of shape {codes.shape} and type {codes.dtype} instead."
        )
    if len(rows) < 2 or len(others) < 2:
        raise DataError(f"mixture_test needs two rows or more on each side. Got {len(rows)} and {len(others)}.")
    check_finite(rows)
    check_finite(others)
    return rows, np.unique(codes, return_inverse=True)[1].astype(np.intp), others


def _drawn(rng: np.random.Generator, codes: NDArray[np.intp], max_rows: int) -> NDArray[np.intp]:
    """Positions of about ``max_rows`` rows: the same part of each class, but never fewer than 10 rows that it has."""
    if len(codes) <= max_rows:
        return np.arange(len(codes))
    kept = []
    for code in range(int(codes.max()) + 1):
        own = np.flatnonzero(codes == code)
        kept.append(rng.permutation(own)[: max(LEAST_ROWS, round(len(own) * max_rows / len(codes)))])
    return np.sort(np.concatenate(kept))


def _kernel(rows: Array) -> tuple[Array, float]:
    rows = rows - rows.mean(axis=0)
    squares = (rows**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * (rows @ rows.T), 0.0)
    bandwidth = float(np.sqrt(np.median(distances[np.triu_indices(len(rows), 1)])))
    if not bandwidth > 0:
        raise DataError("mixture_test needs rows that differ. Half of the pairs of rows are equal.")
    return np.exp(-distances / (2 * bandwidth**2)), bandwidth


def _means(codes: NDArray[np.intp], counts: Array) -> Array:
    """(n, K): the weight of each row in the mean of each class."""
    out = np.zeros((len(codes), int(codes.max()) + 1))
    out[np.arange(len(codes)), codes] = counts
    return np.asarray(out / out.sum(axis=0))


def _fit(kernel: Array, means: Array, to_new: Array, new_squared: float) -> tuple[float, Array]:
    """The residual and the shares that minimise it, from the equations [G 1; 1ᵀ 0][π; u] = [h; 1]."""
    gram = means.T @ (kernel @ means)
    reached = means.T @ to_new
    k = len(gram)
    system = np.ones((k + 1, k + 1))
    system[:k, :k] = gram + RIDGE * np.trace(gram) / k * np.eye(k)
    system[k, k] = 0.0
    shares = np.linalg.solve(system, np.append(reached, 1.0))[:k]
    return max(float(new_squared - 2 * reached @ shares + shares @ gram @ shares), 0.0), shares


def _chances(codes: NDArray[np.intp], shares: Array) -> Array:
    """(n,) chance of each row in the mixture of classes; a fitted share below 0 counts as 0."""
    chances = _means(codes, np.ones(len(codes))) @ np.maximum(shares, 0.0)
    return np.asarray(chances / chances.sum())


def _residuals(kernel: Array, codes: NDArray[np.intp], new: Array, rng: np.random.Generator) -> Array:
    """(B,) residuals of resampled labelled rows; ``new`` (B, n) has the weights of the rows that stand for new ones."""
    found = np.empty(len(new))
    for one, (own, other) in enumerate(zip(draw_counts(rng, codes, len(new)), new, strict=True)):
        reached = kernel @ other
        found[one] = _fit(kernel, _means(codes, own), reached, float(other @ reached))[0]
    return found
