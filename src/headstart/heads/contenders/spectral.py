"""Closed-form candidates: every feature map, head and λ, compared by exact leave-one-out loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contender, Solution, calibrated_each
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate, Evidence
from headstart.heads.problem import Problem
from headstart.heads.registry import ScoresTogether, SpectralHead
from headstart.heads.spectral.class_name_prior import spectra_with_prior
from headstart.heads.spectral.spectra import solved_maps
from headstart.linear.lda_without import within_residuals
from headstart.linear.leave_out import LeftOut, leave_one_group_out, leave_one_out
from headstart.linear.moments import Moments
from headstart.linear.optimal_scoring import NO_SHARE
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.tasks import Calibration, is_classification

__all__ = ["best_penalties", "spectral_contenders"]

TIED = 1e-12  # losses that differ by less, relative to their size, differ by rounding
SMALL = 2**14  # numbers in the scores of all heads; up to here a search for all of them at once is faster
BATCH = 2**17  # numbers in the scores of all λ that are calibrated together; more would not fit into a core's cache


def spectral_contenders(
    problem: Problem, maps: Sequence[FeatureMap], heads: Sequence[SpectralHead], *, penalties: int = 17
) -> tuple[list[Contender], list[Candidate]]:
    """The best λ of each head on each feature map, and all candidates that were tried.

    Args:
        problem: rows and labels.
        maps: feature maps to compare.
        heads: heads to compare.
        penalties: number of λ in the grid; the minimum of a parabola through the best three is tried too.

    Returns:
        One contender per feature map, prior weight and head, and all candidates in the order of the search.

    Examples:
        >>> from headstart.heads.ridge import RIDGE
        >>> from headstart.types import Task
        >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> problem = Problem(x, y, Task("regression", ("y",)), (), None, 0)
        >>> found, tried = spectral_contenders(problem, [FeatureMap("rows", ((0, 1),), "none")], [RIDGE])
        >>> len(found), len(tried), found[0].candidate.loss < 0.01
        (1, 17, True)
    """
    found: list[Contender] = []
    every: list[Candidate] = []
    for feature_map, plain, summed in solved_maps(problem.rows, problem.targets, maps, problem.weights):
        for prior, spectrum, moments in spectra_with_prior(problem, feature_map, plain, summed):
            best, tried = best_penalties(problem, heads, feature_map, (spectrum, moments), prior, count=penalties)
            found += best
            every += tried
    return found, every


def best_penalties(
    problem: Problem,
    heads: Sequence[SpectralHead],
    feature_map: FeatureMap,
    solved: tuple[Spectrum, Moments | None],
    prior: float,
    *,
    count: int = 17,
) -> tuple[list[Contender], list[Candidate]]:
    """The best λ of each head on one spectrum, and all candidates that were tried.

    Args:
        problem: rows and labels.
        heads: heads to compare.
        feature_map: from the rows to those of the spectrum.
        solved: the spectrum of the mapped rows, and the moments that it was solved from, or None.
        prior: the weight, in rows, of each class's name in the spectrum; 0 for none.
        count: number of λ in the grid.

    Examples:
        >>> from headstart.heads.ridge import RIDGE
        >>> from headstart.types import Task
        >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> problem, spectrum = Problem(x, y, Task("regression", ("y",)), (), None, 0), Spectrum.from_rows(x, y)
        >>> found, _ = best_penalties(problem, [RIDGE], FeatureMap("rows", ((0, 1),), "none"), (spectrum, None), 0.0)
        >>> found[0].candidate.lam < 1e-3
        True
    """
    spectrum, moments = solved
    tried: list[Candidate] = []
    best: dict[str, Contender] = {}
    press = lru_cache(4)(partial(_squared_error, problem))  # the heads share it
    grid = lambda_grid(spectrum, count)
    mapped = feature_map(problem.rows[problem.chosen])
    left_out = _left_out(spectrum, mapped, problem, _penalties(grid, tried))
    for several in _in_batches(left_out, len(grid), problem.chosen_targets.size):
        found = _calibrated(problem, heads, spectrum, several, prior)
        for k, one in enumerate(several):
            for head in heads:
                calibration, evidence = found[head.name][k]
                loss = float(evidence.losses.mean())
                candidate = Candidate(feature_map.name, head.name, one.lam, loss, prior=prior)
                tried.append(candidate)
                if head.name not in best or _better(loss, one, best[head.name], press):
                    solve, evidence = partial(_solve, head, spectrum, one.lam), replace(evidence, left_out=one)
                    best[head.name] = Contender(candidate, calibration, evidence, feature_map, moments, solve)
    return [_with_residuals(one, spectrum, problem) for one in best.values()], tried


def _better(loss: float, one: LeftOut, best: Contender, press: Callable[[LeftOut], float]) -> bool:
    """Whether a λ is better than the best so far; the left-out squared error decides where the losses are equal.

    Where no left-out answer is wrong, the temperature gives every λ the same loss (`fit_temperature`), up to rounding,
    which would choose a λ at random: also one so small that LDA divides by the rounding of the within-class variance.
    """
    gap, other = best.candidate.loss - loss, best.evidence.left_out
    if other is None or not abs(gap) <= TIED * abs(loss):
        return gap > 0
    return press(one) < press(other)


def _squared_error(problem: Problem, left_out: LeftOut) -> float:
    """PRESS (Allen 1974): the mean squared error of left-out least squares."""
    errors, weights = ((problem.chosen_targets - left_out.predictions) ** 2).sum(axis=1), problem.chosen_weights
    return float(errors.mean() if weights is None else errors @ weights / weights.sum())


def _in_batches(left_out: Iterator[LeftOut], count: int, cells: int) -> Iterator[list[LeftOut]]:
    """The first ``count`` of an iterator in lists of bounded size, and then what it gives in the light of those."""
    size = max(1, BATCH // cells)
    for first in range(0, count, size):
        yield list(islice(left_out, min(size, count - first)))
    yield from ([one] for one in left_out)


def _calibrated(
    problem: Problem, heads: Sequence[SpectralHead], spectrum: Spectrum, several: Sequence[LeftOut], prior: float
) -> dict[str, list[tuple[Calibration, Evidence]]]:
    """By name, the calibrations and evidence of each head at several λ."""
    scores = {head.name: _scores(problem, head, spectrum, several) for head in heads}
    whole = sum(found.size for found in scores.values())
    if whole > SMALL or not all(np.isfinite(found).all() for found in scores.values()):
        return {name: calibrated_each(problem, found, prior) for name, found in scores.items()}
    together, count = calibrated_each(problem, np.concatenate(list(scores.values())), prior), len(several)
    return {name: together[k * count : (k + 1) * count] for k, name in enumerate(scores)}


def _scores(
    problem: Problem, head: SpectralHead, spectrum: Spectrum, several: Sequence[LeftOut]
) -> NDArray[np.float64]:
    """Leave-one-out scores (L, n, k) of a head at several λ."""
    targets, groups, weights = problem.chosen_targets, problem.chosen_groups, problem.chosen_weights
    if isinstance(head, ScoresTogether):
        return head.left_out_scores_each(spectrum, several, targets, groups, sample_weight=weights)
    return np.stack([head.left_out_scores(spectrum, one, targets, groups, sample_weight=weights) for one in several])


def _with_residuals(contender: Contender, spectrum: Spectrum, problem: Problem) -> Contender:
    """The same contender with the residuals Yᵀ(I-H)Y, from which LDA without any of the rows follows."""
    if not is_classification(problem.task):
        return contender
    within = within_residuals(spectrum, contender.candidate.lam, spectrum.target_mean > NO_SHARE)
    return replace(contender, evidence=replace(contender.evidence, within=within))


def _solve(head: SpectralHead, spectrum: Spectrum, lam: float) -> Solution:
    return Solution(*head.coefficients(spectrum, lam))


def _penalties(grid: Iterable[float], tried: Sequence[Candidate]) -> Iterator[float]:
    """The λ of a grid, then the minimum of a parabola in log λ through the best λ and its two neighbours.

    Args:
        grid: λ at equal steps of log λ.
        tried: the candidates so far; the caller appends to it while iterating.
    """
    yield from grid
    best = min(tried, key=lambda candidate: candidate.loss)
    curve = sorted((candidate.lam, candidate.loss) for candidate in tried if candidate.head == best.head)
    place = curve.index((best.lam, best.loss))
    # no refinement at the ends of the grid, where there is only one neighbour
    if not 0 < place < len(curve) - 1:
        return
    (below, left), (middle, low), (above, right) = curve[place - 1 : place + 2]
    bend = left - 2 * low + right
    if not bend > TIED * abs(low):
        return  # equal up to rounding
    # vertex at ½ (left - right)/bend steps from the middle; √(above/below) is one step as a factor
    if np.isfinite(bend):
        yield float(middle * np.sqrt(above / below) ** (0.5 * (left - right) / bend))


def _left_out(
    spectrum: Spectrum, mapped: NDArray[Any], problem: Problem, lambdas: Iterator[float]
) -> Iterator[LeftOut]:
    targets, groups, weights = problem.chosen_targets, problem.chosen_groups, problem.chosen_weights
    if groups is None or len(np.unique(groups)) == len(groups):
        return leave_one_out(spectrum, mapped, targets, lambdas, sample_weight=weights)
    return leave_one_group_out(spectrum, mapped, targets, groups, lambdas, sample_weight=weights)
