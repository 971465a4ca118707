"""The contract between a strategy and the training loop: what every strategy has, and what it may have.

`MovingStrategy` is all that a strategy needs. Each further Protocol is an optional capability: a strategy has it if it
has the method or field. `headstart.tune.moving.plan` defines what ``plan`` is given and what it returns. Nothing here
imports torch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads import HeadSearch
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source

if TYPE_CHECKING:
    from headstart.tune.moving.candidates import Moved
    from headstart.tune.moving.plan import Plan, Setting

__all__ = [
    "BringsBody", "CrossFits", "MovesItself", "MovingStrategy", "ReplaysSource", "TrainsSeveral", "check_replayed",
    "with_settings",
]  # fmt: skip

S = TypeVar("S")


@runtime_checkable
class MovingStrategy(Protocol):
    """A strategy that fine-tunes the body: a frozen dataclass whose fields are its settings.

    With the class attribute ``fit = fit_moved`` (`headstart.tune.moving.move.fit_moved`) it is also a
    `headstart.tune.registry.Strategy`, which has a ``fit`` method of its own.

    Examples:
        >>> from headstart.tune.registry import STRATEGIES
        >>> [name for name in ("frozen", "lp_ft", "lora") if isinstance(STRATEGIES[name], MovingStrategy)]
        ['lp_ft', 'lora']
    """

    @property
    def name(self) -> str:
        """The name in the registry."""
        ...

    @property
    def training(self) -> Training:
        """The training settings."""
        ...

    def plan(self, setting: Setting) -> Plan:
        """Decide which parameters are trained, and what is added to the loss."""
        ...


@runtime_checkable
class BringsBody(Protocol):
    """A strategy that trains another body than the source's: one with random weights, or a small one beside it.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], BringsBody)]
        ['scratch', 'side']
    """

    def source_for(self, source: Source, train: Dataset, seed: int) -> Source:
        """The source whose body is trained.

        Args:
            source: the source that was given.
            train: labelled items.
            seed: of random weights.
        """
        ...


@runtime_checkable
class MovesItself(Protocol):
    """A strategy that replaces `headstart.tune.moving.move.move` by its own way to train and judge candidates.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], MovesItself)]
        ['contrastive', 'soup']
    """

    def move(
        self,
        source: Source,
        train: Dataset,
        *,
        seed: int = 0,
        budget: Budget = Budget(),
        search: HeadSearch = HeadSearch(),
        engine: Engine = Engine(),
    ) -> Moved:
        """The judged candidates; the arguments are those of `headstart.tune.moving.move.move`."""
        ...


@runtime_checkable
class CrossFits(Protocol):
    """A strategy that can train on all items and be judged by cross-fitting, so that it needs no pilot run.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], CrossFits)]
        ['contrastive']
    """

    def cross_fits(self, train: Dataset) -> bool:
        """Whether it does so for these items."""
        ...


@runtime_checkable
class ReplaysSource(Protocol):
    """A strategy that also needs labelled items of the source task.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], ReplaysSource)]
        ['der', 'ewc', 'joint']
    """

    @property
    def source_data(self) -> Dataset | None:
        """The labelled source items; None if the caller has to set them."""
        ...


@runtime_checkable
class ChecksBody(Protocol):
    """A strategy that can tell before any work that it cannot train a body here.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], ChecksBody)]
        ['dora', 'lora']
    """

    def check(self, source: Source) -> None:
        """Raise if the body of the source cannot be trained, for example because an extra is missing.

        Args:
            source: the source that was given.
        """
        ...


@runtime_checkable
class TrainsSeveral(Protocol):
    """A strategy that trains several times, one after the other, within its ``move`` method.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], TrainsSeveral)]
        ['soup']
    """

    @property
    def runs(self) -> int:
        """How often."""
        ...


def check_replayed(name: str, source_data: object) -> None:
    """Raise if a strategy that replays the source task has no source items.

    Args:
        name: of the strategy.
        source_data: its source items, in any form; None if there are none.

    Raises:
        DataError: says how to give them.

    Examples:
        >>> check_replayed("joint", None)
        Traceback (most recent call last):
        headstart.errors.DataError: The strategy 'joint' also needs items of the source task, and none were given...
    """
    if source_data is None:
        raise DataError(
            f"The strategy '{name}' also needs items of the source task, and none were given; give labelled ones with "
            "--source-data PATH (in Python: fit(..., source_data=PATH)), or use another strategy, such as 'lwf'."
        )


def with_settings(strategy: S, **settings: object) -> S:
    """A copy of a strategy with other values in some fields.

    Args:
        strategy: a dataclass.
        settings: new values, by the name of the field.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> with_settings(LP_FT, training=Training(epochs=1)).training.epochs
        1
    """
    changed: S = replace(cast("Any", strategy), **settings)
    return changed
