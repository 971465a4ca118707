"""The contract between a strategy and the training loop: what every strategy has, and what it may have.

`MovingStrategy` is all that a strategy needs. Each further Protocol is one capability, which a strategy has by having
its method or field. What ``plan`` is given and what it returns are in `headstart.tune.moving.plan`. Nothing here needs
torch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source

if TYPE_CHECKING:
    from headstart.tune.moving.candidates import Moved
    from headstart.tune.moving.plan import Plan, Setting

__all__ = ["BringsBody", "CrossFits", "MovesItself", "MovingStrategy", "ReplaysSource", "with_settings"]

S = TypeVar("S")


@runtime_checkable
class MovingStrategy(Protocol):
    """A strategy that fine-tunes the body: a frozen dataclass whose fields are its settings.

    The class attribute ``fit = fit_moved`` (`headstart.tune.moving.move.fit_moved`) makes it a
    `headstart.tune.registry.Strategy` too, which can be fitted by itself.

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
        """How it trains."""
        ...

    def plan(self, setting: Setting) -> Plan:
        """Which parameters are trained, and what is added to the loss."""
        ...


@runtime_checkable
class BringsBody(Protocol):
    """A strategy that trains another body than the source's: fresh weights, or a small body beside it.

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
            seed: of fresh weights.
        """
        ...


@runtime_checkable
class MovesItself(Protocol):
    """A strategy that trains and judges its candidates in a way of its own, not as `headstart.tune.moving.move.move`.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], MovesItself)]
        ['contrastive']
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
    """A strategy that may train on all items and judge itself by cross-fitting, so that it needs no pilot.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], CrossFits)]
        ['contrastive']
    """

    def cross_fits(self, train: Dataset) -> bool:
        """Whether it does so with these items."""
        ...


@runtime_checkable
class ReplaysSource(Protocol):
    """A strategy that trains on labelled items of the source task too.

    Examples:
        >>> from headstart.tune.registry import MOVING, STRATEGIES
        >>> [name for name in MOVING if isinstance(STRATEGIES[name], ReplaysSource)]
        ['joint']
    """

    @property
    def source_data(self) -> Dataset | None:
        """These items; None where the caller's are taken."""
        ...


def with_settings(strategy: S, **settings: object) -> S:
    """The strategy with other values of some of its fields.

    Args:
        strategy: a dataclass.
        settings: by the name of the field.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> with_settings(LP_FT, training=Training(epochs=1)).training.epochs
        1
    """
    changed: S = replace(cast("Any", strategy), **settings)
    return changed
