"""What a report says of the strategy: whether the body moved, what was expected, and every candidate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.words import defined, number, one_line

__all__ = ["candidate_rows", "strategy_sentences"]

Record = Mapping[str, Any]


def strategy_sentences(record: Record) -> list[str]:
    """What was expected of moving the body, what it cost, what is kept, and what was forgotten; empty if nothing moved.

    Args:
        record: the facts of a fit.

    Examples:
        >>> strategy_sentences({"strategy": {"name": "lp_ft", "kept": "head", "verdict": "It did not pay"}})
        ['Strategy lp_ft; kept: head. It did not pay.']
        >>> strategy_sentences({})
        []
    """
    found = record.get("strategy")
    if not found:
        return []
    verdict = f" {_sentence(found['verdict'])}" if found.get("verdict") else ""
    lines = [f"Strategy {one_line(found['name'])}; kept: {one_line(found['kept'])}.{verdict}"]
    if found.get("forecast"):
        lines.append(f"What was expected: {_sentence(found['forecast']['verdict'])}")
    if found.get("training"):
        training = found["training"]
        lines.append(
            f"Training ended ({training['stopped']}) after {training['epochs']} epochs, {training['steps']} steps and "
            f"{training['seconds']:.0f} s, at {training['items_per_second']:.0f} items a second."
        )
        if training.get("note"):
            lines.append(_sentence(training["note"]))
    if found.get("forgetting"):
        lines.append(f"Forgetting: {_sentence(found['forgetting'])}")
    return lines


def _sentence(text: object) -> str:
    line = one_line(text)
    return line if line.endswith(".") else f"{line}."


def candidate_rows(record: Record) -> list[tuple[str, str, str, str]]:
    """Each candidate: its name, validation loss, how much lower that is than the frozen features', and if it is kept.

    Args:
        record: the facts of a fit.

    Examples:
        >>> one = {"name": "head", "validation_loss": 0.5, "gain": 0.0, "interval": [0.0, 0.0]}
        >>> candidate_rows({"strategy": {"kept": "head", "candidates": [one]}})
        [('head', '0.5000', 'the reference', 'yes')]
    """
    found = record.get("strategy") or {"candidates": [], "kept": ""}
    return [
        (
            one_line(one["name"]),
            f"{one['validation_loss']:.4f}" if defined(one["validation_loss"]) else number(one["validation_loss"]),
            _gain(one),
            "yes" if one["name"] == found["kept"] else "no",
        )
        for one in found["candidates"]
    ]


def _gain(one: Mapping[str, Any]) -> str:
    low, high = one["interval"]
    if one["gain"] == low == high == 0:  # the frozen features beside themselves
        return "the reference"
    bounds = f" [{low:+.4f}, {high:+.4f}]" if defined(low) and defined(high) else ""
    return f"{one['gain']:+.4f}{bounds}"
