"""Transfer gain: the main metric of a model minus that of a reference, on the same items."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.evaluate import metrics
from headstart.evaluate.evaluation import check_outputs
from headstart.evaluate.formatting import bounds, metric_name
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.evaluate.intervals.combined import combined_bounds
from headstart.evaluate.intervals.shares import paired_shares
from headstart.evaluate.metrics.main_metric import main_meter
from headstart.tasks import task_methods
from headstart.types import Task

__all__ = ["UNTRAINED", "Gain", "bounded_gain", "gain_verdict", "transfer_gain"]

UNTRAINED = "untrained body"  # the reference of the transfer gain

Array = NDArray[np.float64]
# With five items, even a difference of the same sign on all of them is not significant (two-sided sign test:
# 2 (1/2)^5 = 0.0625).
_FEWEST_ITEMS = 6
_NO_WIDTH = 1e-12


@dataclass(frozen=True)
class Gain:
    """The main metric minus that of the reference, with its 95% interval.

    Attributes:
        value: the difference; above zero the transfer is better; nan where the metric is undefined.
        low: lower bound.
        high: upper bound.
        metric: the metric that was compared.
        reference: what it was compared with.
        verdict: one sentence: the transfer helped, it hurt, or that is unclear.

    Examples:
        >>> Gain(0.2, 0.1, 0.3, "accuracy", "majority", "The transfer helped.").to_dict()["low"]
        0.1
    """

    value: float
    low: float
    high: float
    metric: str
    reference: str
    verdict: str

    def to_dict(self) -> dict[str, float | str | None]:
        """Plain values for JSON; None for nan."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {
            **{name: None if math.isnan(number) else number for name, number in numbers.items()},
            "metric": self.metric,
            "reference": self.reference,
            "verdict": self.verdict,
        }


def transfer_gain(
    task: Task,
    y: ArrayLike,
    outputs: ArrayLike,
    reference_outputs: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = 2000,
    reference: str = UNTRAINED,
) -> Gain:
    """Compare the main metric of a model with that of a reference on the same items.

    Accuracy has the hybrid score interval for paired shares (`paired_shares`). Other metrics have the paired percentile
    bootstrap: each resample is of both sides, so that variation which both share cancels. Where all resamples give the
    same difference, as for two models without mistakes, the bounds of both sides are combined (`analytic_bounds`). The
    verdict is unclear where the interval includes zero, and with fewer than 6 items.

    Args:
        task: the label schema; the metric is the main one of its kind.
        y: truth as in `evaluate_predictions`.
        outputs: (n, k) probabilities or values of the transferred model.
        reference_outputs: (n, k) outputs of the reference for the same items.
        groups: (n,) names or codes of items that belong together; then groups are resampled.
        seed: seed of the bootstrap; default 0.
        resamples: bootstrap resamples; default 2000.
        reference: name of the reference in the verdict: "the ... baseline".

    Returns:
        The gain.

    Raises:
        DataError: if the shapes do not fit or a number is not finite.

    References:
        Newcombe (1998), Statistics in Medicine 17 (paired shares); Zou & Donner (2008), Statistics in Medicine 27.
        Efron & Tibshirani (1993), An Introduction to the Bootstrap; Field & Welsh (2007) for groups.

    Examples:
        >>> task, y = Task("classification", ("ant", "bee")), np.arange(20) % 2
        >>> gain = transfer_gain(task, y, np.eye(2)[y], np.full((20, 2), 0.5), reference="majority")
        >>> gain.value, gain.low > 0
        (0.5, True)
        >>> gain.verdict
        'The model is better: accuracy is 0.500 above the majority baseline (95% interval 0.243 to 0.701).'
    """
    truth, ours = check_outputs(task, y, outputs)
    _, theirs = check_outputs(task, y, reference_outputs)
    name, n = task_methods(task).main_metric, len(truth)
    if name == "accuracy":
        hits = metrics.hits(ours, truth), metrics.hits(theirs, truth)
        value = float(hits[0].mean() - hits[1].mean())
        low, high = paired_shares(*hits, groups)
    else:
        mine, other = main_meter(task, ours, truth), main_meter(task, theirs, truth)

        def difference(weights: Array) -> Array:
            return np.asarray(mine(weights) - other(weights))

        value = float(difference(np.ones(n)))
        drawn = bootstrap(difference, n, groups=groups, resamples=resamples, seed=seed)
        low, high = float(np.minimum(drawn[0], value)), float(np.maximum(drawn[1], value))
        if high - low <= _NO_WIDTH:
            low, high = combined_bounds(task, truth, (ours, theirs), groups)
    verdict = gain_verdict(value, low, high, compared=(name, reference), n=n)
    return Gain(value, low, high, name, reference, verdict)


def bounded_gain(
    value: float, low: float, high: float, *, compared: tuple[str, str], n: int, level: float = 0.95
) -> Gain:
    """The gain of a difference with the bounds of a paired bootstrap; bounds without width are no interval.

    Args:
        value: the difference of the metric.
        low: lower bound of its interval; nan for none.
        high: upper bound.
        compared: names of the metric and of the reference.
        n: the number of items.
        level: of the interval.

    Examples:
        >>> bounded_gain(0.2, 0.1, 0.3, compared=("miou", "empty"), n=9, level=0.6).verdict
        'The model is better: miou is 0.200 above the empty baseline (60% interval 0.100 to 0.300).'
        >>> bounded_gain(0.2, 0.2, 0.2, compared=("miou", "empty"), n=9).verdict
        'Whether the model is better is unclear: miou is 0.200 above the empty baseline in every resample.'
    """
    below, above = float(np.minimum(low, value)), float(np.maximum(high, value))
    verdict = gain_verdict(value, below, above, compared=compared, n=n, level=level)
    if above - below <= _NO_WIDTH:
        below = above = math.nan
        unsure = gain_verdict(value, below, above, compared=compared, n=n).partition(":")[0]
        side = "above" if value > 0 else "below" if value < 0 else "from"
        verdict = (
            f"{unsure}: {metric_name(compared[0])} is {abs(value):.3f} {side} the {compared[1]} baseline in every "
            "resample."
        )
    return Gain(value, below, above, *compared, verdict)


def gain_verdict(
    value: float, low: float, high: float, *, compared: tuple[str, str], n: int, level: float = 0.95
) -> str:
    """One sentence: the transfer helped, it hurt, or that is unclear.

    Args:
        value: the difference of the metric.
        low: lower bound of its interval; nan for none.
        high: upper bound.
        compared: names of the metric and of the reference.
        n: the number of items.
        level: coverage of the interval, 0.95.

    Examples:
        >>> gain_verdict(0.2, 0.1, 0.3, compared=("span_f1", "dictionary"), n=50)
        'The model is better: span f1 is 0.200 above the dictionary baseline (95% interval 0.100 to 0.300).'
    """
    metric, reference = metric_name(compared[0]), compared[1]
    # only a comparison with the same body untrained isolates the effect of the pretraining
    transferred = reference == UNTRAINED
    unsure = f"Whether {'the transfer helped' if transferred else 'the model is better'} is unclear"
    if math.isnan(value):
        return f"{unsure}: {metric} is undefined on these {n} items."
    if math.isnan(low):
        return f"{unsure}: a single item or group has no interval."
    side = "above" if value >= 0 else "below"
    interval = " to ".join(bounds(low, high) or ["none"])
    fact = f"{metric} is {abs(value):.3f} {side} the {reference} baseline ({level:.0%} interval {interval})"
    if n < _FEWEST_ITEMS:
        return f"{unsure} from {n} items: {fact}."
    if low > 0:
        return f"{'The transfer helped' if transferred else 'The model is better'}: {fact}."
    if high < 0:
        return f"{'The transfer hurt' if transferred else 'The model is worse'}: {fact}."
    return f"{unsure}: {fact}, which includes zero."
