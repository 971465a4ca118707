"""Model soup: several trainings of one body from different seeds, and the average of their weights.

Reference: Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time": runs from one start stay in one basin of the loss, so that the average of their weights is a
model too, and often a better one than any of them. The uniform soup averages all; the greedy one takes the runs in the
order of their validation loss, and keeps each that does not raise the loss of the average.

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from headstart.engine.options import Engine
from headstart.errors import ParameterError
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.params import check_number
from headstart.tune.moving.candidates import Moved, ValidatedModel, judged_state
from headstart.tune.moving.contract import BringsBody, MovingStrategy, ReplaysSource, with_settings
from headstart.tune.moving.move import class_weights_of, hold_out_validation, make_setting, move
from headstart.tune.moving.plan import Plan, Setting
from headstart.tune.moving.shared_time import SharedTime
from headstart.tune.moving.validation import Validation
from headstart.tune.registry import MOVING, STRATEGIES
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source

__all__ = ["SOUP", "ModelSoup", "greedy_soup", "uniform_soup"]

State = Mapping[str, Tensor]


def uniform_soup(states: Sequence[State]) -> dict[str, Tensor]:
    """The mean of the weights; integer tensors (counters) are those of the first.

    Args:
        states: weights of one structure, by name.

    Raises:
        ParameterError: if there are none, or their structures differ.

    Examples:
        >>> runs = [{"w": torch.tensor([0.0, 2.0])}, {"w": torch.tensor([4.0, 2.0])}]
        >>> uniform_soup(runs)["w"].tolist()
        [2.0, 2.0]
        >>> uniform_soup([*runs, {"v": torch.zeros(2)}])
        Traceback (most recent call last):
        headstart.errors.ParameterError: A soup averages weights of one structure. Got weights that only some of ...
    """
    if not states:
        raise ParameterError("A soup averages the weights of one run or more. Got none.")
    first = states[0]
    for number, other in enumerate(states[1:], start=2):
        missing = sorted(first.keys() ^ other.keys())
        if missing:
            raise ParameterError(
                f"A soup averages weights of one structure. Got weights that only some of the runs have, such as "
                f"'{missing[0]}'; give runs of the same body and strategy."
            )
        unlike = [name for name in first if first[name].shape != other[name].shape]
        if unlike:
            raise ParameterError(
                f"A soup averages weights of one structure. Got '{unlike[0]}' of shape {tuple(first[unlike[0]].shape)} "
                f"in the first run and {tuple(other[unlike[0]].shape)} in run {number}; give runs of the same body."
            )
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if value.is_floating_point() else value
        for name, value in first.items()
    }


def greedy_soup(
    states: Sequence[State], loss: Callable[[tuple[int, ...], State], float]
) -> tuple[tuple[int, ...], dict[str, Tensor]]:
    """The greedy soup: the best run, and each further one, from the best to the worst, that does not raise the loss.

    Args:
        states: weights of the runs, of one structure.
        loss: of the average of the runs with these numbers, on items that no training saw; called with each single run
            first.

    Returns:
        The numbers of the runs that were taken, in this order, and their average.

    Raises:
        ParameterError: as `uniform_soup`.

    Examples:
        >>> runs = [{"w": torch.tensor(value)} for value in (3.0, 2.0, -1.0, 9.0)]
        >>> taken, soup = greedy_soup(runs, lambda _, state: float(state["w"] ** 2))   # the aim is w = 0
        >>> taken, soup["w"].item()     # -1, then 2 and 3 lead away from 0.5, and so does 9
        ((2, 1), 0.5)
    """
    alone = [loss((k,), state) for k, state in enumerate(states)]
    order = sorted(range(len(states)), key=lambda k: alone[k])
    taken, least = tuple(order[:1]), min(alone, default=0.0)
    for k in order[1:]:
        found = loss((*taken, k), uniform_soup([states[j] for j in (*taken, k)]))
        if found <= least:
            taken, least = (*taken, k), found
    return taken, uniform_soup([states[k] for k in taken])


@dataclass(frozen=True)
class ModelSoup:
    """Several trainings by one strategy, from consecutive seeds and on the same items, and averages of their weights.

    The candidates are each run, each average that the greedy soup tries, the uniform soup, and the best of them with a
    head that is solved again. The bound of the gate holds for all of them together.

    Attributes:
        training: the training settings of each run.
        of: name of the strategy that trains.
        runs: number of trainings, 3; each costs as much as the strategy alone.
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> quick = ModelSoup(Training(epochs=2, learning_rate=0.02), runs=2)
        >>> moved = quick.move(shift.source, shift.train.take(range(80)))
        >>> [one.name for one in moved.candidates][:4]
        ['head', 'lp_ft, seed 0', 'lp_ft, seed 1', 'soup of lp_ft, seeds 0 and 1']
    """

    training: Training = Training(batch_statistics=False)
    of: str = "lp_ft"
    runs: int = 3
    name: str = "soup"

    def __post_init__(self) -> None:
        check_number(self.runs, "runs", type(self).__name__, low=2, integer=True)
        if self.of not in MOVING or self.of == self.name:
            known = ", ".join(sorted(MOVING.keys() - {self.name}))
            raise ParameterError(f"The 'of' parameter of ModelSoup must be one of {known}. Got '{self.of}' instead.")
        if isinstance(STRATEGIES[self.of], BringsBody | ReplaysSource):
            raise ParameterError(
                f"A soup averages runs that start from the same weights, without other data. Got of='{self.of}'; name "
                "another strategy, such as 'lp_ft' or 'lora'."
            )

    def plan(self, setting: Setting) -> Plan:
        """What the strategy of each run trains."""
        return self._recipe().plan(setting)

    def move(
        self,
        source: Source,
        train: Dataset,
        *,
        valid: Dataset | None = None,
        seed: int = 0,
        budget: Budget = Budget(),
        search: HeadSearch = HeadSearch(),
        engine: Engine = Engine(),
    ) -> Moved:
        """Train the runs one after the other, and judge them and their averages on one validation part.

        The arguments are those of `headstart.tune.moving.move.move`; the time limit is for all runs together.

        Raises:
            ParameterError: if the strategy leaves modules in the body that the start does not have.
        """
        recipe, part = self._recipe(), train
        if valid is None:
            part, valid = hold_out_validation(train, seed)
        shares, done = SharedTime(budget, [len(part)] * self.runs), []
        train_once = partial(move, recipe, source, part, valid=valid, search=search, engine=engine, most=2)
        for run in range(self.runs):
            share = shares.next()
            own = replace(share, logs=None if share.logs is None else Path(share.logs) / f"seed-{seed + run}")
            done.append(train_once(seed=seed + run, budget=own))
            shares.trained()
        weights = class_weights_of(train, search.class_weight)
        start = done[0].start.model
        setting = make_setting(recipe, source, part, start, seed=seed, budget=budget, class_weights=weights)
        validation = Validation(setting.task, valid, source, setting.network.trainable.collate, weights)
        judge = partial(judged_state, setting=setting, validation=validation)
        found = _candidates(done, setting.network.state(), judge, search, partial(_label, self.of, seed))
        best = min(done, key=lambda one: one.best.loss)
        seconds = sum(one.outcome.seconds for one in done)
        notes = dict.fromkeys(one.outcome.note for one in done if one.outcome.note)
        outcome = replace(best.outcome, seconds=seconds, note=" ".join(notes))
        return Moved((done[0].start, *found), outcome, valid, best.network)

    def fit(
        self,
        source: Source,
        train: Dataset,
        *,
        valid: Dataset | None = None,
        seed: int = 0,
        budget: Budget = Budget(),
        engine: Engine = Engine(),
    ) -> TransferModel:
        """The best candidate of the trained bodies, as `move` judges them.

        Examples:
            >>> from headstart.sources.toy_shift import toy_shift
            >>> shift = toy_shift()
            >>> model = ModelSoup(Training(epochs=1), runs=2).fit(shift.source, shift.train.take(range(60)))
            >>> model.predict_proba(shift.test.items[:3]).shape
            (3, 2)
        """
        return self.move(source, train, valid=valid, seed=seed, budget=budget, engine=engine).best.model

    def _recipe(self) -> MovingStrategy:
        strategy = STRATEGIES[self.of]
        assert isinstance(strategy, MovingStrategy)  # noqa: S101 (checked above)
        return with_settings(strategy, training=self.training)


def _candidates(
    done: Sequence[Moved],
    start: State,
    judge: Callable[..., ValidatedModel],
    search: HeadSearch,
    label: Callable[[Sequence[int]], str],
) -> Iterator[ValidatedModel]:
    """Each run, each average that was tried, and the best of all with its head solved again."""
    made: dict[tuple[int, ...], tuple[ValidatedModel, State]] = {}
    trained = [k for k, one in enumerate(done) if one.outcome.kept_epoch > 0]
    if not trained:
        yield done[0].best
        return
    states = [done[k].network.state() for k in trained]
    uniform_soup([start, *states])  # refuses strategies that leave modules in the body

    def loss(taken: tuple[int, ...], state: State) -> float:
        found = judge(label([trained[k] for k in taken]), state)
        made[tuple(sorted(taken))] = found, state
        return found.loss

    greedy_soup(states, loss)
    if tuple(range(len(states))) not in made:
        loss(tuple(range(len(states))), uniform_soup(states))
    yield from (one for one, _ in made.values())
    best, state = min(made.values(), key=lambda pair: pair[0].loss)
    yield judge(best.name, state, search=search)


def _label(of: str, seed: int, taken: Sequence[int]) -> str:
    """The name of a run, or of an average of several."""
    *first, last = sorted(seed + k for k in taken)
    return f"soup of {of}, seeds {', '.join(map(str, first))} and {last}" if first else f"{of}, seed {last}"


SOUP = ModelSoup()
