"""Scores of a candidate without target labels: one number for each item, so that candidates are compared in pairs.

Four scores that fail in different ways: deep embedded validation trusts the importance weights, circular validation
the way back from predicted labels, the agreement of neighbours the clusters of the target, and the last one the shares
of the classes: where the target has those of the source, the error is at least the total variation between them and the
predicted ones. Where the sides hardly overlap, a few source items have nearly all of the weight, and deep embedded
validation is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.adapt.validation.deep_embedded_validation import deep_embedded_validation
from headstart.adapt.validation.neighbourhood_agreement import neighbourhood_agreement
from headstart.heads import HeadSearch, select_head
from headstart.transfer.adapting.candidates import AdapterCandidate, DomainPair, solve_candidate
from headstart.types import Task

__all__ = ["SCORES", "CandidateScores", "score_candidate"]

Array = NDArray[np.float64]
SCORES = ("deep_embedded", "circular", "neighbours", "shares")
LEAST_EFFECTIVE = 0.1  # effective sample size of the weights, as a share of the items, below which they say nothing
DOMAINS = Task("classification", ("source", "target"))


@dataclass(frozen=True, eq=False)
class CandidateScores:
    """The scores of a candidate, higher is better.

    Attributes:
        items: by the name of a score, its value for each item; the mean is the score. Without ``"deep_embedded"`` where
            the importance weights rest on fewer than a tenth of the items.
        shares: (k,) of the classes among the predictions for the target.
        effective: effective sample size of the importance weights, as a share of the source items.

    Examples:
        >>> CandidateScores({"circular": np.array([1.0, 0.0])}, np.array([0.5, 0.5])).values
        {'circular': 0.5}
    """

    items: dict[str, Array]
    shares: Array
    effective: float = 1.0

    @property
    def values(self) -> dict[str, float]:
        """The score by name."""
        return {name: float(value.mean()) for name, value in self.items.items()}


def score_candidate(candidate: AdapterCandidate, pair: DomainPair, *, seed: int = 0) -> CandidateScores:
    """The scores of a candidate.

    Args:
        candidate: an adapter with its head.
        pair: the samples that it was fitted to.
        seed: of heads on more than 5,000 rows.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs, xt = rng.normal(size=(60, 2)), rng.normal(size=(50, 2)) + 5
        >>> xs[:, 0] += 3 * (np.arange(60) % 2)
        >>> xt[:, 0] += 3 * (np.arange(50) % 2)
        >>> pair = DomainPair(xs, np.arange(60) % 2, xt, Task("classification", ("low", "high")))
        >>> plain, moved = [score_candidate(solve_candidate(name, pair), pair) for name in ("none", "standardisation")]
        >>> plain.values["circular"] < moved.values["circular"]
        True
    """
    outputs = candidate.target_scores(pair.xt)
    labels = outputs.argmax(axis=1)
    evidence = candidate.evidence
    weights = _domain_weights(candidate.zs, candidate.zt, pair.groups, seed)[evidence.index]
    effective = float(weights.sum() ** 2 / (weights**2).sum() / len(weights))
    count = outputs.shape[1]
    expected = np.bincount(pair.ys, minlength=count) / len(pair.ys)
    items = {
        "shares": _share_agreement(labels, expected),
        "circular": _circular(candidate, pair, labels, seed),
        "neighbours": neighbourhood_agreement(labels, pair.near),
    }
    if effective >= LEAST_EFFECTIVE:
        items["deep_embedded"] = -deep_embedded_validation(evidence.losses, weights / weights.mean())
    return CandidateScores(items, np.bincount(labels, minlength=count) / len(labels), effective)


def _share_agreement(labels: NDArray[np.intp], expected: Array) -> Array:
    """(m,) for each predicted label; the mean is minus the total variation ½Σ|p_c - π_c| from the expected shares."""
    found = np.bincount(labels, minlength=len(expected)) / len(labels)
    sign = np.sign(found - expected)
    return np.asarray(-0.5 * (sign[labels] - sign @ expected))


def _domain_weights(zs: Array, zt: Array, groups: NDArray[np.int64] | None, seed: int) -> Array:
    """(n,) p_target/p_source of the source rows, from left-out predictions of which side a row belongs to."""
    together = None if groups is None else np.concatenate([groups, groups.max() + 1 + np.arange(len(zt))])
    side = np.repeat([0, 1], [len(zs), len(zt)])
    head = select_head(
        np.concatenate([zs, zt]), side, DOMAINS, groups=together, search=HeadSearch(("ridge",)), seed=seed
    )
    evidence = head.evidence
    if evidence is None:
        raise AssertionError("a head that was just solved has evidence")
    of_target = np.full(len(side), len(zt) / len(side))
    of_target[evidence.index] = evidence.outputs[:, 1]
    odds = of_target[: len(zs)] / np.maximum(1 - of_target[: len(zs)], 1e-12)
    return np.asarray(odds * len(zs) / len(zt))


def _circular(candidate: AdapterCandidate, pair: DomainPair, labels: NDArray[np.intp], seed: int) -> Array:
    """Whether the way back from predicted target labels gives each source item its label."""
    if len(np.unique(labels)) < 2:
        return np.zeros(len(pair.ys))
    back = solve_candidate(candidate.name, pair.turned(labels), heads=(candidate.head.head,), seed=seed)
    return np.asarray(back.target_scores(pair.xs).argmax(axis=1) == pair.ys, dtype=np.float64)
