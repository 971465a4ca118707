"""Cross-fitting for few items: fine-tune on all of them, and choose what to keep by out-of-fold losses.

Leave-one-out losses on items that a body was trained on are too low, and a validation split of a few dozen items is too
small to choose by. So the body is also fine-tuned five times on four fifths of the items and judged on the held-out
fifth. This chooses the interpolation between start and trained weights, the features, the head and λ. Together the
fifths are all items, so every candidate, the frozen features among them, has an out-of-fold loss on each item. The loss
of the chosen candidate is the least of about fifty and so slightly optimistic; test items give an unbiased one.

References: Stone 1974, "Cross-validatory choice and assessment of statistical predictions"; Wortsman et al. 2022,
"Robust fine-tuning of zero-shot models" (WiSE-FT).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads import HEADS, FittedHead, HeadSearch, SpectralHead
from headstart.heads.feature_map import candidate_maps
from headstart.heads.spectral.kept_moments import MAX_KEPT_FEATURES, kept_moments
from headstart.linear.spectrum import Spectrum
from headstart.model import TransferModel
from headstart.model.certainty import certainty_of_scores
from headstart.sources.bodies.trainable import Trainable
from headstart.tasks import task_methods
from headstart.tune.moving.all_items import fine_tuned_source, train_network
from headstart.tune.moving.candidates import Moved, ValidatedModel, bounded
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.moving.interpolation import interpolated
from headstart.tune.moving.plan import Setting
from headstart.tune.moving.shared_time import SharedTime
from headstart.tune.moving.shared_work import SharedWork
from headstart.tune.moving.validation import halved_losses, network_rows
from headstart.tune.network.body_and_head import Network
from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.job import Outcome
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, FeatureMatrix, Source, Task, group_codes

__all__ = ["FOLDS", "move_cross_fitted", "validation_folds"]

FOLDS = 5
SHARES = (0.0, 0.5, 1.0)  # of the way from the start to the trained weights
HEAD_NAMES = ("ridge", "lda")
RATIOS = tuple(10.0 ** np.arange(-4, 2.1, 0.5))  # λ relative to the mean eigenvalue, so that folds share the grid

Array = NDArray[np.float64]
Positions = NDArray[np.intp]


class GridPoint(NamedTuple):
    """One point of the search grid.

    Attributes:
        share: share of the way from the start to the trained weights, in [0, 1].
        features: index among the feature maps of the source.
        head: name of the head.
        ratio: λ, relative to the mean eigenvalue of the rows.

    Examples:
        >>> GridPoint(0.5, 0, "ridge", 0.1).share
        0.5
    """

    share: float
    features: int
    head: str
    ratio: float


def move_cross_fitted(
    strategy: MovingStrategy,
    source: Source,
    train_part: Dataset,
    *,
    seed: int = 0,
    budget: Budget = Budget(),
    search: HeadSearch = HeadSearch(),
    engine: Engine = Engine(),
) -> Moved:
    """Fine-tune on all items, and judge the candidates on out-of-fold items.

    Args:
        strategy: how the body is fine-tuned; it must keep the structure of the body.
        source: gives the body.
        train_part: labelled items of a classification; groups are not split between folds.
        seed: of all random numbers.
        budget: time limit for the six trainings together, checkpoints, and logs of the last training.
        search: its ``heads`` choose between ridge and LDA; both are compared if it names neither.
        engine: how items are encoded, when a head is solved and by the fitted models.

    Returns:
        The start, the weights halfway, and the trained weights, each with the features, head and λ of least loss. The
        losses are out-of-fold, and ``valid`` holds the items that have one.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.
        DataError: if there are no labels, no class has items for two folds, or an item cannot be read.

    Examples:
        >>> from dataclasses import replace
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.training.settings import Training
        >>> shift = toy_shift()
        >>> short = replace(LP_FT, training=Training(epochs=1))
        >>> moved = move_cross_fitted(short, shift.source, shift.train.take(range(10)), search=HeadSearch(("ridge",)))
        >>> [candidate.name for candidate in moved.candidates], len(moved.valid)
        (['head', 'lp_ft, 50% of the way', 'lp_ft'], 10)
    """
    task, y = train_part.labelled()
    folds = validation_folds(y, train_part.groups, seed)
    sizes = [*(len(y) - len(left) for left in folds), len(y)]
    found: dict[GridPoint, Array] = {}
    outcomes, shares = [], SharedTime(budget, sizes)
    common = _Common(source, train_part)
    for left in folds:
        seen = np.setdiff1d(np.arange(len(y)), left)
        own = replace(shares.next(), logs=None, on_epoch=None)  # of the last training alone
        path = _WeightPath(strategy, common, seen, seed=seed, budget=own, search=search, engine=engine)
        outcomes.append(path.outcome)
        shares.trained()
        for choice, scores in path.judged(left):
            found.setdefault(choice, np.full((len(y), task.num_outputs), np.nan))[left] = bounded(scores)
    items = np.sort(np.concatenate(folds))
    path = _WeightPath(
        strategy, common, np.arange(len(y)), seed=seed, budget=shares.next(), search=search, engine=engine,
    )  # fmt: skip
    candidates = []
    for share in SHARES:
        known = {key: scores[items] for key, scores in found.items() if key.share == share}
        known = {key: scores for key, scores in known.items() if np.isfinite(scores).all()}  # known in every fold
        if not known:
            raise DataError("No head can be solved on each four fifths of the items; give more items of each class.")
        choice, losses = _best(known, task, y[items])
        calibration = task_methods(task).calibrate(found[choice][items], y[items])
        judged = train_part.take(items)
        certainty = certainty_of_scores(
            found[choice][items], y[items], ids=judged.ids, how="out-of-fold",
            groups=None if judged.groups is None else judged.group_codes,
        )  # fmt: skip
        model = replace(path.model(choice, calibration, float(losses.mean())), certainty=certainty)
        candidates.append(ValidatedModel(_label(strategy.name, share), model, losses, found[choice][items]))
    outcome = _combined([*outcomes, path.outcome])
    return Moved(tuple(candidates), outcome, train_part.take(items), path.setting.network)


def validation_folds(y: NDArray[np.integer], groups: NDArray[np.str_] | None, seed: int) -> list[Positions]:
    """Positions of the held-out items of each fold, at most five folds.

    Each class is spread evenly over the folds. Items of a class that cannot be spread, since it has a single item or
    group, are in no fold and always trained on, so that no training lacks a class.

    Args:
        y: (n,) class codes.
        groups: (n,) names of groups that must not be split between folds; None for no groups.
        seed: of the order.

    Raises:
        DataError: if no class has two items, or groups, for two folds.

    Examples:
        >>> [fold.tolist() for fold in validation_folds(np.array([0, 0, 1, 1, 2]), None, 0)]
        [[1, 2], [0, 3]]
    """
    units = group_codes(groups, len(y))
    kind = y[np.unique(units, return_index=True)[1]]  # class of each group: that of its first item
    rng = np.random.default_rng([seed, FOLDS])
    members = [rng.permutation(np.flatnonzero(kind == code)) for code in np.unique(kind)]
    members = [part for part in members if len(part) > 1]
    count = min(FOLDS, max((len(part) for part in members), default=0))
    fold, start = np.full(len(kind), -1), 0  # of each group; -1 for those that are always trained on
    for part in members:
        fold[part] = (start + np.arange(len(part))) % count
        start += len(part)
    for code in np.unique(y):
        own = units[y == code]
        if len(np.unique(fold[own])) == 1:
            fold[own] = -1
    parts = [np.flatnonzero(fold[units] == k) for k in range(count) if (fold == k).any()]
    if len(parts) < 2:
        raise DataError(
            "No class has two items that can be in different folds to judge a fine-tuned body; give more items or "
            "groups."
        )
    return parts


def _combined(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of the last training, with the time of all, the worst way to end, and every note."""
    last = outcomes[-1]
    ends = {one.stopped for one in outcomes}
    worst = "diverged" if "diverged" in ends else "time" if "time" in ends else last.stopped
    note = " ".join(dict.fromkeys(one.note for one in outcomes if one.note))
    return replace(last, stopped=worst, seconds=sum(one.seconds for one in outcomes), note=note)


def _label(name: str, share: float) -> str:
    return {0.0: "head", 1.0: name}.get(share, f"{name}, {share:.0%} of the way")


class _Common:
    """What the six trainings share: the body, the prepared items, and the rows of the start."""

    def __init__(self, source: Source, part: Dataset) -> None:
        self.source, self.part, self.work = source, part, SharedWork(source)
        self._rows: FeatureMatrix | None = None

    def start_rows(self, network: Network) -> FeatureMatrix:
        """The rows (n, d) of all items; computed once, by a network that holds the weights of the start."""
        if self._rows is None:
            self._rows = network_rows(network, self.batches(self.part, network.trainable))
        return self._rows

    def batches(self, part: Dataset, body: Trainable) -> ItemBatches:
        """Items in batches to encode."""
        batches = ItemBatches(part.items, np.zeros((len(part), 1)), self.work.prepare, body.collate, Training(), seed=0)
        if body.kind == "tokens":
            batches.sort_by_length()
        return batches


class _WeightPath:
    """A body trained on some items, at any point between start and trained weights, with heads solved on the items."""

    def __init__(
        self,
        strategy: MovingStrategy,
        common: _Common,
        places: Positions,
        *,
        seed: int,
        budget: Budget,
        search: HeadSearch,
        engine: Engine,
    ) -> None:
        self._common, self._places = common, places
        part = common.part.take(places)
        trained = train_network(
            strategy, common.source, part, seed=seed, budget=budget, engine=engine, shared=common.work
        )
        self.setting, self.outcome = trained.setting, trained.outcome
        self._before, self._after = trained.before, trained.setting.network.state()
        self._name, self._layers = strategy.name, search.layers
        self._heads = [name for name in HEAD_NAMES if name in (search.heads or HEAD_NAMES)] or list(HEAD_NAMES)

    def judged(self, left: Positions) -> Iterator[tuple[GridPoint, Array]]:
        """The scores (m, k) of m out-of-fold items, for each point of the grid."""
        for share in SHARES:
            network = self._at(share).network
            if share:
                others = network_rows(network, self._read(self._common.part.take(left)))
            else:
                others = self._common.start_rows(network)[left]
            for choice, fitted in self._solved(share, RATIOS, self._rows(share)):
                yield choice, fitted.scores(others)

    def model(self, choice: GridPoint, calibration: Mapping[str, Array], loss: float) -> TransferModel:
        """The model at a point of the grid, with the calibration and loss of out-of-fold items."""
        setting = self._at(choice.share)
        rows = self._rows(choice.share)
        [head] = [fitted for found, fitted in self._solved(choice.share, [choice.ratio], rows) if found == choice]
        kept = {key: value for key, value in setting.start.head.calibration.items() if key == "shares"}
        head = replace(head, calibration={**kept, **calibration}, loss=loss)
        keep = rows.shape[1] <= MAX_KEPT_FEATURES
        moments = kept_moments(rows, setting.y, setting.task, head, HeadSearch((choice.head,))) if keep else None
        source = setting.source
        if choice.share:
            source = fine_tuned_source(setting, _label(self._name, choice.share))
        return TransferModel(source, setting.task, head, moments, setting.start.columns, engine=setting.start.engine)

    def _at(self, share: float) -> Setting:
        self.setting.network.load_state_dict(interpolated(self._before, self._after, share))
        return self.setting

    def _rows(self, share: float) -> FeatureMatrix:
        """The rows of the items that were trained on, by the network with the weights that it holds now."""
        if share:
            return network_rows(self.setting.network, self.setting.batches)
        return self._common.start_rows(self.setting.network)[self._places]

    def _solved(
        self, share: float, ratios: Sequence[float], rows: FeatureMatrix
    ) -> Iterator[tuple[GridPoint, FittedHead]]:
        """Heads solved on the rows of the items that were trained on."""
        setting = self.setting
        targets = task_methods(setting.task).targets(setting.y, setting.task.num_outputs)
        for place, feature_map in enumerate(candidate_maps(rows, setting.source.info.blocks, self._layers)):
            spectrum = Spectrum.from_rows(feature_map(rows), targets)  # one decomposition serves every λ
            mean = float(spectrum.values.mean())
            for name in self._heads:
                head = cast("SpectralHead", HEADS[name])
                for ratio in ratios:
                    weights = head.coefficients(spectrum, ratio * mean)
                    fitted = FittedHead(feature_map, name, ratio * mean, *weights, {}, 0, ())
                    yield GridPoint(share, place, name, ratio), fitted

    def _read(self, left: Dataset) -> ItemBatches:
        return self._common.batches(left, self.setting.network.trainable)


def _best(scores: Mapping[GridPoint, Array], task: Task, y: NDArray[np.integer]) -> tuple[GridPoint, Array]:
    """The grid point of least mean loss, the first of equals, with its losses (n,)."""
    losses = {choice: halved_losses(values, y, task) for choice, values in scores.items()}
    best = min(losses, key=lambda choice: float(losses[choice].mean()))
    return best, losses[best]
