"""Look ahead: what a strategy is expected to give and to cost, on the cheapest evidence first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from headstart.engine.rows import take_rows
from headstart.reporting import Reporter
from headstart.transfer.gate.forecast import Forecast, Pilot
from headstart.transfer.gate.headroom import headroom, learning_curve, mismatch
from headstart.transfer.gate.pilot import expected_seconds, run_pilot
from headstart.transfer.gate.recipe_choice import is_crossed
from headstart.transfer.judging import Judged
from headstart.transfer.preparing import Prepared
from headstart.types import Dataset

__all__ = ["look_ahead", "words"]

LITTLE = 0.005  # error that leaves nothing worth an hour
LIMIT = 1800.0  # seconds that "auto" may train where no time limit was given
FITS = 5  # trainings on all items that a crossed one comes to: five on four fifths, and one
FEWEST = 80  # items, below which a pilot's quarter says nothing


def look_ahead(
    strategy: Any,
    prepared: Prepared,
    judged: Judged,
    train: Dataset,
    *,
    seed: int,
    seconds: float | None,
    reporter: Reporter,
) -> Forecast:
    """The evidence for or against moving the body, cheapest first; a pilot only where nothing cheaper decides.

    Args:
        strategy: what would be run.
        prepared: encoded items.
        judged: the frozen features and their head.
        train: the items that would be trained on.
        seed: of all chance.
        seconds: time that is left; None for half an hour.
        reporter: hears of the pilot.

    Examples:
        >>> look_ahead.__name__
        'look_ahead'
    """
    task, y = train.labelled()
    limit = LIMIT if seconds is None else seconds
    error, high = headroom(judged.model.head, y, task)
    if task.kind == "classification" and high < LITTLE:
        return Forecast(error, high, None, None, 0.0, None, f"at most {high:.1%} of the items could be gained", False)
    crossed = is_crossed(strategy, train)
    if len(train) < FEWEST and not crossed:
        return Forecast(error, high, None, None, 0.0, None, f"{len(train)} items are too few to tell", False)
    rows, blocks = take_rows(prepared.rows, judged.plan.fitted), prepared.source.info.blocks
    with reporter.progress("looking ahead"):
        curve = learning_curve(rows, y, task, blocks=blocks, search=judged.search, seed=seed)
        found = mismatch(rows, y, task, blocks=blocks, seed=seed)
        cost = (FITS if crossed else 1) * expected_seconds(strategy, prepared, train, seed=seed)
    forecast = Forecast(error, high, curve, found, cost, None, "", False)
    if cost > limit:
        reason = f"it would take about {cost:.0f} s, more than the {limit:.0f} s that are left; --time-limit sets more"
        return replace(forecast, verdict=reason)
    if crossed:
        return replace(forecast, verdict="each item is judged by a body that left it out", go=True)
    with reporter.progress("a pilot on half of the items") as step:
        pilot = run_pilot(strategy, prepared, judged.search, train, seed=seed, seconds=limit / 3, progress=step)
    return replace(forecast, pilot=pilot, verdict=_verdict(pilot), go=bool(pilot.low > 0))


def _verdict(pilot: Pilot) -> str:
    found = (
        f"a pilot on {pilot.items} items lowered the loss by {pilot.gain:.4f}, with 80% certainty by {pilot.low:.4f}"
    )
    if np.isnan(pilot.low):
        return f"a pilot on {pilot.items} items said nothing"
    return found if pilot.low > 0 else f"{found.replace('lowered', 'changed')}: it may not pay"


def words(name: str, forecast: Forecast) -> str:
    """The forecast in one line.

    Examples:
        >>> words("lp_ft", Forecast(0.1, 0.12, None, None, 60.0, None, "a pilot says so", True))
        'lp_ft is tried, about 60 s: error left 10.0%; a pilot says so'
        >>> words("lp_ft", Forecast(0.001, 0.003, None, None, 0.0, None, "nothing to gain", False))
        'the body stays frozen: error left 0.1%; nothing to gain'
    """
    head = f"{name} is tried, about {forecast.seconds:.0f} s" if forecast.go else "the body stays frozen"
    parts = [f"error left {forecast.error:.1%}"]
    if forecast.curve is not None and not np.isnan(forecast.curve.floor):
        parts.append(f"more items alone would take the loss from {forecast.curve.losses[-1]:.3f} to "
                     f"{forecast.curve.floor:.3f}")  # fmt: skip
    if forecast.mismatch is not None and forecast.mismatch.mismatched:
        parts.append(f"'{forecast.mismatch.block}' serves better than the last layer")
    return f"{head}: {'; '.join([*parts, forecast.verdict])}"
