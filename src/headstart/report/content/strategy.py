"""The strategy in a report: whether the body was fine-tuned, the forecast, and every candidate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.words import defined, number, one_line

__all__ = ["candidate_rows", "strategy_sentences"]

Record = Mapping[str, Any]


def strategy_sentences(record: Record) -> list[str]:
    """The forecast, cost, outcome and forgetting of fine-tuning; empty where the record has no strategy.

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
        lines.append(f"Forecast: {_sentence(found['forecast']['verdict'])}")
    if found.get("chosen"):
        listed = ", ".join(f"{one_line(name)} {one_line(value)}" for name, value in found["chosen"].items())
        lines.append(f"Training settings that the user chose: {listed}.")
    if found.get("training"):
        training = found["training"]
        lines.append(
            f"Training ended ({training['stopped']}) after {training['epochs']} epochs, {training['steps']} steps and "
            f"{training['seconds']:.0f} s, at {training['items_per_second']:.0f} items per second."
        )
        if training.get("kept"):
            lines.append(_sentence(f"The training kept {training['kept']}"))
        if training.get("note"):
            lines.append(_sentence(training["note"]))
    if found.get("forgetting"):
        lines.append(f"Forgetting: {_sentence(found['forgetting'])}")
    return lines


def _sentence(text: object) -> str:
    line = one_line(text)
    return line if line.endswith(".") else f"{line}."


def candidate_rows(record: Record) -> list[tuple[str, str, str, str]]:
    """Each candidate: name, validation loss, reduction of the loss from the frozen features, and whether it is kept.

    Args:
        record: the facts of a fit.

    Examples:
        >>> one = {"name": "head", "validation_loss": 0.5, "gain": 0.0, "interval": [0.0, 0.0]}
        >>> candidate_rows({"strategy": {"kept": "head", "candidates": [one]}})
        [('head', '0.5000', 'reference', 'yes')]
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
    if one["gain"] == low == high == 0:  # the frozen features compared with themselves
        return "reference"
    bounds = f" [{low:+.4f}, {high:+.4f}]" if defined(low) and defined(high) else ""
    return f"{one['gain']:+.4f}{bounds}"
