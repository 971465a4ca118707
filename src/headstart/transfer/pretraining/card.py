"""The card of a pretrained source: what it was trained on, from what, how long, and what it reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from headstart.evaluate.formatting import figure, metric_name

__all__ = ["both_words", "card_of", "gain_words", "is_better", "metric_words"]

LIMITS = (
    "The body knows what these data showed it, and nothing else. It was trained by one seed; other seeds give other "
    "weights. Whether it helps on other data is to be measured there: `headstart rank DATA --sources local:...` "
    "compares sources, and `headstart fit` reports the gain over untrained weights."
)


def metric_words(found: Mapping[str, Any]) -> str:
    """A judged part in words.

    Args:
        found: with ``metric``, ``value``, ``low``, ``high`` and ``items``.

    Examples:
        >>> metric_words({"metric": "accuracy", "value": 0.5, "low": 0.4, "high": 0.6, "items": 100})
        'accuracy 0.500 [0.400, 0.600] on 100 items'
    """
    low, high = (math.nan if found[key] is None else found[key] for key in ("low", "high"))
    return f"{metric_name(found['metric'])} {figure(found['value'], low, high)} on {found['items']:,} items"


def is_better(gain: Mapping[str, Any]) -> bool:
    """Whether the interval of a gain lies above zero.

    Args:
        gain: with the lower bound as ``low``; None without an interval.

    Examples:
        >>> is_better({"low": 0.01}), is_better({"low": -0.01}), is_better({"low": None})
        (True, False, False)
    """
    return gain["low"] is not None and gain["low"] > 0


def gain_words(gain: Mapping[str, Any]) -> str:
    """A gain in words.

    Args:
        gain: with ``metric``, ``value``, ``low`` and ``high``.

    Examples:
        >>> gain_words({"metric": "accuracy", "value": 0.1, "low": 0.05, "high": 0.15})
        'accuracy +0.100 [+0.050, +0.150]'
    """
    low, high = (math.nan if gain[key] is None else gain[key] for key in ("low", "high"))
    return f"{metric_name(gain['metric'])} {figure(gain['value'], low, high, sign='+')}"


def both_words(gain: Mapping[str, Any], start: Mapping[str, Any], name: str) -> str:
    """The two values of which a gain is the difference, in words.

    Args:
        gain: of the trained body over its start, each with a closed-form head.
        start: judged start.
        name: of the start.

    Examples:
        >>> both_words({"value": 0.15}, {"value": 0.35}, "random weights")
        'the trained body reaches 0.500, random weights 0.350, each with a closed-form head'
    """
    trained, before = start["value"] + gain["value"], start["value"]
    return f"the trained body reaches {trained:.3f}, {name} {before:.3f}, each with a closed-form head"


def card_of(record: Mapping[str, Any]) -> str:
    """The card in Markdown.

    Args:
        record: of the pretraining; what it lacks is left out.

    Examples:
        >>> card_of({"start": "timm:resnet18 with random weights", "objective": "labels"}).splitlines()[2]
        '- Start: timm:resnet18 with random weights'
    """
    data, training = record.get("data", {}), record.get("training", {})
    rows = [
        ("Start", record.get("start")),
        ("Parameters", f"{record['parameters'] / 1e6:.2f} M" if record.get("parameters") else None),
        ("Data", _data_words(data)),
        ("Objective", record.get("objective")),
        ("Training", _training_words(training)),
        ("Kept", training.get("kept")),
        (f"On held-out items, which chose the epoch{_by(record)}", _judged(record.get("held_out"))),
        (f"On the test part, which nothing chose{_by(record)}", _judged(record.get("test"))),
        ("Start with a closed-form head on the held-out items", _judged(record.get("untrained"))),
        ("Gain over the start, each with a closed-form head", _gain(record)),
        ("Licence of the weights", record.get("license") or "not stated"),
        ("Command", f"`{record['command']}`" if record.get("command") else None),
    ]
    lines = [f"- {name}: {text}" for name, text in rows if text]
    return "\n".join(["# A body that was pretrained by Headstart", "", *lines, "", LIMITS, ""])


def _by(record: Mapping[str, Any]) -> str:
    """Which head judged: without labels nothing but the closed-form head was trained on them."""
    return ", by the head that was trained with the body" if record.get("objective") == "labels" else ""


def _data_words(data: Mapping[str, Any]) -> str | None:
    if not data:
        return None
    labels = data.get("labels") or []
    named = ", ".join(labels[:20]) + (" and others" if len(labels) > 20 else "")
    classes = f", {len(labels)} classes or targets ({named})" if labels else ""
    return f"{data['name']}: {data['items']:,} {data['modality']} items trained on{classes}"


def _training_words(training: Mapping[str, Any]) -> str | None:
    if not training:
        return None
    return (
        f"{training['epochs']} epochs, {training['steps']:,} steps, {training['seconds']:.0f} s, seed "
        f"{training['seed']}; ended: {training['stopped']}"
    )


def _judged(found: Mapping[str, Any] | None) -> str | None:
    return None if not found else metric_words(found)


def _gain(record: Mapping[str, Any]) -> str | None:
    if "gain_over_start" not in record:
        return None
    found = record["gain_over_start"]
    if found is None:
        return "not measured, since the data have no labels"
    shown = "" if is_better(found) else "; **not shown to be better than its start**, and kept by --keep-trained"
    return gain_words(found) + shown
