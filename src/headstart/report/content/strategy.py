"""The strategy in a report: whether the body was fine-tuned, the forecast, and every candidate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.words import defined, number, one_line

__all__ = ["candidate_rows", "strategy_sentences", "trial_rows"]

Record = Mapping[str, Any]


def strategy_sentences(record: Record) -> list[str]:
    """The forecast, cost, outcome and forgetting of fine-tuning; empty where the record has no strategy.

    Args:
        record: the facts of a fit.

    Examples:
        >>> strategy_sentences({"strategy": {"name": "lp_ft", "kept": "head", "verdict": "It did not pay"}})
        ['Strategy lp_ft; kept: head. It did not pay.']
        >>> pilot = {"items": 50, "seconds": 9.0, "gain": 0.1, "low": 0.05, "high": 0.2, "stopped": "shown"}
        >>> forecast = {"verdict": "a pilot gained", "pilots": {"lora": pilot}}
        >>> strategy_sentences({"strategy": {"name": "lora", "kept": "head", "forecast": forecast}})[2]
        'Pilot of lora, on 50 items and 9 s: it lowered the loss by +0.1000 [+0.0500, +0.2000]. It ended early: shown.'
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
        lines += _pilots(found["forecast"])
    if found.get("chosen"):
        listed = ", ".join(f"{one_line(name)} {one_line(value)}" for name, value in found["chosen"].items())
        lines.append(f"Training settings that the user chose: {listed}.")
    lines += [_sentence(found[key]["sentence"]) for key in ("range_test", "settings_search") if found.get(key)]
    if found.get("training"):
        lines += _training("Training", found["training"])
    for name, training in (found.get("other_trainings") or {}).items():
        lines += _training(f"Training of {one_line(name)}", training)
    if found.get("forgetting"):
        lines.append(f"Forgetting: {_sentence(found['forgetting'])}")
    return lines


def _pilots(forecast: Record) -> list[str]:
    """Each pilot of several strategies; the early end of a single one, whose gain the verdict holds."""
    several = forecast.get("pilots") or {}
    lines = [
        f"Pilot of {one_line(name)}, on {pilot['items']} items and {pilot['seconds']:.0f} s: it lowered the loss by "
        f"{pilot['gain']:+.4f} [{pilot['low']:+.4f}, {pilot['high']:+.4f}].{_early(pilot)}"
        for name, pilot in several.items()
    ]
    if not several and forecast.get("pilot"):
        lines += [line for line in [_early(forecast["pilot"]).strip()] if line]
    return lines


def _early(pilot: Record) -> str:
    return f" It ended early: {_sentence(pilot['stopped'])}" if pilot.get("stopped") else ""


def _training(name: str, training: Record) -> list[str]:
    lines = [
        f"{name} ended ({training['stopped']}) after {training['epochs']} epochs, {training['steps']} steps and "
        f"{training['seconds']:.0f} s, at {training['items_per_second']:.0f} items per second."
    ]
    if training.get("kept"):
        lines.append(_sentence(f"The training kept {training['kept']}"))
    if training.get("note"):
        lines.append(_sentence(training["note"]))
    if training.get("left_out"):
        listed = ", ".join(f"'{one_line(name)}'" for name in training["left_out"])
        lines.append(f"For want of time these candidates were not judged: {listed}.")
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


def trial_rows(record: Record) -> list[tuple[str, ...]]:
    """Each trial of a search of settings, the default ones first: settings, epochs, loss, seconds, its end.

    Args:
        record: the facts of a fit.

    Examples:
        >>> one = {"trial": 0, "learning_rate": 1e-4, "weight_decay": 0.01, "epochs": 4}
        >>> one |= {"epochs_trained": 4, "validation_loss": 0.5, "seconds": 2.0, "stopped": ""}
        >>> trial_rows({"strategy": {"settings_search": {"trials": [one], "kept": 0}}})
        [('1 (default)', '1.00e-04', '0.01', '4', '4', '0.5000', '2', 'kept')]
    """
    found = (record.get("strategy") or {}).get("settings_search") or {"trials": [], "kept": 0}
    return [
        (
            f"{one['trial'] + 1}{'' if one['trial'] else ' (default)'}", f"{one['learning_rate']:.2e}",
            f"{one['weight_decay']:.2g}", str(one["epochs"]), str(one["epochs_trained"]),
            f"{one['validation_loss']:.4f}" if defined(one["validation_loss"]) else "-", f"{one['seconds']:.0f}",
            "kept" if one["trial"] == found["kept"] else one_line(one["stopped"] or "-"),
        )
        for one in found["trials"]
    ]  # fmt: skip


def _gain(one: Mapping[str, Any]) -> str:
    low, high = one["interval"]
    if one["gain"] == low == high == 0:  # the frozen features compared with themselves
        return "reference"
    bounds = f" [{low:+.4f}, {high:+.4f}]" if defined(low) and defined(high) else ""
    return f"{one['gain']:+.4f}{bounds}"
