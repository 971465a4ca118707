"""Whether the winner of a search replaces the default: a paired comparison on items that the search never saw."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headstart.evaluate.formatting import metric_name
from headstart.evaluate.pairs.paired_outputs import PairedOutputs
from headstart.evaluate.pairs.result import Pair
from headstart.evaluate.pairs.sentences import change_words
from headstart.heads.fitted import Evidence
from headstart.heads.standard_error import mean_and_error
from headstart.search.winners_curse import expected_maximum
from headstart.transfer.stages.judge import Judged
from headstart.types import Dataset

__all__ = ["Lead", "SearchDecision", "decide"]

MARGIN = 0.02  # of equivalence, which is not reported
SAME = "The winner gives the same answers as the default, which stays."


@dataclass(frozen=True)
class Lead:
    """How far the winner led the default in the loss that the search minimised, and how far chance alone would lead.

    Attributes:
        value: default minus winner, of the mean out-of-fold loss on the items of the search.
        by_chance: at least the mean lead of the best of k random tries that are all as good as the default: the
            standard error of the paired difference times the expected maximum of k independent standard normal
            numbers. It takes the differences of all tries to be as noisy as that of the winner. None for a search by
            gradients (``darts``), which fits its proposals to the items, so that the number of tries bounds nothing.
        tries: k.

    Examples:
        >>> Lead(0.03, 0.05, 120).sentence
        'Among the items of the search the winner led the default by 0.0300 in loss; the best of 120 random tries \
that are all as good as the default would lead by at most 0.0500 on average, by chance alone.'
    """

    value: float
    by_chance: float | None
    tries: int

    @property
    def sentence(self) -> str:
        """Both figures."""
        place = (
            f"led the default by {self.value:.4f}" if self.value >= 0 else f"was {-self.value:.4f} behind the default"
        )
        said = f"Among the items of the search the winner {place} in loss; "
        if self.by_chance is None:
            return f"{said}how much of that is chance is not known, because this method fits its tries to those items."
        return (
            f"{said}the best of {self.tries} random tries that are all as good as the default would lead by at most "
            f"{self.by_chance:.4f} on average, by chance alone."
        )


@dataclass(frozen=True)
class SearchDecision:
    """The comparison on the outer split, and what follows from it.

    Attributes:
        pair: the default and the winner on the same items; differences are the winner's minus the default's.
        items: number of items of the outer split.
        metric: name of the main metric.
        loss_name: what the loss is.
        lead: of the winner in the search itself; None where it is unknown.

    Examples:
        >>> from headstart.evaluate.pairs.result import Difference
        >>> none, less = Difference(0.0, -0.01, 0.01, 1.0, 1.0), Difference(-0.02, -0.03, -0.01, 0.001, 0.001)
        >>> pair = Pair(0, 1, none, (0.0, 0.0), (0.0, 0.0), False, less, False, 3, 3, 0, ())
        >>> SearchDecision(pair, 200, "accuracy", "loss", None).replaces
        True
    """

    pair: Pair
    items: int
    metric: str
    loss_name: str
    lead: Lead | None

    @property
    def replaces(self) -> bool:
        """Whether the interval of the loss is below 0, and that of the main metric not."""
        return self.pair.loss.high < 0 and not self.pair.main.high < 0

    @property
    def sentence(self) -> str:
        """What was found on the outer split, and what follows."""
        if self.pair.same_outputs:
            return SAME
        loss, main = self.pair.loss, self.pair.main
        found = (
            f"On the {self.items} items that the search never saw, the winner's {self.loss_name} differs by "
            f"{loss.value:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}] from that of the default, its "
            f"{metric_name(self.metric)} by {change_words(self.metric, main.value, main.low, main.high)}"
        )
        if self.replaces:
            return f"{found}: the winner replaces the default."
        if loss.high < 0:
            return f"{found}: the default stays, because its {metric_name(self.metric)} is higher."
        if loss.low > 0:
            return f"{found}: the default is better, and stays."
        return f"{found}: no difference is shown, so that the default stays."

    @property
    def caution(self) -> str:
        """What the choice does to the metrics of a winner that was taken; empty where the default stays."""
        if not self.replaces:
            return ""
        return (
            "The metrics and gains are conditional on the winner's success: it was taken because it was better on "
            f"these {self.items} items, so that its figures on them are slightly optimistic; judge it on further items "
            "('headstart evaluate') for figures without this."
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        main, loss = self.pair.main, self.pair.loss
        return {
            "replaces_default": self.replaces,
            "sentence": self.sentence,
            "caution": self.caution,
            "items": self.items,
            "metric": self.metric,
            "metric_difference": [main.value, _finite(main.low), _finite(main.high)],
            "loss_difference": [loss.value, loss.low, loss.high],
            "p": [main.p, loss.p],
            "lead_in_search": None if self.lead is None else self.lead.value,
            "lead_sentence": None if self.lead is None else self.lead.sentence,
            "lead_by_chance": None if self.lead is None else self.lead.by_chance,
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def decide(
    dataset: Dataset, default: Judged, winner: Judged, *, tries: int, seed: int, by_gradients: bool = False
) -> SearchDecision:
    """Compare the default and the winner of a search on the items that both were judged on.

    Args:
        dataset: all labelled items.
        default: what a fit would choose.
        winner: the architecture of lowest loss in the search, judged on the same items.
        tries: number of architectures that were tried.
        seed: of the bootstrap.
        by_gradients: whether the tries were fitted to the items of the search, so that their number does not bound what
            chance gives.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.heads import HeadSearch
        >>> from headstart.heads.architecture import Architecture
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> x, silent = np.random.default_rng(0).normal(size=(300, 2)), SilentReporter()
        >>> data = read((x, np.where(np.linalg.norm(x, axis=1) > 1.2, "out", "in").tolist()))
        >>> prepared = prepare(data, open_source("vector"), RunContext(silent))
        >>> curved = HeadSearch(architecture=Architecture(scaling="none", random_features=256))
        >>> both = [judge(prepared, search, 0, silent, once=True) for search in (HeadSearch(), curved)]
        >>> found = decide(data, *both, tries=10, seed=0)
        >>> found.replaces, found.lead.value > found.lead.by_chance
        (True, True)
    """
    task, y = dataset.labelled()
    rows = default.plan.evaluated
    sides = PairedOutputs.of(task, y[rows], [default.outputs, winner.outputs], default.resample_groups, seed)
    p = sides.p_values(0, 1)
    lead = _lead(default.model.head.evidence, winner.model.head.evidence, _groups(default), tries)
    if lead is not None and by_gradients:
        lead = replace(lead, by_chance=None)
    return SearchDecision(sides.pair(0, 1, p, p, MARGIN), len(rows), default.evaluation.main, sides.loss_name, lead)


def _groups(judged: Judged) -> Any:
    return None if judged.groups is None else judged.groups[judged.plan.fitted]


def _lead(default: Evidence | None, winner: Evidence | None, groups: Any, tries: int) -> Lead | None:
    if default is None or winner is None or not np.array_equal(default.index, winner.index):
        return None
    together = None if groups is None else groups[default.index]
    mean, error = mean_and_error(default.losses - winner.losses, together)
    return Lead(mean, error * expected_maximum(tries), tries)
