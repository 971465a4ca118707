"""The candidate models of a trained body, each judged on the same validation items.

The candidates are the frozen features with their closed-form head, the trained network, weight interpolations between
the two (WiSE-FT, `headstart.tune.moving.interpolation`), and a head that is solved again on the best body.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from headstart.engine.extract import encode
from headstart.heads import HEADS, FittedHead, HeadSearch, SpectralHead, select_head
from headstart.heads.spectral.kept_moments import MAX_KEPT_FEATURES, kept_moments
from headstart.model import TransferModel
from headstart.model.certainty import VALIDATED, certainty_of_scores
from headstart.sources.bodies.trainable import TrainableSource
from headstart.tune.moving.interpolation import interpolated
from headstart.tune.moving.plan import Setting
from headstart.tune.moving.validation import Validation, network_rows
from headstart.tune.network.body_and_head import Network
from headstart.tune.training.job import Outcome
from headstart.types import Dataset

__all__ = ["Moved", "ValidatedModel", "bounded", "make_candidates"]

SHARES = (0.75, 0.5, 0.25)  # of the way from the start to the trained weights, besides all of it
UNSEEN = 30.0  # how far below the smallest finite score that of a class without items is put


@dataclass(frozen=True, eq=False)
class ValidatedModel:
    """A candidate model with its scores and losses on the validation items.

    Attributes:
        name: ``"head"`` for the frozen features, else the strategy and what was done with its weights.
        model: fitted on the training items, calibrated on the validation items.
        losses: (m,) loss of each validation item; each half of the items is calibrated on the other half.
        scores: (m, k) scores of the validation items.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> start = toy_setting(LP_FT).start
        >>> ValidatedModel("head", start, losses=np.array([0.25, 0.75]), scores=np.zeros((2, 2))).loss
        0.5
    """

    name: str
    model: TransferModel
    losses: NDArray[np.float64] = field(repr=False)
    scores: NDArray[np.float64] = field(repr=False)

    @property
    def loss(self) -> float:
        """The mean validation loss."""
        return float(self.losses.mean())


@dataclass(frozen=True, eq=False)
class Moved:
    """The result of fine-tuning: the judged candidates.

    Attributes:
        candidates: the frozen features with their head, then the candidates of the fine-tuned body.
        outcome: how the training went.
        valid: the items that the candidates were judged on.
        network: the trained network.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.move import move
        >>> shift = toy_shift()
        >>> [one.name for one in move(LP_FT, shift.source, shift.train.take(range(60))).candidates][:3]
        ['head', 'lp_ft', 'lp_ft, 75% of the way']
    """

    candidates: tuple[ValidatedModel, ...]
    outcome: Outcome
    valid: Dataset = field(repr=False)
    network: Network = field(repr=False)

    @property
    def start(self) -> ValidatedModel:
        """The frozen features with their closed-form head."""
        return self.candidates[0]

    @property
    def best(self) -> ValidatedModel:
        """The candidate of the fine-tuned body with the least validation loss."""
        return min(self.candidates[1:], key=lambda one: one.loss)


def make_candidates(
    name: str,
    setting: Setting,
    validation: Validation,
    before: Mapping[str, Tensor],
    *,
    base: TransferModel,
    search: HeadSearch,
) -> Iterator[ValidatedModel]:
    """The start, the trained network, its interpolations with the start, and a head solved again on the best body.

    Args:
        name: name of the strategy.
        setting: what was trained; its network holds the trained weights, and does so again at the end.
        validation: the validation items.
        before: the network's weights before training, by name.
        base: the source's frozen features with their closed-form head.
        search: which heads and features are compared when the head is solved.

    Yields:
        The candidates, the start first.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> from headstart.sources.toy_shift import toy_shift
        >>> setting = toy_setting(LP_FT)
        >>> part = toy_shift().test.take(range(20))
        >>> validation = Validation(setting.task, part, setting.source, setting.network.trainable.collate)
        >>> before, search = setting.network.state(), HeadSearch(("ridge",))
        >>> found = make_candidates("lp_ft", setting, validation, before, base=setting.start, search=search)
        >>> [candidate.name for candidate in found][:3]
        ['head', 'lp_ft', 'lp_ft, 75% of the way']
    """
    rows = encode(base.source, validation.part.items, engine=replace(base.engine, cache=False))
    yield _judged("head", base, base.head, base.head.scores(rows), validation)
    after = setting.network.state()
    shares = [1.0, *(SHARES if _alike(before, after) else ())]
    made: list[tuple[float, float]] = []
    for share in shares:
        _load(setting.network, before, after, share)
        found = _trained(name, share, setting, validation)
        if found is not None:
            made.append((found.loss, share))
            yield found
    best = min(made)[1]
    _load(setting.network, before, after, best)
    yield _solved_again(name, best, setting, validation, search=search)
    _load(setting.network, before, after, 1.0)


def _alike(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> bool:
    """Whether both states have the same structure, so that the network can hold weights between the two."""
    return before.keys() == after.keys() and all(before[name].shape == after[name].shape for name in before)


def _load(network: Network, before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> None:
    network.load_state_dict(after if share == 1.0 else interpolated(before, after, share))


def _label(name: str, share: float) -> str:
    return name if share == 1.0 else f"{name}, {share:.0%} of the way"


def _trained(name: str, share: float, setting: Setting, validation: Validation) -> ValidatedModel | None:
    """The network as it is, as a candidate; None if interpolated weights give scores that are not numbers."""
    label, scores = _label(name, share), validation.scores(setting.network)
    if share < 1.0 and (np.isnan(scores) | np.isposinf(scores)).any():
        return None
    model = TransferModel(_source(label, setting), setting.task, setting.network.head.fitted(), None,
                          setting.start.columns, engine=setting.start.engine)  # fmt: skip
    return _judged(label, model, model.head, scores, validation)


def _solved_again(
    name: str, share: float, setting: Setting, validation: Validation, *, search: HeadSearch
) -> ValidatedModel:
    """The fine-tuned body with a head that is solved again on its rows.

    The leave-one-out losses of these rows are too low, since the body was trained on the same items. They only choose
    the head; the candidate itself is judged on the validation items.
    """
    label = f"{_label(name, share)}, head solved again"
    search = replace(search, prior=None)  # a prior from class names was encoded by the frozen body
    rows = network_rows(setting.network, setting.batches)
    source = _source(label, setting)
    head = select_head(rows, setting.y, setting.task, blocks=source.info.blocks, search=search, seed=setting.seed)
    keep = isinstance(HEADS[head.head], SpectralHead) and rows.shape[1] <= MAX_KEPT_FEATURES
    moments = kept_moments(rows, setting.y, setting.task, head, search) if keep else None
    scores = head.scores(network_rows(setting.network, validation.batches))
    model = TransferModel(
        source, setting.task, replace(head, moments=None), moments, setting.start.columns, engine=setting.start.engine
    )
    return _judged(label, model, head, scores, validation)


def _source(label: str, setting: Setting) -> TrainableSource:
    source = cast("TrainableSource", setting.source)  # `trainable` raised otherwise
    body = copy.deepcopy(setting.network.body).eval().requires_grad_(requires_grad=False)
    return cast("TrainableSource", source.with_module(body, f"{source.info.name} ({label})"))


def _judged(
    name: str, model: TransferModel, head: FittedHead, scores: NDArray[np.float64], validation: Validation
) -> ValidatedModel:
    scores = bounded(scores)
    shares = {key: value for key, value in head.calibration.items() if key in ("shares", "class_weight")}
    losses = validation.losses(scores)
    calibration = {**validation.calibration(scores), **shares}
    head = replace(model.head, calibration=calibration, loss=float(losses.mean()), evidence=None)
    part = validation.part
    certainty = certainty_of_scores(
        scores, part.labelled()[1], ids=part.ids, how=VALIDATED,
        groups=None if part.groups is None else part.group_codes,
    )  # fmt: skip
    return ValidatedModel(name, replace(model, head=head, certainty=certainty), losses, scores)


def bounded(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores in which -inf, the score of a class without items, is replaced by 30 below the smallest finite score.

    Args:
        scores: (m, k).

    Examples:
        >>> bounded(np.array([[1.0, -np.inf]]))
        array([[  1., -30.]])
    """
    least = float(np.where(np.isfinite(scores), scores, 0.0).min()) - UNSEEN
    return cast("NDArray[np.float64]", np.maximum(scores, least))
