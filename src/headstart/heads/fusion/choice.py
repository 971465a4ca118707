"""Source selection by left-out loss: the parts of a fused source by themselves and together.

Fusing costs another body at every prediction, so it has to pay: a fused candidate is taken only if its left-out loss is
lower than that of the best single part by more than chance explains (a one-sided 95% interval of the paired
difference, rows of a group counting as one). Else the best single part is used, and it is said. A way to fuse that is
named is used whatever is better; what would have been better is said.

Command: headstart fit DATA --source NAME --source NAME --fusion auto
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.heads.contenders.contender import Contend, Contender, FeatureChoice, Solution, weigh
from headstart.heads.estimator.cross_fitting import cross_fitted_scores, quietly_fitted
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate
from headstart.heads.fusion.banded_ridge import banded_map, optimism
from headstart.heads.fusion.head2toe import selection_contender
from headstart.heads.fusion.late_fusion import stacked
from headstart.heads.fusion.maps import concatenated_maps, single_maps
from headstart.heads.problem import HeadSearch, Problem
from headstart.heads.registry import HEADS, SpectralHead
from headstart.heads.standard_error import mean_and_error
from headstart.tasks import base_kind

__all__ = ["beats", "choose_fusion"]

ONE_SIDED = 1.645  # standard errors


def beats(one: Contender, other: Contender, problem: Problem, handicap: float = 0.0) -> tuple[bool, float, float]:
    """Whether ``one`` has a lower left-out loss by more than chance explains, with the difference and its error.

    Args:
        one: a contender.
        other: another, on at least the same rows.
        problem: whose groups count as one draw.
        handicap: by how much the loss of ``one`` is too low.

    Examples:
        >>> from headstart.heads.contenders.spectral import spectral_contenders
        >>> from headstart.heads.ridge import RIDGE
        >>> from headstart.types import Task
        >>> y = np.repeat([0, 1], 20)
        >>> rows = np.column_stack([3.0 * y, np.zeros(40)]) + np.random.default_rng(0).normal(size=(40, 2))
        >>> problem = Problem(rows, y, Task("classification", ("n", "p")), (), None, 0)
        >>> maps = [FeatureMap("told apart", ((0, 1),), "none"), FeatureMap("noise", ((1, 2),), "none")]
        >>> signal, noise = (spectral_contenders(problem, [one], [RIDGE])[0][0] for one in maps)
        >>> beats(signal, noise, problem)[0], beats(noise, signal, problem)[0]
        (True, False)
    """
    _, mine, its = np.intersect1d(one.evidence.index, other.evidence.index, return_indices=True)
    difference = one.evidence.losses[mine] - other.evidence.losses[its]
    together = None if problem.groups is None else problem.groups[one.evidence.index[mine]]
    mean, error = mean_and_error(difference + handicap, together)
    return mean < -ONE_SIDED * error, mean, error


def choose_fusion(problem: Problem, search: HeadSearch, contend: Contend) -> FeatureChoice:
    """Compare the parts of a fused source by themselves and together.

    Args:
        problem: rows of a fused source.
        search: ``fusion`` names the ways to fuse.
        contend: gives the contenders of feature maps, and all that was tried for them.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.types import Block, Task
        >>> rng, y = np.random.default_rng(0), np.repeat([0, 1], 30)
        >>> rows = rng.normal(size=(60, 4)) + np.array([2.0, 0.0, 0.0, 0.0]) * y[:, None]
        >>> blocks = (Block("a/last", 2, "a"), Block("b/last", 2, "b"))
        >>> head = select_head(rows, y, Task("classification", ("n", "p")), blocks=blocks)
        >>> head.feature_map.blocks, head.notes[0][:31]
        (((0, 2),), 'Fusing does not help here (left')
    """
    tried: list[Candidate] = []
    alone: dict[str, list[Contender]] = {}
    for part, maps in single_maps(problem.rows, problem.blocks, search.layers).items():
        alone[part], more = contend(maps)
        tried += more
    best_part = min(alone, key=lambda part: _least(alone[part]).candidate.loss)
    single = _least(alone[best_part])
    if search.fusion == "none":
        note = f"Fusing was not tried: '{best_part}' alone has the lowest left-out loss ({single.candidate.loss:.3f})."
        return FeatureChoice(alone[best_part], tried, (note,))
    fused, more = _fused(problem, search, contend, alone)
    tried += more
    handicaps = {_banded_name(alone): optimism(problem)}
    # the bodies cost the same whichever way they are put together
    best = min(fused, key=lambda one: one.candidate.loss + handicaps.get(one.candidate.features, 0.0))
    fused = [best, *(one for one in fused if one is not best and one.candidate.loss >= best.candidate.loss)]
    helps, mean, error = beats(best, single, problem, handicaps.get(best.candidate.features, 0.0))
    losses = f"left-out loss {best.candidate.loss:.3f} fused, {single.candidate.loss:.3f} by '{best_part}' alone"
    gap = f"difference {mean:+.3f}, standard error {error:.3f}"
    if search.fusion != "auto":
        worth = "helps" if helps else "does not help"
        note = f"Fused by {search.fusion} as asked: using {best.candidate.features}. It {worth} here ({losses}; {gap})."
        return FeatureChoice(fused, tried, (note,))
    if helps:
        return FeatureChoice(fused, tried, (f"Fusing helps here ({losses}; {gap}): using {best.candidate.features}.",))
    note = f"Fusing does not help here ({losses}; {gap}): using '{best_part}' alone."
    return FeatureChoice(alone[best_part], tried, (note,))


def _banded_name(alone: Mapping[str, Any]) -> str:
    return f"banded blocks of {' + '.join(alone)}"


def _least(contenders: Sequence[Contender]) -> Contender:
    return min(contenders, key=lambda one: one.candidate.loss)


def _fused(
    problem: Problem, search: HeadSearch, contend: Contend, alone: dict[str, list[Contender]]
) -> tuple[list[Contender], list[Candidate]]:
    """The contenders of the ways to fuse that are asked for."""
    names = " + ".join(alone)
    wanted = _ways(search)
    found: list[Contender] = []
    tried: list[Candidate] = []
    maps: list[FeatureMap] = []
    if "concat" in wanted:
        maps += concatenated_maps(problem.rows, problem.blocks, search.layers)
    if "banded" in wanted:
        maps.append(banded_map(problem, _banded_name(alone)))
    if maps:
        found, tried = contend(maps)
    if "stack" in wanted:
        found.append(_stack(problem, alone, names))
        tried.append(found[-1].candidate)
    if "select" in wanted:
        whole = concatenated_maps(problem.rows, problem.blocks)[-1]
        contender, more = selection_contender(problem, whole, f"selected features of {names}", contend)
        found.append(contender)
        tried += more
    if "attention" in wanted:
        found.append(_attention(problem, names))
        tried.append(found[-1].candidate)
    return found, tried


def _ways(search: HeadSearch) -> tuple[str, ...]:
    """What is asked for; bands are of all layers, so that nothing banded is tried where the last ones are wanted."""
    if search.fusion != "auto":
        return (search.fusion,)
    return ("concat", "stack") if search.layers == "last" else ("concat", "banded", "stack")


def _attention(problem: Problem, names: str) -> Contender:
    """Attention over the last layers of the parts, left out by folds."""
    from headstart.heads.attention import ATTENTION, AttentionHead

    if base_kind(problem.task) not in ATTENTION.tasks:
        raise ParameterError(f"Attention fuses sources for classification; for {problem.task.kind} take another way.")
    whole = concatenated_maps(problem.rows, problem.blocks)[0]
    widths = tuple(stop - start for start, stop in whole.blocks)
    make = partial(AttentionHead, widths, seed=problem.seed)
    mapped, y = whole(problem.rows[problem.chosen]), problem.y[problem.chosen]
    scores, _ = cross_fitted_scores(make, mapped, y, problem.task, groups=problem.together, seed=problem.seed)
    calibration, evidence = weigh(problem, scores)
    name = f"attention over {names}"
    candidate = Candidate(name, ATTENTION.name, float("nan"), float(evidence.losses.mean()))
    solve = partial(_fitted_attention, make, mapped, y, problem.task.num_outputs)
    return Contender(candidate, calibration, evidence, replace(whole, name=name), None, solve)


def _fitted_attention(make: Callable[[], Any], mapped: NDArray[Any], y: NDArray[Any], outputs: int) -> Solution:
    return Solution(np.empty((0, outputs)), np.zeros(outputs), quietly_fitted(make(), mapped, y))


def _stack(problem: Problem, alone: dict[str, list[Contender]], names: str) -> Contender:
    linear = [[one for one in own if isinstance(HEADS[one.candidate.head], SpectralHead)] for own in alone.values()]
    return stacked(problem, [_least(own) for own in linear if own], f"stacked {names}")
