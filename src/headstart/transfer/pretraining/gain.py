"""Whether a trained body is better than its start, each with a closed-form head, on the held-out items."""

from __future__ import annotations

from headstart.errors import TrainingError
from headstart.evaluate.gain import Gain, transfer_gain
from headstart.tasks import task_methods
from headstart.transfer.pretraining.card import gain_words, is_better
from headstart.transfer.pretraining.start import Start
from headstart.tune.pretraining import Pretrained
from headstart.tune.training.job import Outcome

__all__ = ["check_better", "gain_over_start"]

START = "start"


def gain_over_start(found: Pretrained, *, seed: int = 0) -> Gain:
    """The main metric of the trained body minus that of its start, each with a closed-form head, with its interval.

    Args:
        found: the pretraining.
        seed: of the bootstrap, for metrics other than accuracy.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.pretraining import continued
        >>> shift = toy_shift()
        >>> gain = gain_over_start(continued(shift.source, shift.train.take(range(80))))
        >>> gain.metric, gain.low <= gain.value <= gain.high
        ('accuracy', True)
    """
    task, y = found.held_out.labelled()
    before = found.start
    theirs = task_methods(task).outputs(before.scores, before.model.head.calibration)
    ours = found.solved.predict_proba(found.held_out.items)
    return transfer_gain(task, y, ours, theirs, groups=found.held_out.groups, seed=seed, reference=START)


def check_better(gain: Gain, outcome: Outcome, items: int, start: Start) -> None:
    """Raise unless the trained body is shown to be better than its start.

    Args:
        gain: of the trained body over its start.
        outcome: of the training.
        items: held-out ones, which judged.
        start: the body before the training.

    Raises:
        TrainingError: says the figures, and what to do.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> unsure = Gain(0.0, -0.1, 0.1, "accuracy", "start", "")
        >>> outcome = Outcome("done", 2, 20, 0.1, 0.5, 3.0, 200.0)
        >>> check_better(unsure, outcome, 40, Start(ToySource(), "toy", is_random=False))
        Traceback (most recent call last):
        headstart.errors.TrainingError: The body that was trained from toy with its weights is not shown to be better...
    """
    facts = gain.to_dict()
    if is_better(facts):
        return
    ways = {"no longer better": "Use more items", "time": "Give a longer --time-limit"}
    what = ways.get(outcome.stopped, "Train for more epochs or on more items")
    raise TrainingError(
        f"The body that was trained from {start.words} is not shown to be better than that start, so there is no "
        f"source to keep: on {items:,} held-out items, each with a closed-form head, it differs by "
        f"{gain_words(facts)} ({outcome.epochs} epochs, {outcome.steps:,} steps). {what}, or write it anyway with "
        "--keep-trained."
    )
