"""The loss of a fine-tuning in a search: a short training on a part of the items, judged on a validation part.

Point and rung are one key, ``(*point, rung)``, so that trainings can be handed to workers like any other try.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from headstart.engine.options import Engine
from headstart.errors import HeadstartError
from headstart.heads import HeadSearch
from headstart.heads.standard_error import mean_and_error
from headstart.search.driving.loop import TrialLoss
from headstart.search.space import Point
from headstart.search.tuning_space import Tuning, TuningSpace
from headstart.transfer.gate.strategy_choice import moving_strategy, sized
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.training.chosen import with_chosen
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source

__all__ = ["SHARES", "TuningLosses", "tuned_strategy"]

SHARES = (0.25, 0.5, 1.0)  # of the epochs, on the rungs of successive halving


def tuned_strategy(tuning: Tuning, source: Source, train: Dataset, *, share: float = 1.0) -> MovingStrategy:
    """The strategy with the settings of a point.

    Args:
        tuning: the settings.
        source: its body gives the default learning rate.
        train: the training items, which give the number of epochs.
        share: of the epochs.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> found = tuned_strategy(Tuning("lp_ft", rate=3.0, epochs=0.5), shift.source, shift.train.take(range(60)))
        >>> found.training.epochs, f"{found.training.learning_rate:.1e}"     # 15 epochs at 2e-4 are the default
        (8, '6.0e-04')
    """
    from headstart.sources.bodies.trainable import trainable
    from headstart.tune.training.optimizer import learning_rate_for

    base = sized(moving_strategy(tuning.strategy), train)
    rate = learning_rate_for(trainable(source).module, base.training) * tuning.rate
    chosen: dict[str, float | int] = {
        "learning_rate": rate,
        "weight_decay": tuning.decay,
        "epochs": max(1, round(base.training.epochs * tuning.epochs * share)),
        "freeze": tuning.freeze,
    }
    own = {"rank": tuning.rank, "blocks": tuning.blocks}
    return with_chosen(base, chosen | {name: value for name, value in own.items() if value})


@dataclass(frozen=True)
class TuningLosses:
    """Validation losses of fine-tunings.

    Attributes:
        space: of fine-tunings.
        source: gives the body.
        train: items that are trained on.
        valid: items that judge.
        search: which heads a training may begin with.
        engine: how items are encoded.
        seed: of the trainings.
        until: value of `time.time` at which a training ends at the latest.

    Examples:
        >>> from headstart.search.tuning_space import tuning_space
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> space = tuning_space([block.name for block in shift.source.info.blocks])
        >>> parts = shift.train.take(range(40)), shift.train.take(range(40, 60))
        >>> losses = TuningLosses(space, shift.source, *parts, HeadSearch(("ridge",)), Engine(), 0)
        >>> found = losses((*space.point({"strategy": "bitfit"}), 0))     # a quarter of the epochs
        >>> 0 < found.loss, sorted(found.details)
        (True, ['error', 'start'])
    """

    space: TuningSpace
    source: Source
    train: Dataset
    valid: Dataset
    search: HeadSearch
    engine: Engine
    seed: int
    until: float = math.inf

    def __call__(self, key: Point) -> TrialLoss:
        """The mean validation loss of the best epoch of a training on a rung; infinite where it fails."""
        from headstart.tune.moving.move import move

        *point, rung = key
        left = self.until - time.time()
        if left <= 0:
            return TrialLoss(math.inf, "the time limit was reached")
        try:
            strategy = tuned_strategy(self.space.decode(point), self.source, self.train, share=SHARES[rung])
            # else all trainings that do not beat the start would have its loss, and none could be told apart
            strategy = with_chosen(strategy, {"keep_trained": True})
            moved = move(
                strategy, self.source, self.train, valid=self.valid, seed=self.seed,
                budget=Budget(seconds=left if math.isfinite(left) else None), search=self.search,
                engine=replace(self.engine, ray=None, workers=None), most=2,
            )  # fmt: skip
        except (HeadstartError, np.linalg.LinAlgError) as problem:
            return TrialLoss(math.inf, str(problem))
        start, best = moved.start.losses, moved.best.losses  # most=2: interpolations are left to the complete training
        mean, error = mean_and_error(start - best, self.valid.group_codes)
        loss = float(best.mean())
        if not math.isfinite(loss):
            return TrialLoss(math.inf, "a loss that is infinite")
        return TrialLoss(loss, details={"start": mean + loss, "error": error if math.isfinite(error) else 0.0})
