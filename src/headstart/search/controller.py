"""Controller: a policy over the values of each gene, trained by REINFORCE to propose points of high reward.

The reward of a point is exp(-loss), for a classification the geometric mean of the probabilities of the right labels.
The policy is a table: a softmax for each gene, independent of the others. After each try the logits θ go a step of Adam
up the gradient of (R - b) ln π(point) + 10⁻⁴ H(π), where b is the running mean of rewards (decay 0.95) and H the
entropy. Genes without effect at a point have no part in ln π.

The recipe is that of Zoph & Le, except for the learning rate: their 0.00035 is for a recurrent network, whose weights
are shared among all logits, and for 12,800 tries. A table has one weight for each logit, and a search hundreds of
tries: on random tables of 1,024 points the mean reward of 300 tries was 0.781 at a rate of 0.03, 0.511 at 0.00035, and
0.505 for random draws.

Command: headstart search DATA --method controller

References: Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
Machine Learning 1992; Zoph & Le, "Neural architecture search with reinforcement learning", ICLR 2017.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.search.registry import Bench
from headstart.search.space import Point, Space

__all__ = ["CONTROLLER", "Controller", "ReinforceController", "policy_gradient"]

Array = NDArray[np.float64]
RATE, BASELINE, ENTROPY = 0.03, 0.95, 1e-4
BETAS, EPSILON = (0.9, 0.999), 1e-8


def policy_gradient(
    logits: Sequence[Array], point: Sequence[int], advantage: float, *, active: Sequence[int], entropy: float = ENTROPY
) -> list[Array]:
    """The gradient, to the logits of each gene, of advantage · ln π(point) + entropy · H(π) over the active genes.

    Args:
        logits: of each gene, (number of values,).
        point: that was proposed.
        advantage: its reward minus the baseline.
        active: positions of the genes that have an effect at the point.
        entropy: weight of the entropy.

    Examples:
        >>> policy_gradient([np.zeros(2)], (1,), 1.0, active=[0])[0]
        array([-0.5,  0.5])
    """
    found = [np.zeros_like(one) for one in logits]
    for k in active:
        log_share = _log_softmax(logits[k])
        share = np.exp(log_share)
        step = -advantage * share
        step[point[k]] += advantage
        found[k] = step - entropy * share * (log_share - share @ log_share)
    return found


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


class Controller:
    """A running search by REINFORCE.

    Args:
        space: the points.
        seed: of the draws.
        rate: learning rate of Adam, default 0.03.
        baseline: loss from which the baseline starts; None for that of the first try.

    Examples:
        >>> from headstart.search.space import Gene
        >>> running = Controller(Space((Gene("a", (0, 1, 2)),)), seed=0)
        >>> for _ in range(200):
        ...     point = running.propose()
        ...     running.observe(point, 0.0 if point == (2,) else 1.0)
        >>> bool(running.shares(0)[2] > 0.9)
        True
    """

    def __init__(self, space: Space, seed: int, *, rate: float = RATE, baseline: float | None = None) -> None:
        self._space, self._rng, self._rate = space, np.random.default_rng(seed), rate
        self._logits = [np.zeros(size) for size in space.sizes]
        self._first = [np.zeros(size) for size in space.sizes]
        self._second = [np.zeros(size) for size in space.sizes]
        self._baseline = None if baseline is None else _reward(baseline)
        self._steps = 0

    def shares(self, gene: int) -> Array:
        """The probability of each value of a gene."""
        return np.asarray(np.exp(_log_softmax(self._logits[gene])))

    def propose(self) -> Point:
        """A point drawn from the policy."""
        drawn = [int(self._rng.choice(len(one), p=self.shares(k))) for k, one in enumerate(self._logits)]
        return self._space.canonical(drawn)

    def observe(self, point: Point, loss: float) -> None:
        """One step of Adam up the gradient."""
        reward = _reward(loss)
        before = reward if self._baseline is None else self._baseline
        self._baseline = BASELINE * before + (1 - BASELINE) * reward
        self._step(policy_gradient(self._logits, point, reward - before, active=self._space.active(point)))

    def _step(self, gradient: Sequence[Array]) -> None:
        self._steps += 1
        for k, slope in enumerate(gradient):
            self._first[k] = BETAS[0] * self._first[k] + (1 - BETAS[0]) * slope
            self._second[k] = BETAS[1] * self._second[k] + (1 - BETAS[1]) * slope**2
            mean = self._first[k] / (1 - BETAS[0] ** self._steps)
            spread = self._second[k] / (1 - BETAS[1] ** self._steps)
            self._logits[k] = self._logits[k] + self._rate * mean / (np.sqrt(spread) + EPSILON)


def _reward(loss: float) -> float:
    return math.exp(-max(loss, 0.0))


@dataclass(frozen=True)
class ReinforceController:
    """REINFORCE with a table of logits.

    Attributes:
        name: ``"controller"``.

    Examples:
        >>> from headstart.search.space import Gene
        >>> CONTROLLER.start(Space((Gene("a", (1, 2)),)), Bench(), seed=0).propose() in [(0,), (1,)]
        True
    """

    name: str = "controller"

    def start(self, space: Space, bench: Bench, seed: int) -> Controller:
        """A search from its beginning; the first known loss is the baseline."""
        return Controller(space, seed, baseline=bench.known[0][1] if bench.known else None)


CONTROLLER = ReinforceController()
