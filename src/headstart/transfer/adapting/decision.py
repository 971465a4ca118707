"""Whether a candidate replaces the model as it is: by shift, by unlabelled scores beyond their noise, by class shares.

Unlabelled scores are noisy, and some reward a model that gives all items one class. So a candidate must be first by the
mean of its ranks among those that are better by two scores beyond chance and worse by none, and it must predict classes
in shares that are possible. Otherwise nothing is adapted.

Reference: Lalou et al., "SKADA-Bench: Benchmarking unsupervised domain adaptation methods with realistic validation",
TMLR 2024 (with a realistic choice few methods beat no adaptation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from headstart.transfer.adapting.candidates import NONE
from headstart.transfer.adapting.scores import SCORES, CandidateScores

__all__ = ["AdaptationDecision", "CandidateComparison", "decide_adaptation"]

Array = NDArray[np.float64]
LEVEL = 0.025
"""Of a one-sided test of one score, shared among the candidates (Bonferroni)."""
OF_SOURCE = ("deep_embedded", "circular")  # scores of source items; the others are of target items
AGREEING = 2  # scores that must be better
FARTHEST = 0.25  # total variation between predicted and expected class shares


@dataclass(frozen=True)
class CandidateComparison:
    """A candidate against the model as it is.

    Attributes:
        name: of the candidate.
        values: its scores, higher is better.
        differences: by score, its mean minus that of ``"none"``.
        z: by score, the difference in standard errors.
        rank: mean of its ranks among all candidates, by the scores that all have; the highest is the best.
        shares: of the classes that it predicts.
        distance: of these from the expected shares: half the sum of absolute differences.
        refused: why it was not taken; empty for the one that was.
    """

    name: str
    values: Mapping[str, float]
    differences: Mapping[str, float]
    z: Mapping[str, float]
    rank: float
    shares: tuple[float, ...]
    distance: float
    refused: str = ""


@dataclass(frozen=True)
class AdaptationDecision:
    """What was chosen, and why.

    Attributes:
        chosen: name of the candidate, or ``"none"``.
        why: a sentence.
        candidates: each against the model as it is, best rank first.

    Examples:
        >>> AdaptationDecision("none", "No shift was found.", ()).adapts
        False
    """

    chosen: str
    why: str
    candidates: tuple[CandidateComparison, ...]

    @property
    def adapts(self) -> bool:
        """Whether anything is adapted."""
        return self.chosen != NONE


def decide_adaptation(
    found: Mapping[str, CandidateScores], expected: Array, *, groups: NDArray[np.int64] | None = None
) -> AdaptationDecision:
    """Choose among candidates by their unlabelled scores.

    Args:
        found: scores by candidate; ``"none"`` is one of them.
        expected: (k,) class shares that the target is expected to have.
        groups: (n,) codes of source items that belong together.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> def scores(share):
        ...     return CandidateScores({n: (rng.random(300) < share) * 1.0 for n in SCORES}, np.array([0.5, 0.5]))
        >>> decide_adaptation({"none": scores(0.5), "coral": scores(0.9)}, np.array([0.5, 0.5])).chosen
        'coral'
        >>> decide_adaptation({"none": scores(0.5), "coral": scores(0.52)}, np.array([0.5, 0.5])).chosen
        'none'
    """
    names = list(found)
    common = [score for score in SCORES if all(score in one.items for one in found.values())]
    ranks = np.mean([rankdata([found[name].values[score] for name in names]) for score in common], axis=0)
    order = sorted(zip(names, ranks, strict=True), key=lambda one: (-one[1], one[0]))
    against = {name: _differences(found[name], found[NONE], groups) for name in names}
    compared = [
        CandidateComparison(
            name, found[name].values, *against[name], float(rank), tuple(found[name].shares.tolist()),
            0.5 * float(np.abs(found[name].shares - expected).sum()),
        )
        for name, rank in order
    ]  # fmt: skip
    bound = float(norm.isf(LEVEL / max(len(names) - 1, 1)))
    none = next(one for one in compared if one.name == NONE)
    judged = _judged(compared, none, bound)
    chosen = next((one for one in judged if not one.refused), none)
    if chosen.name == NONE:
        why = (
            f"The model stays as it is: no candidate is better than no adaptation by {AGREEING} scores beyond their "
            "noise, and worse by none."
        )
    else:
        better = ", ".join(f"{score} {chosen.differences[score]:+.3f}" for score in chosen.differences)
        why = f"'{chosen.name}' is better than no adaptation beyond the noise of the unlabelled scores ({better})."
    return AdaptationDecision(chosen.name, why, tuple(judged))


def _differences(
    own: CandidateScores, none: CandidateScores, groups: NDArray[np.int64] | None
) -> tuple[dict[str, float], dict[str, float]]:
    """By score that both have, the mean difference, and the same in standard errors."""
    both = [score for score in SCORES if score in own.items and score in none.items]
    changes = {score: own.items[score] - none.items[score] for score in both}
    z = {score: _standardised(change, groups if score in OF_SOURCE else None) for score, change in changes.items()}
    return {score: float(change.mean()) for score, change in changes.items()}, z


def _standardised(change: Array, groups: NDArray[np.int64] | None) -> float:
    """The mean in standard errors, of groups where items belong together."""
    centred = change - change.mean()
    sums = centred if groups is None else np.bincount(np.unique(groups, return_inverse=True)[1], centred)
    error = float(np.sqrt((sums**2).sum())) / len(change)
    if error > 0:
        return float(change.mean() / error)
    return float(np.copysign(np.inf, change.mean())) if change.any() else 0.0


def _judged(
    compared: Sequence[CandidateComparison], none: CandidateComparison, bound: float
) -> list[CandidateComparison]:
    """Each with the reason why it was not taken; the first one without any is taken."""
    judged: list[CandidateComparison] = []
    for one in compared:
        why = "" if one.name == NONE else _refusal(one, none, bound)
        taken = any(not other.refused for other in judged if other.name != NONE)
        judged.append(replace(one, refused="another candidate is ranked higher" if not why and taken else why))
    if any(not one.refused for one in judged if one.name != NONE):
        return [replace(one, refused="another candidate is better") if one.name == NONE else one for one in judged]
    return judged


def _refusal(one: CandidateComparison, none: CandidateComparison, bound: float) -> str:
    """Why a candidate is not shown to be better than no adaptation; empty if it is."""
    better = [score for score, z in one.z.items() if z > bound]
    worse = [score for score, z in one.z.items() if z < -bound]
    if worse:
        return f"it is worse by {', '.join(worse)}"
    if len(better) < AGREEING:
        return f"only {len(better)} of {len(one.z)} scores are better beyond their noise"
    if one.distance > max(FARTHEST, none.distance):
        return f"the shares of the classes that it predicts are {one.distance:.2f} from the expected ones"
    return ""
