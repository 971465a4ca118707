"""Source selection by out-of-fold loss: the parts of a fused source, each alone and combined.

Every fused source adds a body to each prediction, so fusion must be worth its cost. With ``auto``, a fused candidate is
used only if its out-of-fold loss is significantly lower than that of the best single part (one-sided 95% interval of
the paired difference, clustered by group). Otherwise the best single part is used, and a note reports it. A fusion
method given by name is always used; the note then reports whether it helped.

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
from headstart.heads.contenders.contender import Contend, Contender, FeatureChoice, Solution, calibrated_evidence
from headstart.heads.estimator.cross_fitting import cross_fitted_scores, quietly_fitted
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate
from headstart.heads.fusion.banded_ridge import banded_map, optimism
from headstart.heads.fusion.head2toe import selection_contender
from headstart.heads.fusion.late_fusion import stack_contender
from headstart.heads.fusion.maps import concatenated_maps, single_maps
from headstart.heads.problem import HeadSearch, Problem
from headstart.heads.registry import HEADS, SpectralHead
from headstart.heads.standard_error import mean_and_error
from headstart.tasks import base_kind

__all__ = ["beats", "choose_fusion"]

ONE_SIDED = 1.645  # standard errors


def beats(one: Contender, other: Contender, problem: Problem, handicap: float = 0.0) -> tuple[bool, float, float]:
    """Whether the out-of-fold loss of ``one`` is significantly lower than that of ``other``.

    Args:
        one: a contender.
        other: another contender; rows that both were evaluated on are compared.
        problem: its groups count as one observation each.
        handicap: added to the loss of ``one``, to correct for its optimism; default 0.

    Returns:
        The answer, the mean paired difference (negative if ``one`` is better), and its standard error.

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
    # paired differences need the rows that both were evaluated on
    _, mine, its = np.intersect1d(one.evidence.index, other.evidence.index, return_indices=True)
    difference = one.evidence.losses[mine] - other.evidence.losses[its]
    together = None if problem.groups is None else problem.groups[one.evidence.index[mine]]
    mean, error = mean_and_error(difference + handicap, together)
    return mean < -ONE_SIDED * error, mean, error


def choose_fusion(problem: Problem, search: HeadSearch, contend: Contend) -> FeatureChoice:
    """Compare the parts of a fused source, each alone and combined.

    Args:
        problem: rows of a fused source.
        search: ``fusion`` names the fusion method.
        contend: fits heads on feature maps.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.types import Block, Task
        >>> rng, y = np.random.default_rng(0), np.repeat([0, 1], 30)
        >>> rows = rng.normal(size=(60, 4)) + np.array([2.0, 0.0, 0.0, 0.0]) * y[:, None]
        >>> blocks = (Block("a/last", 2, "a"), Block("b/last", 2, "b"))
        >>> head = select_head(rows, y, Task("classification", ("n", "p")), blocks=blocks)
        >>> head.feature_map.blocks, head.notes[0].partition(" (")[0]
        (((0, 2),), 'Fusing does not clearly help here')
    """
    tried: list[Candidate] = []
    alone: dict[str, list[Contender]] = {}
    for part, maps in single_maps(problem.rows, problem.blocks, search.layers).items():
        alone[part], more = contend(maps)
        tried += more
    best_part = min(alone, key=lambda part: _lowest_loss(alone[part]).candidate.loss)
    single = _lowest_loss(alone[best_part])
    if search.fusion == "none":
        loss = f"{single.candidate.loss:.3f}"
        note = f"Fusing was not tried: '{best_part}' alone has the lowest out-of-fold loss ({loss})."
        return FeatureChoice(alone[best_part], tried, (note,))
    fused, more = _fused(problem, search, contend, alone)
    tried += more
    handicaps = {_banded_name(alone): optimism(problem)}
    # all fusion methods need the same bodies, so only the loss decides between them
    best = min(fused, key=lambda one: one.candidate.loss + handicaps.get(one.candidate.features, 0.0))
    fused = [best, *(one for one in fused if one is not best and one.candidate.loss >= best.candidate.loss)]
    helps, mean, error = beats(best, single, problem, handicaps.get(best.candidate.features, 0.0))
    losses = f"out-of-fold loss {best.candidate.loss:.3f} fused, {single.candidate.loss:.3f} with '{best_part}' alone"
    gap = f"difference {mean:+.3f}, standard error {error:.3f}"
    if search.fusion != "auto":
        worth = "helps" if helps else "does not clearly help" if mean < 0 else "does not help"
        using = f"using {best.candidate.features}"
        note = f"Fused by {search.fusion} as requested: {using}. It {worth} here ({losses}; {gap})."
        return FeatureChoice(fused, tried, (note,))
    if helps:
        return FeatureChoice(fused, tried, (f"Fusing helps here ({losses}; {gap}): using {best.candidate.features}.",))
    worth = "does not clearly help" if mean < 0 else "does not help"
    note = f"Fusing {worth} here ({losses}; {gap}): using '{best_part}' alone."
    return FeatureChoice(alone[best_part], tried, (note,))


def _banded_name(alone: Mapping[str, Any]) -> str:
    return f"banded blocks of {' + '.join(alone)}"


def _lowest_loss(contenders: Sequence[Contender]) -> Contender:
    return min(contenders, key=lambda one: one.candidate.loss)


def _fused(
    problem: Problem, search: HeadSearch, contend: Contend, alone: dict[str, list[Contender]]
) -> tuple[list[Contender], list[Candidate]]:
    """Contenders and candidates of the requested fusion methods."""
    names = " + ".join(alone)
    wanted = _methods(search)
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
        all_blocks = concatenated_maps(problem.rows, problem.blocks)[-1]
        contender, more = selection_contender(problem, all_blocks, f"selected features of {names}", contend)
        found.append(contender)
        tried += more
    if "attention" in wanted:
        found.append(_attention(problem, names))
        tried.append(found[-1].candidate)
    return found, tried


def _methods(search: HeadSearch) -> tuple[str, ...]:
    """The fusion methods to try; banded ridge uses all layers, so ``auto`` skips it if only last layers are wanted."""
    if search.fusion != "auto":
        return (search.fusion,)
    return ("concat", "stack") if search.layers == "last" else ("concat", "banded", "stack")


def _attention(problem: Problem, names: str) -> Contender:
    """Attention over the last layers of the parts, evaluated by cross-validation."""
    from headstart.heads.attention import ATTENTION, AttentionHead

    if base_kind(problem.task) not in ATTENTION.tasks:
        raise ParameterError(
            f"Fusion by attention supports classification only. Got a {problem.task.kind} task; choose another method."
        )
    last_layers = concatenated_maps(problem.rows, problem.blocks)[0]
    widths = tuple(stop - start for start, stop in last_layers.blocks)
    make = partial(AttentionHead, widths, seed=problem.seed)
    mapped, y = last_layers(problem.rows[problem.chosen]), problem.y[problem.chosen]
    scores, _ = cross_fitted_scores(make, mapped, y, problem.task, groups=problem.chosen_groups, seed=problem.seed)
    calibration, evidence = calibrated_evidence(problem, scores)
    name = f"attention over {names}"
    candidate = Candidate(name, ATTENTION.name, float("nan"), float(evidence.losses.mean()))
    solve = partial(_fitted_attention, make, mapped, y, problem.task.num_outputs)
    return Contender(candidate, calibration, evidence, replace(last_layers, name=name), None, solve)


def _fitted_attention(make: Callable[[], Any], mapped: NDArray[Any], y: NDArray[Any], outputs: int) -> Solution:
    return Solution(np.empty((0, outputs)), np.zeros(outputs), quietly_fitted(make(), mapped, y))


def _stack(problem: Problem, alone: dict[str, list[Contender]], names: str) -> Contender:
    # only linear heads can be merged into one; `choose_features` always tries at least one
    linear = [[one for one in own if isinstance(HEADS[one.candidate.head], SpectralHead)] for own in alone.values()]
    return stack_contender(problem, [_lowest_loss(own) for own in linear if own], f"stacked {names}")
