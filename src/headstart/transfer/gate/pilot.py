"""Trial of a strategy: its cost on this machine, a pilot on half of the items, and the complete training."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import folds
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.evaluate.intervals.bootstrap import paired_difference
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.reporting import Progress
from headstart.tasks import base_kind, task_methods
from headstart.transfer.gate.interim import Interim
from headstart.transfer.gate.strategy_choice import is_cross_fitted
from headstart.transfer.stages.prepare import Prepared
from headstart.tune.moving.contract import CrossFits, MovesItself, MovingStrategy, with_settings
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, group_codes

if TYPE_CHECKING:
    from headstart.tune.moving.candidates import Moved

__all__ = ["Cost", "Pilot", "Trial", "judged_losses", "pilot_parts"]

PARTS = 4  # quarters: two train, one validates, one tests
LEVEL = 0.6  # two-sided: the lower bound is that of a one-sided 80% interval
TIMED_STEPS, TIMED_ITEMS = 3, 8  # of a batch in each of them
FEW_ENCODED = 32  # items whose encoding tells the speed of the body
FORWARD = 3.0  # a training step costs about 3 forward passes: one forward, and a backward of twice that
CANDIDATES = 9  # compared on the validation part, at most
VALIDATING = 1000  # items of a pilot's validation part, at most: it only chooses the epoch and the interpolation
JUDGED = 5  # candidates of a pilot: start, trained body, three interpolations; whether there is a gain needs no more
Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Cost:
    """Time that a strategy takes on this machine.

    Attributes:
        item: seconds of a training step, per item of its batch.
        epochs: of the strategy.
        fewest: items of a batch; an epoch takes at least one step.

    Examples:
        >>> cost = Cost(0.01, 10, 32)
        >>> round(cost.training(100)), round(cost.judging(100, 25, 50), 2)
        (12, 1.42)
    """

    item: float
    epochs: int
    fewest: int

    def training(self, items: int) -> float:
        """Seconds of a training on this many items; validation adds a fifth."""
        return 1.2 * self.item * self.epochs * max(self.fewest, items)

    def judging(self, train: int, valid: int, test: int) -> float:
        """Seconds of encoding after a training.

        The training items are encoded once to refit the head, the validation items once per candidate, and the test
        items twice.

        Args:
            train: number of training items.
            valid: number of validation items.
            test: number of evaluated items.
        """
        return self.item / FORWARD * (train + CANDIDATES * valid + 2 * test)


@dataclass(frozen=True)
class Pilot:
    """A short training on half of the items, tested on a held-out quarter.

    Attributes:
        items: number of training items.
        gain: mean loss of the closed-form head on the same items, minus that of the trained body (nats, or squared
            error in units of the target's variance).
        low: lower bound of its two-sided 60% interval, which is that of a one-sided 80% interval; paired over the test
            items.
        high: upper bound.
        seconds: wall time.
        training: seconds of its steps and validations alone.
        epochs: number of epochs that it made.
        stopped: why it ended before its last epoch; empty if it did not.
        losses: (m,) losses of the test items, by the head and by the trained body.

    Examples:
        >>> Pilot(50, 0.1, 0.05, 0.2, seconds=70.0).to_dict()["items"]
        50
    """

    items: int
    gain: float
    low: float
    high: float
    seconds: float
    training: float = 0.0
    epochs: float = 0.0
    stopped: str = ""
    losses: tuple[Losses, Losses] | None = field(default=None, repr=False, compare=False)
    groups: NDArray[np.str_] | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values, without the losses."""
        return asdict(replace(self, losses=None, groups=None), dict_factory=_without_losses)


def _without_losses(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if name not in ("losses", "groups")}


def _half(epochs: int) -> int:
    """Half of the epochs, at least 2 where there are as many."""
    return min(epochs, max(2, epochs // 2))


def pilot_parts(train: Dataset, seed: int) -> tuple[Dataset, Dataset, Dataset]:
    """The parts of a pilot: half of the items to train on, a quarter, at most 1,000, to validate on, a quarter to test.

    Args:
        train: the training items; groups are not split.
        seed: of the split.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> [len(part) for part in pilot_parts(toy_shift().train.take(range(40)), 0)]
        [20, 10, 10]
    """
    task, y = train.labelled()
    together = group_codes(train.groups, len(y))
    parts = [test for _, test in folds(y, base_kind(task), together, n_folds=PARTS, seed=seed)]
    half = train.take(np.sort(np.concatenate(parts[:2])))
    valid = train.take(np.sort(np.random.default_rng(seed).permutation(parts[2])[:VALIDATING]))
    return half, valid, train.take(parts[3])


def judged_losses(model: TransferModel, part: Dataset, engine: Engine, weights: Losses | None) -> Losses:
    """The loss of each item (m,) by a model that was trained on others.

    Args:
        model: of the task of the items.
        part: labelled items.
        engine: how items are encoded; on this machine, and without storing rows of a body that may not be kept.
        weights: (k,) of the classes; None for equal ones.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.bitfit import BITFIT
        >>> shift = toy_shift()
        >>> model = BITFIT.fit(shift.source, shift.train.take(range(40)))
        >>> judged_losses(model, shift.test.take(range(5)), Engine(), None).shape
        (5,)
    """
    here = replace(engine, cache=False, ray=None, workers=None)
    truth = part.labelled()[1]
    losses = task_methods(model.task).loss(replace(model, engine=here).predict_proba(part.items), truth)
    return losses if weights is None else losses * weights[truth]


@dataclass(frozen=True, eq=False)
class Trial:
    """A strategy with its source and items: the gate times it, tries it on half of the items, and runs it.

    Attributes:
        strategy: how the body is fine-tuned.
        prepared: holds the source and the engine that encodes.
        train: the labelled items.
        seed: random seed.
        alone: whether it is the only strategy that is tried. Several are all judged on the same held-out items, so
            none of them cross-fits.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.tune.lp_ft import LP_FT
        >>> rows = np.arange(16.0).reshape(8, 2)
        >>> prepared = prepare(read((rows, ["a"] * 4 + ["b"] * 4)), open_source("vector"), RunContext(SilentReporter()))
        >>> trial = Trial(LP_FT, prepared, prepared.dataset, 0)
        >>> trial.cross_fitted
        False
        >>> trial.cost()
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'vector' has no body that can be fine-tuned; ...
    """

    strategy: MovingStrategy
    prepared: Prepared
    train: Dataset
    seed: int
    alone: bool = True

    @property
    def name(self) -> str:
        """The name of the strategy."""
        return self.strategy.name

    @property
    def cross_fitted(self) -> bool:
        """Whether the training cross-fits: its validation losses are out-of-fold, so it needs no pilot."""
        return self.alone and is_cross_fitted(self.strategy, self.train)

    def cost(self, seconds: float | None = None) -> Cost:
        """How long the strategy takes on this machine, extrapolated from a few timed steps.

        Args:
            seconds: time limit of the timing; None for no limit.

        Raises:
            SourceError: if the source has no body that can be fine-tuned.
        """
        from headstart.tune.moving.timing import seconds_per_step

        size, timed = self.strategy.training.batch_size, self._timed_batch
        order = np.random.default_rng(self.seed).permutation(len(self.train))
        few = self.train.take(order[: timed * TIMED_STEPS])
        step = seconds_per_step(
            with_settings(self.strategy, training=replace(self.strategy.training, batch_size=timed)),
            self.prepared.source, few, seed=self.seed, engine=self.prepared.engine, seconds=seconds,
        )  # fmt: skip
        return Cost(step / min(timed, len(few)), self.strategy.training.epochs, min(size, len(self.train)))

    @property
    def _timed_batch(self) -> int:
        """Items of a timed step: a body takes about as long for each item of a small batch as of a large one.

        A strategy that needs several items of each class has its own batches.
        """
        size = self.strategy.training.batch_size
        return size if isinstance(self.strategy, CrossFits) else min(size, TIMED_ITEMS)

    @property
    def at_least(self) -> float:
        """Seconds of timing a few steps and of one epoch, whatever is trained, by the speed of encoding the items.

        The first epoch runs the body once for each item, and a timed step costs three times that. 0 if most items
        were encoded before.
        """
        done = self.prepared.extraction
        timed = FORWARD * TIMED_STEPS * self._timed_batch
        # the time of few items is that of opening the body, or of reading the others from the store
        return 0.0 if done.encoded < FEW_ENCODED else done.seconds / done.encoded * (len(self.train) + timed)

    def pilot(
        self,
        search: HeadSearch,
        *,
        seconds: float | None,
        judging: float | None = None,
        least: float = 0.0,
        progress: Progress | None = None,
    ) -> Pilot:
        """Train on half of the items for half of the epochs, and compare with the head fitted on the same half.

        A third quarter, at most 1,000 items, validates, and both are tested on the fourth. No head is solved again on
        the trained body: that would encode all items once more. The training ends early where the losses of the
        third quarter already show or exclude a gain (`headstart.transfer.gate.interim`).

        Args:
            search: the candidates of the choice of head.
            seconds: time limit of the pilot's training; None for no limit.
            judging: seconds after it in which candidates are judged; None for no limit.
            least: the smallest gain that counts.
            progress: called with (steps done, steps in all).

        Examples:
            >>> from headstart.reporting import SilentReporter
            >>> from headstart.sources.toy_shift import toy_shift
            >>> from headstart.transfer.stages.context import RunContext
            >>> from headstart.transfer.stages.prepare import prepare
            >>> from headstart.tune.bitfit import BITFIT
            >>> shift = toy_shift()
            >>> prepared = prepare(shift.train.take(range(24)), shift.source, RunContext(SilentReporter()))
            >>> pilot = Trial(BITFIT, prepared, prepared.dataset, 0).pilot(HeadSearch(("ridge",)), seconds=None)
            >>> pilot.items, pilot.low <= pilot.gain <= pilot.high
            (12, True)
        """
        from headstart.tune.moving.move import class_weights_of, move

        started = time.perf_counter()
        task = self.train.labelled()[0]
        half, valid, test = pilot_parts(self.train, self.seed)
        training = replace(self.strategy.training, epochs=_half(self.strategy.training.epochs))
        interim = Interim(least, valid.groups)
        moved = move(
            with_settings(self.strategy, training=training), self.prepared.source, half, valid=valid, seed=self.seed,
            budget=Budget(seconds=seconds, judging=judging, progress=progress, watch=interim), search=search,
            engine=self.prepared.engine, most=JUDGED,
        )  # fmt: skip
        methods, truth = task_methods(task), test.labelled()[1]
        head, engine = moved.start.model, self.prepared.engine
        rows = extract(head.source, test.items, engine=engine, on_error="raise").rows  # from the cache, if there is one
        start = methods.loss(head.outputs(rows), truth)
        weights = class_weights_of(self.train, search.class_weight)
        start = start if weights is None else start * weights[truth]
        best = judged_losses(moved.best.model, test, engine, weights)  # the body that was judged is converted already
        gain, low, high = paired_difference(start, best, groups=test.groups, level=LEVEL)
        history, early = moved.outcome.history, interim.why if moved.outcome.stopped == "decided" else ""
        return Pilot(
            len(half), gain, low, high, time.perf_counter() - started, moved.outcome.seconds,
            history[-1]["epoch"] if history else 0.0, early, (start, best), test.groups,
        )  # fmt: skip

    def run(self, search: HeadSearch, budget: Budget) -> Moved:
        """The complete training, by the strategy's own method if it has one.

        Args:
            search: the candidates of the choice of head.
            budget: time, checkpoints, logs.
        """
        from headstart.tune.moving.move import move

        strategy = self.strategy
        own = isinstance(strategy, MovesItself) and (self.alone or not is_cross_fitted(strategy, self.train))
        return (strategy.move if own and isinstance(strategy, MovesItself) else partial(move, strategy))(
            self.prepared.source, self.train, seed=self.seed, budget=budget, search=search,
            engine=self.prepared.engine,
        )  # fmt: skip
