"""The candidate models of a trained body, each judged on the same validation items.

The candidates are the frozen features with their closed-form head, the trained network, weight interpolations between
the two (WiSE-FT, `headstart.tune.moving.interpolation`), and a head that is solved again on the best body.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.engine.extract import encode
from headstart.heads import HEADS, FittedHead, HeadSearch, SpectralHead, select_head
from headstart.heads.spectral.kept_moments import MAX_KEPT_FEATURES, kept_moments
from headstart.model import TransferModel
from headstart.model.certainty import VALIDATED, certainty_of_scores
from headstart.sources.bodies.trainable import TrainableSource
from headstart.tune.moving.encoded_rows import encoded_rows
from headstart.tune.moving.interpolation import interpolated
from headstart.tune.moving.plan import Setting
from headstart.tune.moving.validation import Validation
from headstart.tune.network.body_and_head import Network
from headstart.tune.training.job import Outcome
from headstart.types import Dataset, FeatureMatrix

__all__ = ["Moved", "ValidatedModel", "bounded", "judged_state", "make_candidates"]

SHARES = (0.75, 0.5, 0.25)  # of the way from the start to the trained weights, besides all of it
SOLVED_AGAIN = ", head solved again"
UNSEEN = 30.0  # how far below the smallest finite score that of a class without items is put


@dataclass(frozen=True, eq=False)
class ValidatedModel:
    """A candidate model with its scores and losses on the validation items.

    Attributes:
        name: ``"head"`` for the frozen features, else the strategy and what was done with its weights.
        model: fitted on the training items, calibrated on the validation items.
        losses: (m,) loss of each validation item; each half of the items is calibrated on the other half.
        scores: (m, k) scores of the validation items.
        is_trained: whether its body has other weights than at the start.

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
    is_trained: bool = True

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
        left_out: names of candidates for which no time was left.

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
    left_out: tuple[str, ...] = ()

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
    outcome: Outcome | None = None,
    last: Mapping[str, Tensor] | None = None,
    until: float = math.inf,
    left_out: Callable[[str], object] = lambda _: None,
    most: int | None = None,
) -> Iterator[ValidatedModel]:
    """The start, the trained network, its interpolations with the start, and a head solved again on the best body.

    The weights of the last step and their interpolations are candidates too where an earlier epoch was kept: after a
    few epochs too many, a point on the way can validate better than any epoch.

    Args:
        name: name of the strategy.
        setting: what was trained; its network holds the trained weights, and does so again at the end.
        validation: the validation items.
        before: the network's weights before training, by name.
        base: the source's frozen features with their closed-form head.
        search: which heads and features are compared when the head is solved.
        outcome: how the training went: it says of which epoch the network's weights are; None for the last one.
        last: the weights of the last step by name, if the network holds earlier ones.
        until: end of the time for judging, in seconds of `time.perf_counter`; a further candidate that would take
            longer, judging by those before it, is left out.
        left_out: called with the name of each that is left out.
        most: how many candidates are judged; None for all.

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
    rows = encode(base.source, validation.part.items, engine=replace(base.engine, ray=None, workers=None))
    head = _judged("head", base, base.head, base.head.scores(rows), validation)
    yield replace(head, is_trained=False)
    after = setting.network.state()
    found: list[ValidatedModel] = []
    best: tuple[float, int, _Weights, TrainableSource] | None = None
    longest = 0.0  # seconds of a candidate so far
    for weights in islice(_all_weights(name, before, after, outcome, last), None if most is None else most - 1):
        began = time.perf_counter()
        if best is not None and began + longest > until:
            left_out(weights.label)
            continue
        _load(setting.network, before, weights)
        body = copy.deepcopy(setting.network.body).eval().requires_grad_(requires_grad=False)
        source = _source(weights.label, body, setting)
        one = _trained(weights, source, setting, validation, needed=best is None)
        if one is not None:
            if best is None or one.loss < best[0]:
                best = one.loss, len(found), weights, source
            # With a source that is not open yet: the running bodies of all candidates might not fit into memory.
            found.append(replace(one, model=replace(one.model, source=_source(weights.label, body, setting))))
        longest = max(longest, time.perf_counter() - began)
    assert best is not None  # noqa: S101 (the first candidate is always made)
    _, place, weights, source = best
    found[place] = replace(found[place], model=replace(found[place].model, source=source))
    yield from found
    if most is not None and len(found) + 1 >= most:
        setting.network.load_state_dict(after)
        return
    again = longest * (len(setting.y) + len(validation.y)) / max(len(validation.y), 1)
    if time.perf_counter() + again > until:
        left_out(f"{weights.label}{SOLVED_AGAIN}")
    else:
        _load(setting.network, before, weights)
        yield _solved_again(weights, source, setting, validation, search=search)
    setting.network.load_state_dict(after)


def judged_state(
    label: str,
    state: Mapping[str, Tensor],
    *,
    setting: Setting,
    validation: Validation,
    search: HeadSearch | None = None,
) -> ValidatedModel:
    """A network with these weights as a candidate, with its own head or with one that is solved again.

    Args:
        label: its name.
        state: weights of the structure of the setting's network, which holds them afterwards.
        setting: network and training items.
        validation: the validation items.
        search: which heads are compared when the head is solved again; None for the head in the state.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> from headstart.sources.toy_shift import toy_shift
        >>> setting = toy_setting(LP_FT)
        >>> validation = Validation(
        ...     setting.task, toy_shift().test.take(range(20)), setting.source, setting.network.trainable.collate
        ... )
        >>> start = setting.network.state()
        >>> [
        ...     judged_state("start", start, setting=setting, validation=validation, search=search).name
        ...     for search in (None, HeadSearch(("ridge",)))
        ... ]
        ['start', 'start, head solved again']
    """
    setting.network.load_state_dict(state)
    weights = _Weights(label, state)
    body = copy.deepcopy(setting.network.body).eval().requires_grad_(requires_grad=False)
    source = _source(label, body, setting)
    if search is not None:
        return _solved_again(weights, source, setting, validation, search=search)
    found = _trained(weights, source, setting, validation, needed=True)
    assert found is not None  # noqa: S101 (it is needed)
    return found


@dataclass(frozen=True, eq=False)
class _Weights:
    """Weights of a candidate: a share of the way from the start to the state of an epoch."""

    label: str
    state: Mapping[str, Tensor] = field(repr=False)
    share: float = 1.0
    is_trained: bool = True


def _all_weights(
    name: str,
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    outcome: Outcome | None,
    last: Mapping[str, Tensor] | None,
) -> Iterator[_Weights]:
    """The weights of the kept epoch, those of the last one where they are others, and interpolations with the start."""
    epoch = ""
    if outcome is not None and outcome.kept_epoch == 0:
        yield _Weights(f"{name}, weights of the start", after, is_trained=False)
    else:
        if outcome is not None and outcome.kept_epoch < outcome.epochs:
            epoch = f"epoch {outcome.kept_epoch:g} of {outcome.epochs}"
        yield from _on_the_way(name, before, after, epoch)
    if last is not None:
        yield from _on_the_way(name, before, last, "the last epoch")


def _on_the_way(name: str, before: Mapping[str, Tensor], after: Mapping[str, Tensor], epoch: str) -> Iterator[_Weights]:
    yield _Weights(f"{name}, {epoch}" if epoch else name, after)
    for share in SHARES if _alike(before, after) else ():
        yield _Weights(f"{name}, {share:.0%} of the way{f' to {epoch}' if epoch else ''}", after, share)


def _alike(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> bool:
    """Whether both states have the same structure, so that the network can hold weights between the two."""
    return before.keys() == after.keys() and all(before[name].shape == after[name].shape for name in before)


def _load(network: Network, before: Mapping[str, Tensor], weights: _Weights) -> None:
    after, share = weights.state, weights.share
    network.load_state_dict(after if share == 1.0 else interpolated(before, after, share))


def _trained(
    weights: _Weights, source: TrainableSource, setting: Setting, validation: Validation, *, needed: bool
) -> ValidatedModel | None:
    """The network as it is, as a candidate; None if its scores are not numbers and another candidate is there."""
    head = setting.network.head.fitted()
    with np.errstate(over="ignore", invalid="ignore"):  # weights that diverged overflow here
        scores = head.scores(_validation_rows(source, setting, validation))
    if not needed and (np.isnan(scores) | np.isposinf(scores)).any():
        return None
    model = TransferModel(source, setting.task, head, None, setting.start.columns, engine=setting.start.engine)
    return replace(_judged(weights.label, model, head, scores, validation), is_trained=weights.is_trained)


def _solved_again(
    weights: _Weights, source: TrainableSource, setting: Setting, validation: Validation, *, search: HeadSearch
) -> ValidatedModel:
    """The fine-tuned body with a head that is solved again on its rows.

    The leave-one-out losses of these rows are too low, since the body was trained on the same items. They only choose
    the head; the candidate itself is judged on the validation items.
    """
    label = f"{weights.label}{SOLVED_AGAIN}"
    search = replace(search, prior=None)  # a prior from class names was encoded by the frozen body
    engine = setting.start.engine
    rows = encoded_rows(source, setting.network, setting.items, setting.batches, engine)
    head = select_head(rows, setting.y, setting.task, blocks=source.info.blocks, search=search, seed=setting.seed)
    keep = isinstance(HEADS[head.head], SpectralHead) and rows.shape[1] <= MAX_KEPT_FEATURES
    moments = kept_moments(rows, setting.y, setting.task, head, search) if keep else None
    scores = head.scores(_validation_rows(source, setting, validation))
    head = replace(head, moments=None)
    model = TransferModel(source, setting.task, head, moments, setting.start.columns, engine=engine)
    return replace(_judged(label, model, head, scores, validation), is_trained=weights.is_trained)


def _validation_rows(source: TrainableSource, setting: Setting, validation: Validation) -> FeatureMatrix:
    items, batches = validation.part.items, validation.batches
    return encoded_rows(source, setting.network, items, batches, setting.start.engine)


def _source(label: str, body: nn.Module, setting: Setting) -> TrainableSource:
    source = cast("TrainableSource", setting.source)  # `trainable` raised otherwise
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
