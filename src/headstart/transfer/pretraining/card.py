"""The card of a pretrained source: what it was trained on, from what, how long, and what it reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from headstart.evaluate.formatting import figure, metric_name

__all__ = ["card_of", "metric_words"]

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
        'accuracy 0.50 [0.40, 0.60] on 100 items'
    """
    low, high = (math.nan if found[key] is None else found[key] for key in ("low", "high"))
    return f"{metric_name(found['metric'])} {figure(found['value'], low, high)} on {found['items']:,} items"


def card_of(record: Mapping[str, Any]) -> str:
    """The card in Markdown.

    Args:
        record: of the pretraining; what it lacks is left out.

    Examples:
        >>> print(card_of({"start": "timm:resnet18 with random weights", "objective": "labels"})[:58])
        # A body that was pretrained by Headstart
        <BLANKLINE>
        - Start:
    """
    data, training = record.get("data", {}), record.get("training", {})
    rows = [
        ("Start", record.get("start")),
        ("Parameters", f"{record['parameters'] / 1e6:.2f} M" if record.get("parameters") else None),
        ("Data", _data_words(data)),
        ("Objective", record.get("objective")),
        ("Training", _training_words(training)),
        ("Kept", training.get("kept")),
        ("On held-out items, which chose the epoch", _judged(record.get("held_out"))),
        ("On the test part, which nothing chose", _judged(record.get("test"))),
        ("Start with a closed-form head on the held-out items", _judged(record.get("untrained"))),
        ("Licence of the weights", record.get("license") or "not stated"),
        ("Command", f"`{record['command']}`" if record.get("command") else None),
    ]
    lines = [f"- {name}: {text}" for name, text in rows if text]
    return "\n".join(["# A body that was pretrained by Headstart", "", *lines, "", LIMITS, ""])


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
