"""Banded ridge: a scale for each group of features, learnt by exact leave-one-out loss.

K = Σ_b g_b K_b with g on the simplex, each K_b of centred rows of total variance one. The scales end up in a
`FeatureMap`, so that what is fitted on it is still one linear head.

References: Nunez-Elizalde, Huth & Gallant, "Voxelwise encoding models with non-spherical multivariate normal priors",
NeuroImage 2019; Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant, "Feature-space selection with banded ridge
regression", NeuroImage 2022 (the search by Dirichlet samples; here it is refined coordinate by coordinate).

Command: headstart fit DATA --source NAME --source NAME --fusion banded
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import FeatureMap
from headstart.heads.fusion.maps import Span, scaled_map, spans_of
from headstart.heads.problem import Problem
from headstart.heads.standard_error import mean_and_error
from headstart.tasks import task_methods

__all__ = ["BandWeights", "banded_map", "kernel_left_out", "learn_bands", "optimism"]

Array = NDArray[np.float64]

MAX_ROWS = 800  # whose (n, n) kernels are decomposed about 60 times, some ten seconds in all
MAX_BANDS = 8
SAMPLES = 16
SWEEPS = 2
FACTORS = (0.0, 0.25, 4.0)
LIFTED = 0.02  # the least weight that is made larger
PENALTIES = 10.0 ** np.arange(-4.0, 1.6, 0.5)  # times the mean eigenvalue


@dataclass(frozen=True, eq=False)
class BandWeights:
    """What a search gave.

    Attributes:
        weights: (bands,) g, not negative, of sum one.
        loss: the mean left-out loss at the best λ.

    Examples:
        >>> BandWeights(np.array([1.0, 0.0]), 0.3).weights.sum()
        np.float64(1.0)
    """

    weights: Array
    loss: float


def kernel_left_out(
    kernel: Array, targets: Array, lambdas: Iterable[float], groups: NDArray[np.int64] | None = None
) -> Iterator[Array]:
    """Predictions for each row by the kernel ridge fit (with a free mean) without it, or without its group.

    With K of centred rows and K = QΛQᵀ, H = 11ᵀ/n + QΛ(Λ+λ)⁻¹Qᵀ; e_i = (y_i - f_i) / (1 - h_i), and for a group
    e_B = (I - H_BB)⁻¹ (Y_B - F_B).

    Args:
        kernel: (n, n) Gram of centred rows.
        targets: (n, k).
        lambdas: penalties above 0.
        groups: (n,) integer codes of rows that are left out together.

    Yields:
        (n, k) for each λ.

    Examples:
        >>> x, y = np.array([[-1.0], [0.0], [1.0]]), np.array([[0.0], [3.0], [2.0]])
        >>> next(kernel_left_out(x @ x.T, y, [1e-9]))[1].round(6)     # the line through (-1, 0) and (1, 2), at 0
        array([1.])
    """
    n = len(kernel)
    # (n, n): one decomposition for every λ; Q turns the targets once
    values, vectors = np.linalg.eigh(kernel)
    values = np.maximum(values, 0.0)
    mean = targets.mean(axis=0)
    turned = vectors.T @ (targets - mean)
    members = [] if groups is None else [np.flatnonzero(groups == code) for code in np.unique(groups)]
    for lam in lambdas:
        shrunk = values / (values + lam)
        residual = targets - mean - vectors @ (shrunk[:, None] * turned)
        if groups is None:
            # the diagonal of H without making it
            leverage = 1 / n + (vectors**2) @ shrunk
            yield targets - residual / np.maximum(1 - leverage, 1e-12)[:, None]
            continue
        for rows in members:
            part = vectors[rows]
            # the rows and columns of H that belong to the group, (m, m)
            hat = 1 / n + (part * shrunk) @ part.T
            residual[rows] = np.linalg.solve(np.eye(len(rows)) - hat, residual[rows])
        yield targets - residual


def learn_bands(
    kernels: Sequence[Array],
    losses: Callable[[Array], Array],
    *,
    first: Array | None = None,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> BandWeights:
    """Weights g on the simplex of least mean loss: equal ones, single bands, Dirichlet samples, then band by band.

    In the end a band is left out where the loss without it is higher by no more than its standard error.

    Args:
        kernels: (n, n) of each band.
        losses: of a kernel, one for each row.
        first: weights to try first, of sum one.
        groups: (n,) codes of rows that count as one, or None.
        seed: of the samples.

    Examples:
        >>> wanted = lambda kernel: np.full(4, abs(kernel[0, 1] - 0.2))
        >>> found = learn_bands([np.eye(2), np.ones((2, 2))], wanted)
        >>> found.weights.sum().round(12), found.loss < 0.1
        (np.float64(1.0), True)
    """
    stack, count = np.stack(kernels), len(kernels)

    def cost(weights: Array) -> Array:
        # Σ_b g_b K_b, (bands,) times (bands, n, n)
        return losses(np.tensordot(weights, stack, axes=1))

    drawn = np.random.default_rng(seed).dirichlet(np.ones(count), SAMPLES if count > 1 else 0)
    tried = [*([] if first is None else [first]), np.full(count, 1 / count), *np.eye(count), *drawn]
    best, lowest = min(((weights, cost(weights)) for weights in tried), key=lambda pair: pair[1].mean())
    for _ in range(SWEEPS):
        before = lowest.mean()
        for moved in (moved for band in range(count) for moved in _moves(best, band)):
            found = cost(moved)
            if found.mean() < lowest.mean():
                best, lowest = moved, found
        if lowest.mean() >= before:
            break
    for band in np.argsort(best):
        if not 0 < best[band] < 1:
            continue
        without = np.where(np.arange(count) == band, 0.0, best)
        found = cost(without / without.sum())
        mean, error = mean_and_error(found - lowest, groups)
        if mean <= error:
            best, lowest = without / without.sum(), found
    return BandWeights(best, float(lowest.mean()))


def _moves(weights: Array, band: int) -> Iterator[Array]:
    """The weights with one band left out, made smaller and made larger."""
    for factor in FACTORS:
        moved = weights.copy()
        moved[band] = (max(moved[band], LIFTED) if factor > 1 else moved[band]) * factor
        if moved.sum() > 0 and not np.allclose(moved / moved.sum(), weights):
            yield moved / moved.sum()


def banded_map(problem: Problem, name: str) -> FeatureMap:
    """The blocks of all parts, each scaled by √g of its band; blocks of a band without weight are left out.

    A part has two bands, its last layer and its earlier blocks, or one where there would be more than eight in all.

    Args:
        problem: rows of a fused source, with their labels.
        name: of the map.

    Examples:
        >>> from headstart.types import Block, Task
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1], 20)
        >>> rows = np.column_stack([rng.normal(size=(40, 3)) + 3 * y[:, None], rng.normal(size=(40, 3))])
        >>> blocks = (Block("a/last", 3, "a"), Block("b/last", 3, "b"))
        >>> found = banded_map(Problem(rows, y, Task("classification", ("n", "p")), blocks, None, 0), "banded")
        >>> found.blocks[0]
        (0, 3)
    """
    spans = spans_of(problem.blocks)
    bands = _bands(spans)
    places = _places(problem)
    whole = scaled_map(name, spans, problem.rows)
    mapped = np.asarray(whole(problem.rows[places]), dtype=np.float64)
    # the Gram matrices below are of centred rows, which `kernel_left_out` takes for granted
    mapped = mapped - mapped.mean(axis=0)
    edges = np.cumsum([span.stop - span.start for span in spans])[:-1]
    parts = np.split(mapped, edges, axis=1)
    kernels = [sum((parts[k] @ parts[k].T for k in band), np.zeros((len(places),) * 2)) / len(band) for band in bands]
    together = None if problem.groups is None else problem.groups[places]
    sizes = np.array([len(band) for band in bands])  # as if every block weighed the same
    found = learn_bands(
        kernels, _losses_of(problem, places), first=sizes / sizes.sum(), groups=together, seed=problem.seed
    )
    factor = np.zeros(len(spans))
    for band, weight in zip(bands, found.weights, strict=True):
        # a kernel scaled by g is rows scaled by √g; the band's kernel is the mean of its blocks'
        factor[band] = np.sqrt(weight / len(band))
    return _weighed(whole, spans, factor)


def optimism(problem: Problem) -> float:
    """By how much the left-out loss of a `banded_map` is too low, since its weights were fitted to that loss.

    One nat over the number of rows for each free weight, as in Akaike's criterion (Akaike, "A New Look at the
    Statistical Model Identification", 1974).

    Args:
        problem: rows of a fused source, with their labels.

    Examples:
        >>> from headstart.types import Block, Task
        >>> blocks, y = (Block("a/last", 2, "a"), Block("b/last", 2, "b")), np.repeat([0, 1], 5)
        >>> optimism(Problem(np.eye(10, 4), y, Task("classification", ("n", "p")), blocks, None, 0))
        0.1
    """
    return (len(_bands(spans_of(problem.blocks))) - 1) / len(_places(problem))


def _bands(spans: Sequence[Span]) -> list[list[int]]:
    found: dict[tuple[str, bool], list[int]] = {}
    last = {span.part: place for place, span in enumerate(spans) if not span.numbers}
    for place, span in enumerate(spans):
        found.setdefault((span.part, place == last.get(span.part) or span.numbers), []).append(place)
    if len(found) <= MAX_BANDS:
        return list(found.values())
    whole: dict[str, list[int]] = {}
    for place, span in enumerate(spans):
        whole.setdefault(span.part, []).append(place)
    return list(whole.values())


def _places(problem: Problem) -> NDArray[np.intp]:
    """Up to 600 of the chosen rows, evenly spread, or whole groups of them."""
    chosen = problem.chosen
    if len(chosen) <= MAX_ROWS:
        return chosen
    if problem.together is None:
        return chosen[np.linspace(0, len(chosen) - 1, MAX_ROWS).round().astype(np.intp)]
    codes = np.random.default_rng(problem.seed).permutation(np.unique(problem.together))
    sizes = np.cumsum([np.count_nonzero(problem.together == code) for code in codes])
    taken = codes[: max(2, int(np.searchsorted(sizes, MAX_ROWS, side="right")))]
    return chosen[np.isin(problem.together, taken)]


def _losses_of(problem: Problem, places: NDArray[np.intp]) -> Callable[[Array], Array]:
    methods, y, targets = task_methods(problem.task), problem.y[places], problem.targets[places]
    groups = None if problem.groups is None else problem.groups[places]

    def losses(kernel: Array) -> Array:
        # the mean eigenvalue, in units of which the penalties are
        middle = max(float(np.trace(kernel)) / max(len(kernel) - 1, 1), np.finfo(np.float64).tiny)
        found: list[Array] = []
        for scores in kernel_left_out(kernel, targets, PENALTIES * middle, groups):
            found.append(methods.loss(methods.outputs(scores, methods.calibrate(scores, y)), y))
            if len(found) > 2 and found[-1].mean() > found[-2].mean() > found[-3].mean():  # past the lowest
                break
        return min(found, key=lambda loss: float(loss.mean()))

    return losses


def _weighed(whole: FeatureMap, spans: Sequence[Span], factor: Array) -> FeatureMap:
    kept = np.flatnonzero(factor > 0)
    widths = np.array([span.stop - span.start for span in spans])
    columns = np.isin(np.repeat(np.arange(len(spans)), widths), kept)
    return replace(
        whole,
        blocks=tuple(whole.blocks[k] for k in kept),
        scalings=tuple(whole.scalings[k] for k in kept) if whole.scalings else (),
        shift=whole.shift[columns] if whole.shift.size else whole.shift,
        scale=whole.scale[columns] / np.repeat(factor[kept], widths[kept]),
    )
