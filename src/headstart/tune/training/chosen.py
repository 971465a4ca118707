"""Settings of a training that a user chose by name, in place of those of a strategy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from headstart.errors import ParameterError, UnknownNameError
from headstart.params import check_number
from headstart.tune.training.settings import Training

__all__ = [
    "FIND",
    "Chosen",
    "asks_for_rate",
    "check_chosen",
    "own_settings",
    "trials_of",
    "with_chosen",
    "without_find",
]

S = TypeVar("S")
Chosen = Mapping[str, Any]

FIND = "find"
"""The learning rate that stands for "by a range test"."""

TRIALS, MOST_TRIALS = "trials", 100

PLAIN = (bool, int, float, str)
OF_TRAINING = frozenset(field.name for field in fields(Training))


@runtime_checkable
class _Named(Protocol):
    """A strategy has a name; the settings of a detector or of a random field have none."""

    @property
    def name(self) -> str: ...


def asks_for_rate(chosen: Chosen | None) -> bool:
    """Whether a range test shall find the learning rate.

    Examples:
        >>> asks_for_rate({"learning_rate": "find"}), asks_for_rate({"learning_rate": 0.1}), asks_for_rate(None)
        (True, False, False)
    """
    return chosen is not None and isinstance(chosen.get("learning_rate"), str) and chosen["learning_rate"] == FIND


def trials_of(chosen: Chosen | None) -> int:
    """How many settings shall be tried in a search; 0 for no search.

    Raises:
        ParameterError: unless it is a whole number from 2 to 100.

    Examples:
        >>> trials_of({"trials": 8}), trials_of({"epochs": 3}), trials_of(None)
        (8, 0, 0)
    """
    count = (chosen or {}).get(TRIALS)
    if count is None:
        return 0
    check_number(count, TRIALS, "a training", low=2, high=MOST_TRIALS, integer=True)
    return int(count)


def without_find(chosen: Chosen | None) -> Chosen | None:
    """The chosen settings without those that say what is to be found: a learning rate by a test, trials of a search.

    Examples:
        >>> without_find({"learning_rate": "find", "epochs": 3, "trials": 8})
        {'epochs': 3}
    """
    if chosen is None:
        return None
    left_out = {TRIALS, "learning_rate"} if asks_for_rate(chosen) else {TRIALS}
    return {name: value for name, value in chosen.items() if name not in left_out}


def own_settings(strategy: object) -> dict[str, Any]:
    """The settings of a strategy besides those of its training: numbers, texts and truth values, by name.

    Args:
        strategy: a dataclass with a field ``training``.

    Examples:
        >>> from headstart.tune.lora import LORA
        >>> own_settings(LORA)
        {'rank': 8, 'alpha': 8.0, 'rate': 10.0}
    """
    if not is_dataclass(strategy):
        return {}
    found = {field.name: getattr(strategy, field.name) for field in fields(strategy)}
    return {name: value for name, value in found.items() if isinstance(value, PLAIN) and name != "name"}


def with_chosen(strategy: S, chosen: Chosen | None, *, unused: Collection[str] = ()) -> S:
    """A copy of a strategy, or of other settings with a field ``training``, in which the chosen settings are replaced.

    Args:
        strategy: a dataclass with a field ``training``; or the `Training` itself.
        chosen: values by name: fields of `Training`, and those of `own_settings`; None for none.
        unused: names of settings that it ignores, which are refused.

    Raises:
        UnknownNameError: for a name that it does not have.
        ParameterError: for a value that is not allowed, or a setting that it ignores.

    Examples:
        >>> from headstart.tune.lora import LORA
        >>> changed = with_chosen(LORA, {"epochs": 3, "rank": 4})
        >>> changed.training.epochs, changed.rank, changed.alpha
        (3, 4, 8.0)
        >>> with_chosen(LORA, {"rnak": 4})
        Traceback (most recent call last):
        headstart.errors.UnknownNameError: Unknown training setting 'rnak'. Did you mean 'rank'? Known: alpha, ...
    """
    if not chosen:
        return strategy
    if isinstance(strategy, Training):
        check_chosen(chosen, "this command", unused=unused)
        return cast("S", replace(strategy, **chosen))
    own = own_settings(strategy)
    owner = f"'{strategy.name}'" if isinstance(strategy, _Named) else "a training"
    check_chosen(chosen, owner, own=own, unused=unused)
    settings: dict[str, Any] = {key: value for key, value in chosen.items() if key in own}
    of_training = {key: value for key, value in chosen.items() if key not in own}
    if of_training:
        settings["training"] = replace(cast("Any", strategy).training, **of_training)
    changed: S = replace(cast("Any", strategy), **settings)
    return changed


def check_chosen(
    chosen: Chosen, owner: str, *, own: Mapping[str, Any] | None = None, unused: Collection[str] = ()
) -> None:
    """Raise for a setting that a training does not have, does not use, or cannot take this value.

    Args:
        chosen: values by name.
        owner: whose settings they are, for the message.
        own: further settings besides those of `Training`, with their defaults.
        unused: names that it ignores.

    Raises:
        UnknownNameError: for a name that it does not have.
        ParameterError: for a value that is not allowed, or a setting that it ignores.

    Examples:
        >>> check_chosen({"epochs": 0}, "'lp_ft'")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'epochs' parameter of Training must be an integer in [1, 100000]. Got 0 ...
        >>> check_chosen({"mixup": 0.2}, "the decoder of masks", unused=["mixup"])
        Traceback (most recent call last):
        headstart.errors.ParameterError: The setting 'mixup' has no effect on the training of the decoder of masks; ...
    """
    further = own or {}
    usable = (OF_TRAINING | set(further)) - set(unused)
    for name, value in chosen.items():
        if name in unused:
            raise ParameterError(
                f"The setting '{name}' has no effect on the training of {owner}; leave it out, or choose one of "
                f"{', '.join(sorted(usable))}."
            )
        if name not in usable:
            raise UnknownNameError("training setting", name, usable)
        default = further[name] if name in further else getattr(Training(), name)
        _check_kind(value, name, owner, default)
    Training(**{name: value for name, value in chosen.items() if name not in further})


def _check_kind(value: object, name: str, owner: str, default: object) -> None:
    """Raise unless truth values and texts replace their like; numbers are checked with their bounds elsewhere."""
    for kind, words in ((bool, "true or false"), (str, "a text")):
        if isinstance(default, kind) and not isinstance(value, kind):
            raise ParameterError(f"The setting '{name}' of {owner} must be {words}. Got {value!r} instead.")
