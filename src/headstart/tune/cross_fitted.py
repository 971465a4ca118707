"""Few items: the body is moved on all of them, and what is made of it is chosen on items that other bodies left out.

Rows that a body was trained on flatter every left-out loss, and a held-out part of a few dozen items is too small to
choose by. So the body is also moved on each four fifths of the items, and the fifth that it did not see is judged: how
far the weights go from the start to the trained ones (Wortsman et al. 2022), which features, which head, which λ. The
judged fifths together are all items.

References: Stone 1974, "Cross-validatory choice and assessment of statistical predictions"; Wortsman et al. 2022,
"Robust fine-tuning of zero-shot models" (WiSE-FT).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from headstart.heads import HEADS, FittedHead, HeadSearch, SpectralHead
from headstart.heads.feature_map import candidate_maps
from headstart.heads.kept_moments import kept_moments
from headstart.linear.spectrum import Spectrum
from headstart.model import TransferModel
from headstart.tasks import task_methods
from headstart.tune.batches import ItemBatches
from headstart.tune.frozen import FROZEN
from headstart.tune.interpolation import interpolated
from headstart.tune.plan import MovingStrategy, Setting
from headstart.tune.settings import Budget, Training
from headstart.tune.validating import network_rows
from headstart.tune.whole import moved_source, train_network
from headstart.types import Block, Dataset, FeatureMatrix, Source, Task

__all__ = ["fit_cross_fitted", "folds_of"]

FOLDS = 5
SHARES = (0.0, 0.5, 1.0)  # of the way from the start to the trained weights
HEAD_NAMES = ("ridge", "lda")
RATIOS = tuple(10.0 ** np.arange(-4, 2.1, 0.5))  # λ in mean eigenvalues of the rows
MOST_FEATURES = 4096  # of which moments are kept

Array = NDArray[np.float64]


class Choice(NamedTuple):
    """What is chosen.

    Attributes:
        share: of the way from the start to the trained weights.
        features: place among the feature maps of the source.
        head: its name.
        ratio: λ, in mean eigenvalues.

    Examples:
        >>> Choice(0.5, 0, "ridge", 0.1).share
        0.5
    """

    share: float
    features: int
    head: str
    ratio: float


def fit_cross_fitted(
    strategy: MovingStrategy, source: Source, train_part: Dataset, *, seed: int = 0, budget: Budget = Budget()
) -> TransferModel:
    """The body moved on all items, with share, features, head and λ of least loss on items that were left out.

    Args:
        strategy: how the body moves; it keeps the structure of the body.
        source: the body.
        train_part: labelled items of a classification, two or more of most classes.
        seed: of all chance.
        budget: time, for all trainings together, checkpoints, logs.

    Raises:
        SourceError: if the source has no body that can be moved.
        DataError: if there are no labels, or an item cannot be read.

    Examples:
        >>> fit_cross_fitted.__name__
        'fit_cross_fitted'
    """
    task, y = train_part.labelled()
    folds = folds_of(y, seed)
    each = budget if budget.seconds is None else replace(budget, seconds=budget.seconds / (len(folds) + 1))
    scores: dict[Choice, Array] = {}
    for left in folds:
        seen = np.setdiff1d(np.arange(len(y)), left)
        trained = _Trained(strategy, source, train_part.take(seen), seed, each)
        for choice, found in trained.judged(train_part.take(left)):
            scores.setdefault(choice, np.full((len(y), task.num_outputs), np.nan))[left] = found
    judged = np.sort(np.concatenate(folds))
    choice, loss = _best({key: value[judged] for key, value in scores.items()}, task, y[judged])
    if choice.share == 0.0:
        return FROZEN.fit(source, train_part, seed=seed)
    model = _Trained(strategy, source, train_part, seed, each).model(choice)
    calibration = task_methods(task).calibrate(scores[choice][judged], y[judged])
    return replace(model, head=replace(model.head, calibration={**model.head.calibration, **calibration}, loss=loss))


def folds_of(y: NDArray[Any], seed: int) -> list[NDArray[np.intp]]:
    """Positions that are left out together; classes are spread evenly, and the only item of one is never left out.

    Examples:
        >>> [fold.tolist() for fold in folds_of(np.array([0, 0, 1, 1, 2]), 0)]
        [[0, 3], [1, 2]]
    """
    rng = np.random.default_rng([seed, FOLDS])
    members = [rng.permutation(np.flatnonzero(y == code)) for code in np.unique(y)]
    members = [part for part in members if len(part) > 1]
    count = min(FOLDS, max(len(part) for part in members))
    fold = np.full(len(y), -1)
    start = 0
    for part in members:
        fold[part] = (start + np.arange(len(part))) % count
        start += len(part)
    return [np.flatnonzero(fold == k) for k in range(count) if (fold == k).any()]


class _Trained:
    """A network trained on some items, at any share of its way."""

    def __init__(self, strategy: MovingStrategy, source: Source, part: Dataset, seed: int, budget: Budget) -> None:
        self._name, self._part = strategy.name, part
        self._setting, self._before = train_network(strategy, source, part, seed=seed, budget=budget)
        self._after = self._setting.network.state()
        self._task, self._y = part.labelled()

    def judged(self, left: Dataset) -> Iterator[tuple[Choice, Array]]:
        """The scores of items that were left out, for each choice."""
        for share in SHARES:
            setting = self._at(share)
            rows = network_rows(setting.network, setting.batches)
            others = network_rows(setting.network, self._read(left))
            for features, head, heads in _solved(rows, self._y, self._task, _blocks(setting)):
                for ratio, fitted in heads:
                    yield Choice(share, features, head, ratio), fitted.scores(others)

    def model(self, choice: Choice) -> TransferModel:
        """The model of a choice; its calibration is still that of the start."""
        setting = self._at(choice.share)
        rows = network_rows(setting.network, setting.batches)
        [head] = [
            fitted
            for features, name, heads in _solved(rows, self._y, self._task, _blocks(setting), (choice.ratio,))
            for _, fitted in heads
            if (features, name) == (choice.features, choice.head)
        ]
        keep = rows.shape[1] <= MOST_FEATURES
        head = replace(head, calibration=dict(setting.start.head.calibration))
        moments = kept_moments(rows, self._y, self._task, head, HeadSearch((choice.head,))) if keep else None
        source = moved_source(setting, f"{self._name}, {choice.share:.0%} of the way")
        return TransferModel(source, self._task, head, moments, setting.start.columns)

    def _at(self, share: float) -> Setting:
        self._setting.network.load_state_dict(interpolated(self._before, self._after, share))
        return self._setting

    def _read(self, left: Dataset) -> ItemBatches:
        body, source = self._setting.network.trainable, self._setting.source
        batches = ItemBatches(left.items, np.zeros((len(left), 1)), source.prepare, body.collate, Training(), seed=0)
        if body.kind == "tokens":
            batches.sort_by_length()
        return batches


def _blocks(setting: Setting) -> Sequence[Block]:
    return setting.source.info.blocks


def _solved(
    rows: FeatureMatrix, y: NDArray[Any], task: Task, blocks: Sequence[Block], ratios: Sequence[float] = RATIOS
) -> Iterator[tuple[int, str, Iterator[tuple[float, FittedHead]]]]:
    """Place of the features, name of the head, and the head at each λ."""
    targets = task_methods(task).targets(y, task.num_outputs)
    for place, feature_map in enumerate(candidate_maps(rows, blocks)):
        spectrum = Spectrum.from_rows(feature_map(rows), targets)
        mean = float(spectrum.values.mean())
        for name in HEAD_NAMES:
            head = cast("SpectralHead", HEADS[name])
            fitted = (
                (
                    ratio,
                    FittedHead(feature_map, name, ratio * mean, *head.coefficients(spectrum, ratio * mean), {}, 0, ()),
                )
                for ratio in ratios
            )
            yield place, name, fitted


def _best(scores: dict[Choice, Array], task: Task, y: NDArray[Any]) -> tuple[Choice, float]:
    """The choice of least mean loss, each half of the items calibrated on the other; the first of equals."""
    methods, halves = task_methods(task), np.arange(len(y)) % 2
    found: dict[Choice, float] = {}
    for choice, values in scores.items():
        losses = np.empty(len(y))
        for half in (0, 1):
            inside, outside = halves == half, halves != half
            calibration = methods.calibrate(values[outside], y[outside])
            losses[inside] = methods.loss(methods.outputs(values[inside], calibration), y[inside])
        found[choice] = float(losses.mean())
    best = min(found, key=lambda choice: found[choice])
    return best, found[best]
