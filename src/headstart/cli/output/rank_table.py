"""A ranking as a table, and the profile of each source as a bar chart in text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.data.auditing.text_findings import percent
from headstart.data.text.languages import language_names
from headstart.evaluate.formatting import figure

if TYPE_CHECKING:
    from headstart.transfer import Ranking, Standing

__all__ = ["profile_lines", "table_rows"]

BAR = 30  # characters of a bar at accuracy or R² 1
WIDEST_NAME = 56  # characters
WIDEST_LICENCE = 14


def table_rows(ranking: Ranking, scores: Sequence[str] = ()) -> list[list[str]]:
    """A header row, and a row for each source that was measured.

    Args:
        ranking: from `headstart.rank`.
        scores: names of the further scores to show.

    Examples:
        >>> import headstart
        >>> texts, moods = ["good film", "lovely day", "bad film", "awful day"] * 5, ["good", "good", "bad", "bad"] * 5
        >>> rows = table_rows(headstart.rank((texts, moods), ["toy"], untrained=False))
        >>> rows[0][:3], rows[1][:2]
        (['rank', 'source', 'accuracy [95%]'], ['1', 'toy'])
    """
    of_texts = any(standing.texts is not None for standing in ranking.standings)
    header = [
        "rank", "source", f"{ranking.merit} [95%]", "leave-one-out loss [95%]", "kNN loss", "tie", "licence", "params",
        "items/s", "cost", "published", *(["languages", "unknown tokens"] if of_texts else []), *scores,
    ]  # fmt: skip
    shown = [standing for standing in ranking.standings if standing.measured is not None]
    return [header, *(_cells(standing, scores, of_texts, ranking.has_ties) for standing in shown)]


def _cells(standing: Standing, scores: Sequence[str], of_texts: bool, has_ties: bool) -> list[str]:
    found, info = standing.measured, standing.info
    assert found is not None  # noqa: S101 (only those that were measured are shown)
    speed, accuracy = standing.speed, info.accuracy
    return [
        "-" if standing.rank is None else str(standing.rank),
        _ending(standing.source),
        figure(found.merit.value, found.merit.low, found.merit.high),
        figure(found.loss.value, found.loss.low, found.loss.high),
        "-" if found.neighbours is None else f"{found.neighbours:.3f}",
        "tie" if standing.tied and has_ties else "",
        _short(info.license),
        f"{info.parameters / 1e6:.1f} M" if info.parameters else "-",
        "-" if speed is None else f"{speed.items_per_second:,.0f}",
        "-" if standing.cost is None else f"{standing.cost:,.1f} s",
        "-" if accuracy is None else f"{accuracy:.3f} on {info.source_task or 'its task'}",
        *(_reading(standing) if of_texts else []),
        *(_figure(found.scores.get(name, math.nan)) for name in scores),
    ]


def _reading(standing: Standing) -> list[str]:
    """The languages of a source, and the share of tokens that are unknown to it."""
    if standing.texts is None:
        return ["-", "-"]
    unknown = standing.texts.unknown
    return [language_names(standing.info.languages), "-" if unknown is None else percent(unknown)]


def _figure(score: float) -> str:
    return "-" if math.isnan(score) else f"{score:.4g}"


def _ending(name: str) -> str:
    """The last characters of a long name, since it is the end that distinguishes paths."""
    return name if len(name) <= WIDEST_NAME else "..." + name[3 - WIDEST_NAME :]


def _short(licence: str | None) -> str:
    if licence is None:
        return "not stated"
    return licence if len(licence) <= WIDEST_LICENCE else licence[: WIDEST_LICENCE - 3] + "..."


def profile_lines(ranking: Ranking) -> list[str]:
    """For each ranked source, a bar for the leave-one-out accuracy (or R²) of each block, and the best block alone.

    Args:
        ranking: made with ``profile=True``.

    Examples:
        >>> import headstart
        >>> texts, moods = ["good film", "lovely day", "bad film", "awful day"] * 5, ["good", "good", "bad", "bad"] * 5
        >>> ranking = headstart.rank((texts, moods), ["toy"], profile=True, untrained=False)
        >>> profile_lines(ranking)[1].split()[:2]
        ['letters', '##############################']
    """
    lines = []
    for standing in ranking.ranked:
        found = standing.measured
        if found is None or not found.profile:
            continue
        lines.append(f"{_ending(standing.source)}: {ranking.merit} and loss of each block alone")
        width = max(len(worth.block) for worth in found.profile)
        for worth in found.profile:
            bar = "#" * round(BAR * min(1.0, max(0.0, worth.merit)))  # R² may be negative
            lines.append(f"  {worth.block:<{width}}  {bar:<{BAR}}  {worth.merit:.3f}  {worth.loss:.3f}")
        best = min(found.profile, key=lambda worth: worth.loss)
        last = (
            " (the last one)"
            if best is found.profile[-1]
            else ", before the last one, which is closer to the task of pretraining"
        )
        lines += [f"  best alone: {best.block}{last}; read in the ranking: {found.features}", ""]
    return lines
