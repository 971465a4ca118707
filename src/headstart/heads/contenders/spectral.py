"""Closed-form candidates: every feature map, head and λ, compared by exact leave-one-out loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contender, Solution, calibrated_evidence
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate
from headstart.heads.problem import Problem
from headstart.heads.registry import SpectralHead
from headstart.heads.spectral.class_name_prior import spectra_with_prior
from headstart.heads.spectral.spectra import solved_maps
from headstart.linear.lda_without import within_residuals
from headstart.linear.leave_out import LeftOut, leave_one_group_out, leave_one_out
from headstart.linear.moments import Moments
from headstart.linear.optimal_scoring import NO_SHARE
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.tasks import is_classification

__all__ = ["spectral_contenders"]


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
            best, tried = _best_penalties(problem, heads, feature_map, (spectrum, moments), prior, count=penalties)
            found += best
            every += tried
    return found, every


def _best_penalties(
    problem: Problem,
    heads: Sequence[SpectralHead],
    feature_map: FeatureMap,
    solved: tuple[Spectrum, Moments | None],
    prior: float,
    *,
    count: int,
) -> tuple[list[Contender], list[Candidate]]:
    """The best λ of each head on one spectrum, and all candidates that were tried."""
    spectrum, moments = solved
    tried: list[Candidate] = []
    best: dict[str, Contender] = {}
    penalties = _penalties(lambda_grid(spectrum, count), tried)
    mapped = feature_map(problem.rows[problem.chosen])
    for left_out in _left_out(spectrum, mapped, problem, penalties):
        for head in heads:
            scores = head.left_out_scores(
                spectrum, left_out, problem.chosen_targets, problem.chosen_groups, sample_weight=problem.chosen_weights
            )
            calibration, evidence = calibrated_evidence(problem, scores, prior)
            candidate = Candidate(feature_map.name, head.name, left_out.lam, float(evidence.losses.mean()), prior=prior)
            tried.append(candidate)
            if head.name not in best or candidate.loss < best[head.name].candidate.loss:
                solve, evidence = partial(_solve, head, spectrum, left_out.lam), replace(evidence, left_out=left_out)
                best[head.name] = Contender(candidate, calibration, evidence, feature_map, moments, solve)
    return [_with_residuals(one, spectrum, problem) for one in best.values()], tried


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
    # vertex at ½ (left - right)/bend steps from the middle; √(above/below) is one step as a factor
    if bend > 0 and np.isfinite(bend):
        yield float(middle * np.sqrt(above / below) ** (0.5 * (left - right) / bend))


def _left_out(
    spectrum: Spectrum, mapped: NDArray[Any], problem: Problem, lambdas: Iterator[float]
) -> Iterator[LeftOut]:
    targets, groups, weights = problem.chosen_targets, problem.chosen_groups, problem.chosen_weights
    if groups is None or len(np.unique(groups)) == len(groups):
        return leave_one_out(spectrum, mapped, targets, lambdas, sample_weight=weights)
    return leave_one_group_out(spectrum, mapped, targets, groups, lambdas, sample_weight=weights)
