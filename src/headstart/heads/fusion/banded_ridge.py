"""Banded ridge: one scale per group of features ("band"), chosen by exact leave-one-out loss.

K = Σ_b g_b K_b with g on the simplex; each K_b is the Gram matrix of centred rows of total variance one. The scales are
stored in a `FeatureMap`, so the head fitted on it is still linear.

References: Nunez-Elizalde, Huth & Gallant, "Voxelwise encoding models with non-spherical multivariate normal priors",
NeuroImage 2019; Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant, "Feature-space selection with banded ridge
regression", NeuroImage 2022 (search by Dirichlet samples; here refined by coordinate search).

Command: headstart fit DATA --source NAME --source NAME --fusion banded
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import FeatureMap
from headstart.heads.fusion.maps import ColumnSpan, scaled_map, spans_of
from headstart.heads.problem import Problem
from headstart.heads.standard_error import mean_and_error
from headstart.tasks import task_methods

__all__ = ["BandWeights", "banded_map", "kernel_left_out", "learn_bands", "optimism"]

Array = NDArray[np.float64]

MAX_ROWS = 800  # about 60 eigendecompositions of (n, n) kernels, some ten seconds in all
MAX_BANDS = 8
SAMPLES = 16  # Dirichlet draws
SWEEPS = 2  # of the coordinate search
FACTORS = (0.0, 0.25, 4.0)  # tried on each band's weight
LIFTED = 0.02  # a smaller weight counts as this much when it is increased, so that zero can grow
PENALTIES = 10.0 ** np.arange(-4.0, 1.6, 0.5)  # times the mean eigenvalue


@dataclass(frozen=True, eq=False)
class BandWeights:
    """The result of a search over band weights.

    Attributes:
        weights: (bands,) g, non-negative, with sum one.
        loss: the mean leave-one-out loss at the best λ.

    Examples:
        >>> BandWeights(np.array([1.0, 0.0]), 0.3).weights.sum()
        np.float64(1.0)
    """

    weights: Array
    loss: float


def kernel_left_out(
    kernel: Array, targets: Array, lambdas: Iterable[float], groups: NDArray[np.int64] | None = None
) -> Iterator[Array]:
    """Leave-one-out predictions of kernel ridge regression with an intercept, for rows or groups.

    With K of centred rows and K = QΛQᵀ, H = 11ᵀ/n + QΛ(Λ+λ)⁻¹Qᵀ; e_i = (y_i - f_i) / (1 - h_i), and for a group
    e_B = (I - H_BB)⁻¹ (Y_B - F_B).

    Args:
        kernel: (n, n) Gram matrix of centred rows.
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
    # K = QΛQᵀ once for every λ; Qᵀ(Y - ȳ) is (n, k)
    values, vectors = np.linalg.eigh(kernel)
    values = np.maximum(values, 0.0)
    mean = targets.mean(axis=0)
    turned = vectors.T @ (targets - mean)
    members = [] if groups is None else [np.flatnonzero(groups == code) for code in np.unique(groups)]
    for lam in lambdas:
        shrunk = values / (values + lam)
        residual = targets - mean - vectors @ (shrunk[:, None] * turned)
        if groups is None:
            # diag(H) without forming H
            leverage = 1 / n + (vectors**2) @ shrunk
            yield targets - residual / np.maximum(1 - leverage, 1e-12)[:, None]
            continue
        for rows in members:
            part = vectors[rows]
            # H_BB (m, m): the rows and columns of the group
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
    """Search the simplex for the weights g with the lowest mean loss.

    Equal weights, single bands and Dirichlet samples are tried first; the best of them is refined band by band.
    Finally, a band is dropped if the loss without it is higher by at most one standard error.

    Args:
        kernels: the (n, n) kernel of each band.
        losses: a function from a kernel to the loss of each row, (n,).
        first: weights to try first, with sum one; default: none.
        groups: (n,) codes of rows that count as one observation, or None.
        seed: of the Dirichlet samples, default 0.

    Examples:
        >>> wanted = lambda kernel: np.full(4, abs(kernel[0, 1] - 0.2))
        >>> found = learn_bands([np.eye(2), np.ones((2, 2))], wanted)
        >>> found.weights.sum().round(12), found.loss < 0.1
        (np.float64(1.0), True)
    """
    stack, count = np.stack(kernels), len(kernels)

    def cost(weights: Array) -> Array:
        # Σ_b g_b K_b: (bands,) times (bands, n, n)
        return losses(np.tensordot(weights, stack, axes=1))

    drawn = np.random.default_rng(seed).dirichlet(np.ones(count), SAMPLES if count > 1 else 0)
    tried = [*([] if first is None else [first]), np.full(count, 1 / count), *np.eye(count), *drawn]
    best, lowest = min(((weights, cost(weights)) for weights in tried), key=lambda pair: pair[1].mean())
    for _ in range(SWEEPS):
        before = lowest.mean()
        for changed in (changed for band in range(count) for changed in _changes(best, band)):
            found = cost(changed)
            if found.mean() < lowest.mean():
                best, lowest = changed, found
        if lowest.mean() >= before:
            break
    # try to drop bands, starting with the smallest weight
    for band in np.argsort(best):
        if not 0 < best[band] < 1:
            continue
        without = np.where(np.arange(count) == band, 0.0, best)
        found = cost(without / without.sum())
        mean, error = mean_and_error(found - lowest, groups)
        if mean <= error:
            best, lowest = without / without.sum(), found
    return BandWeights(best, float(lowest.mean()))


def _changes(weights: Array, band: int) -> Iterator[Array]:
    """The weights with one band removed, decreased and increased."""
    for factor in FACTORS:
        changed = weights.copy()
        changed[band] = (max(changed[band], LIFTED) if factor > 1 else changed[band]) * factor
        # back to the simplex; unchanged weights are not tried again
        if changed.sum() > 0 and not np.allclose(changed / changed.sum(), weights):
            yield changed / changed.sum()


def banded_map(problem: Problem, name: str) -> FeatureMap:
    """All blocks, each scaled by √g of its band; bands with zero weight are dropped.

    Each part (source) has two bands, its last layer and its earlier blocks; it has only one if there would be more than
    eight bands in all.

    Args:
        problem: rows of a fused source, with their labels.
        name: name of the map.

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
    all_blocks = scaled_map(name, spans, problem.rows)
    mapped = np.asarray(all_blocks(problem.rows[places]), dtype=np.float64)
    # `kernel_left_out` requires Gram matrices of centred rows
    mapped = mapped - mapped.mean(axis=0)
    edges = np.cumsum([span.stop - span.start for span in spans])[:-1]
    parts = np.split(mapped, edges, axis=1)
    kernels = [sum((parts[k] @ parts[k].T for k in band), np.zeros((len(places),) * 2)) / len(band) for band in bands]
    together = None if problem.groups is None else problem.groups[places]
    sizes = np.array([len(band) for band in bands])  # equal weight for every block
    found = learn_bands(
        kernels, _losses_of(problem, places), first=sizes / sizes.sum(), groups=together, seed=problem.seed
    )
    factor = np.zeros(len(spans))
    for band, weight in zip(bands, found.weights, strict=True):
        # scaling a kernel by g scales its rows by √g; the band's kernel is the mean over its blocks
        factor[band] = np.sqrt(weight / len(band))
    return _rescaled(all_blocks, spans, factor)


def optimism(problem: Problem) -> float:
    """Optimism of the leave-one-out loss of a `banded_map`: how much it is too low, as the weights were fitted to it.

    It is 1/n nats for each free weight, as in Akaike's information criterion (Akaike, "A New Look at the Statistical
    Model Identification", 1974).

    Args:
        problem: rows of a fused source, with their labels.

    Examples:
        >>> from headstart.types import Block, Task
        >>> blocks, y = (Block("a/last", 2, "a"), Block("b/last", 2, "b")), np.repeat([0, 1], 5)
        >>> optimism(Problem(np.eye(10, 4), y, Task("classification", ("n", "p")), blocks, None, 0))
        0.1
    """
    return (len(_bands(spans_of(problem.blocks))) - 1) / len(_places(problem))


def _bands(spans: Sequence[ColumnSpan]) -> list[list[int]]:
    """Positions of the spans of each band."""
    found: dict[tuple[str, bool], list[int]] = {}
    last = {span.part: place for place, span in enumerate(spans) if not span.numbers}
    for place, span in enumerate(spans):
        found.setdefault((span.part, place == last.get(span.part) or span.numbers), []).append(place)
    if len(found) <= MAX_BANDS:
        return list(found.values())
    by_part: dict[str, list[int]] = {}
    for place, span in enumerate(spans):
        by_part.setdefault(span.part, []).append(place)
    return list(by_part.values())


def _places(problem: Problem) -> NDArray[np.intp]:
    """Positions of up to 800 of the chosen rows, evenly spaced, or of complete groups of them."""
    chosen = problem.chosen
    if len(chosen) <= MAX_ROWS:
        return chosen
    if problem.chosen_groups is None:
        return chosen[np.linspace(0, len(chosen) - 1, MAX_ROWS).round().astype(np.intp)]
    codes = np.random.default_rng(problem.seed).permutation(np.unique(problem.chosen_groups))
    sizes = np.cumsum([np.count_nonzero(problem.chosen_groups == code) for code in codes])
    taken = codes[: max(2, int(np.searchsorted(sizes, MAX_ROWS, side="right")))]
    return chosen[np.isin(problem.chosen_groups, taken)]


def _losses_of(problem: Problem, places: NDArray[np.intp]) -> Callable[[Array], Array]:
    methods, y, targets = task_methods(problem.task), problem.y[places], problem.targets[places]
    groups = None if problem.groups is None else problem.groups[places]

    def losses(kernel: Array) -> Array:
        # penalties are multiples of the mean eigenvalue
        middle = max(float(np.trace(kernel)) / max(len(kernel) - 1, 1), np.finfo(np.float64).tiny)
        found: list[Array] = []
        for scores in kernel_left_out(kernel, targets, PENALTIES * middle, groups):
            found.append(methods.loss(methods.outputs(scores, methods.calibrate(scores, y)), y))
            if len(found) > 2 and found[-1].mean() > found[-2].mean() > found[-3].mean():  # past the minimum
                break
        return min(found, key=lambda loss: float(loss.mean()))

    return losses


def _rescaled(all_blocks: FeatureMap, spans: Sequence[ColumnSpan], factor: Array) -> FeatureMap:
    """The map with each block's rows multiplied by ``factor`` (spans,); blocks of factor zero are dropped."""
    kept = np.flatnonzero(factor > 0)
    widths = np.array([span.stop - span.start for span in spans])
    columns = np.isin(np.repeat(np.arange(len(spans)), widths), kept)
    return replace(
        all_blocks,
        blocks=tuple(all_blocks.blocks[k] for k in kept),
        scalings=tuple(all_blocks.scalings[k] for k in kept) if all_blocks.scalings else (),
        shift=all_blocks.shift[columns] if all_blocks.shift.size else all_blocks.shift,
        # scale divides, so a factor in the numerator goes below it
        scale=all_blocks.scale[columns] / np.repeat(factor[kept], widths[kept]),
    )
