"""A toy `Setting` for examples and tests: what `move` gives to a strategy."""

from __future__ import annotations

from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.sources.toy_shift import toy_shift
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.moving.move import make_setting, solved_start
from headstart.tune.moving.plan import Setting
from headstart.tune.training.settings import Budget
from headstart.types import Source

__all__ = ["toy_setting"]


def toy_setting(strategy: MovingStrategy, source: Source | None = None, *, items: int = 40) -> Setting:
    """The setting of a strategy on the first items of `headstart.sources.toy_shift.toy_shift`.

    Args:
        strategy: how the body would be fine-tuned.
        source: a source of the same pictures; None for the toy's own.
        items: how many, at most 240.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> setting = toy_setting(LP_FT)
        >>> len(setting.items), len(setting.network.groups), setting.network.head_names
        (40, 3, ('head.weight', 'head.bias'))
    """
    shift = toy_shift()
    body, part = source or shift.source, shift.train.take(range(items))
    start = solved_start(body, part, search=HeadSearch(), seed=0, engine=Engine())
    return make_setting(strategy, body, part, start, seed=0, budget=Budget())
